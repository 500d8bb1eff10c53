package counters

import (
	"cmp"
	"slices"
)

const (
	// gapLimit is how many gaps of one counter are kept open. looseLimit is how many unverified
	// numbers beyond the counter are kept.
	gapLimit   = 32
	looseLimit = 32

	// heldLimit is how many unreported gaps are kept open. When a day was closed without a
	// partition, a SAM's numbers may have a gap for each tap in that partition.
	heldLimit = 1 << 14

	// jumpLimit is the largest step of a counter that one record alone can cause.
	jumpLimit = 256
)

// run is some numbers in a row.
type run struct{ first, last int64 }

// numbers says which numbers of a counter were seen: all from first to before next,
// but those in the gaps. The zero value has seen none.
//
// A single record with a number far away changes nothing, because a terminal may have invented it.
// The number is remembered, and believed once another one is near it.
type numbers struct {
	first, next int64
	gaps        []run   // ascending, not touching
	loose       []int64 // ascending: numbers from next on that unverified records used
	far         int64   // the number far away, plus one; 0 for none
	held        int64   // gaps from this number on were not reported yet, plus one; 0: all were
}

// seen is what became of a number.
type seen uint8

const (
	fresh  seen = iota // after all others, or filling a gap
	twice              // seen before
	early              // from before the history, of which nothing is known
	jumped             // far away, and alone there
)

// any reports whether a number was seen at all.
func (n *numbers) any() bool { return n.next > n.first }

// add takes a number up.
func (n *numbers) add(v int64) seen {
	switch {
	case !n.any():
		n.first, n.next = v, v+1
		return fresh
	case v < n.first-jumpLimit || v >= n.next+jumpLimit:
		return n.jump(v)
	case v < n.first:
		return early
	case v >= n.next:
		n.advance(v)
		return fresh
	}
	return n.fill(v)
}

// advance moves next past v, which leaves a gap if numbers are missing in between.
func (n *numbers) advance(v int64) {
	if v > n.next {
		n.gaps = append(n.gaps, run{n.next, v - 1})
	}
	n.next = v + 1
	for len(n.loose) > 0 && n.loose[0] < n.next {
		n.fill(n.loose[0])
		n.loose = slices.Delete(n.loose, 0, 1)
	}
}

// jump believes a number far away where the last one far away was near it. From a
// higher one on the history goes on with a gap; from a lower one it begins again.
func (n *numbers) jump(v int64) seen {
	other := n.far - 1
	if n.far == 0 || other == v || other < v-jumpLimit || other > v+jumpLimit {
		n.far = v + 1
		return jumped
	}
	low, high := min(v, other), max(v, other)
	n.far, n.loose = 0, nil
	if low < n.next {
		*n = numbers{first: low, next: low + 1}
	} else {
		n.advance(low)
	}
	n.advance(high)
	return fresh
}

// fill takes a number below next.
func (n *numbers) fill(v int64) seen {
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
	}
	return fresh
}

// giveUp drops the oldest gaps if there are too many, and with them everything before their end. It
// runs after a day's new gaps were reported. Unreported gaps are kept, up to a limit of their own.
func (n *numbers) giveUp() {
	most := len(n.gaps) - gapLimit
	if n.held != 0 {
		reported, _ := slices.BinarySearchFunc(n.gaps, n.held-1, func(g run, from int64) int { return cmp.Compare(g.first, from) })
		most = max(min(most, reported), len(n.gaps)-heldLimit)
	}
	if most > 0 {
		n.first = n.gaps[most-1].last + 1
		n.gaps = slices.Delete(n.gaps, 0, most)
	}
}

// addUnverified adds a number from an unverified record. It fills a gap, now or when the counter
// has reached it, and changes nothing else.
func (n *numbers) addUnverified(v int64) {
	switch {
	case !n.any() || v < n.first:
	case v < n.next:
		n.fill(v)
	default:
		if at, there := slices.BinarySearch(n.loose, v); !there && at < looseLimit {
			n.loose = slices.Insert(n.loose, at, v)
			n.loose = n.loose[:min(len(n.loose), looseLimit)]
		}
	}
}

// report returns the gaps that a day has to report: those that it opened, from number next on, and
// those that were held back. A day that was closed without all of its records holds them back until
// the next day that has all of its records.
func (n *numbers) report(next int64, unread bool) []run {
	if n.held != 0 {
		next = min(next, n.held-1)
	}
	gaps := n.opened(next)
	n.held = 0
	if unread && len(gaps) > 0 {
		n.held = next + 1
	}
	if unread {
		return nil
	}
	return gaps
}

// opened lists the new gaps: those from number next on, where next is the counter's next number at
// the start of the day. The rest of a gap that was filled in part is not new.
func (n *numbers) opened(next int64) []run {
	var list []run
	for _, g := range n.gaps {
		if g.first = max(g.first, next); g.first <= g.last {
			list = append(list, g)
		}
	}
	return list
}
