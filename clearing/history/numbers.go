package history

import "slices"

// gapLimit is how many gaps of one counter are kept open.
const gapLimit = 32

// run is some numbers in a row.
type run struct{ first, last int64 }

// numbers says which numbers of a counter were seen: all from first to before next,
// but those in the gaps. The zero value has seen none.
type numbers struct {
	first, next int64
	gaps        []run // ascending, not touching
}

// seen is what became of a number.
type seen uint8

const (
	fresh seen = iota // after all others, or filling a gap
	twice             // seen before
	early             // from before the history, of which nothing is known
)

// any reports whether a number was seen at all.
func (n *numbers) any() bool { return n.next > n.first }

// add takes a number up.
func (n *numbers) add(v int64) seen {
	switch {
	case !n.any():
		n.first, n.next = v, v+1
		return fresh
	case v < n.first:
		return early
	case v >= n.next:
		if v > n.next {
			n.gaps = append(n.gaps, run{n.next, v - 1})
		}
		n.next = v + 1
		n.giveUp()
		return fresh
	}
	at, inside := slices.BinarySearchFunc(n.gaps, v, func(g run, v int64) int {
		switch {
		case g.last < v:
			return -1
		case g.first > v:
			return 1
		}
		return 0
	})
	if !inside {
		return twice
	}
	switch g := n.gaps[at]; {
	case g.first == g.last:
		n.gaps = slices.Delete(n.gaps, at, at+1)
	case v == g.first:
		n.gaps[at].first++
	case v == g.last:
		n.gaps[at].last--
	default:
		n.gaps = slices.Insert(n.gaps, at+1, run{v + 1, g.last})
		n.gaps[at].last = v - 1
		n.giveUp()
	}
	return fresh
}

// giveUp forgets the oldest gap where there are too many, and with it everything
// before its end.
func (n *numbers) giveUp() {
	if len(n.gaps) > gapLimit {
		n.first = n.gaps[0].last + 1
		n.gaps = slices.Delete(n.gaps, 0, 1)
	}
}

// opened lists the gaps from a number on: those that were not open when next was
// to come. What fills a gap in part opens none.
func (n *numbers) opened(next int64) []run {
	var list []run
	for _, g := range n.gaps {
		if g.first = max(g.first, next); g.first <= g.last {
			list = append(list, g)
		}
	}
	return list
}
