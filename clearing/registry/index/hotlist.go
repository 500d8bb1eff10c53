package index

import (
	"cmp"
	"iter"
	"math/bits"
	"slices"

	"citycard/cardos/keys"
)

// hotRow is a row of the hotlist as it is held, 20 bytes.
type hotRow struct {
	digits   keys.Digits
	first    [2]byte // the first four digits of the number
	reason   uint16
	from, to Moment // both included
}

func compareHot(a, b hotRow) int {
	return cmp.Or(cmp.Compare(value(&a.digits), value(&b.digits)), cmp.Compare(a.from, b.from))
}

// MaxReasons is how many reasons a hotlist may have.
const MaxReasons = 1 << 16

// Listing is a row of the hotlist.
type Listing struct {
	Card     Number
	Reason   string
	From, To Moment // both included
}

// Hotlist holds the hotlist in order of digits and moment. It is never changed once
// somebody may be reading it.
//
// Nearly every card that is looked up is on no list. The filter has at least 16 bits for each row,
// and each row sets one of them. So it answers for 15 of 16 cards with one memory access. With it a
// row takes 22 to 24 bytes.
type Hotlist struct {
	rows    []hotRow
	reasons []string
	filter  []uint64
}

// bit is a card's place in a filter.
func (t *Hotlist) bit(digits *keys.Digits) (word int, mask uint64) {
	h := value(digits) * 0x9E3779B97F4A7C15
	n := h >> (64 - uint(bits.Len(uint(len(t.filter)-1))) - 6)
	return int(n >> 6), 1 << (n & 63)
}

// index makes the filter.
func (t *Hotlist) index() {
	words := 1
	for words*4 < len(t.rows) {
		words *= 2
	}
	t.filter = make([]uint64, words)
	for i := range t.rows {
		word, mask := t.bit(&t.rows[i].digits)
		t.filter[word] |= mask
	}
}

// Has reports whether the hotlist has a row.
func (t *Hotlist) Has(l Listing) bool {
	i, found := slices.BinarySearchFunc(t.rows, hotRow{digits: l.Card.Signed(), from: l.From}, compareHot)
	return found && t.listing(t.rows[i]) == l
}

// All goes through the rows in order of card and moment.
func (t *Hotlist) All() iter.Seq[Listing] {
	return func(yield func(Listing) bool) {
		for _, row := range t.rows {
			if !yield(t.listing(row)) {
				return
			}
		}
	}
}

func (t *Hotlist) listing(r hotRow) Listing {
	number := cardClass{first: r.first}.number(r.digits)
	return Listing{Card: number, Reason: t.reasons[r.reason], From: r.from, To: r.to}
}

// Add appends a row; it is found once Finish has put the rows in order. It fails where there
// are too many reasons.
func (t *Hotlist) Add(l Listing) (ok bool) {
	r := hotRow{digits: l.Card.Signed(), first: [2]byte(l.Card[:2]), from: l.From, to: l.To}
	if r.reason, ok = t.reason(l.Reason); ok {
		t.rows = append(t.rows, r)
	}
	return ok
}

// Reasons counts the reasons of both hotlists, each once.
func (t *Hotlist) Reasons(other *Hotlist) int { return distinct(t.reasons, other.reasons) }

// on finds the row in force at a moment: the latest that has begun, unless it has ended.
func (t *Hotlist) on(digits keys.Digits, bcd [7]byte) (hotRow, bool) {
	if len(t.rows) == 0 {
		return hotRow{}, false
	}
	if word, mask := t.bit(&digits); t.filter[word]&mask == 0 {
		return hotRow{}, false
	}
	at := momentOf(bcd)
	i, exact := slices.BinarySearchFunc(t.rows, hotRow{digits: digits, from: at}, compareHot)
	if !exact {
		i--
	}
	if i < 0 || t.rows[i].digits != digits || at > t.rows[i].to {
		return hotRow{}, false
	}
	return t.rows[i], true
}

// reason numbers a reason; ok is false where there are too many.
func (t *Hotlist) reason(text string) (n uint16, ok bool) {
	return numberIn(&t.reasons, text, MaxReasons)
}

// with is t and then the rows of more, which replace those of the same card and
// moment; neither is changed.
func (t *Hotlist) with(more *Hotlist) Hotlist {
	switch {
	case len(more.rows) == 0:
		return *t
	case len(t.rows) == 0:
		return *more
	}
	merged := Hotlist{rows: make([]hotRow, 0, len(t.rows)+len(more.rows)), reasons: slices.Clone(t.reasons)}
	old := t.rows
	for _, row := range more.rows {
		row.reason, _ = merged.reason(more.reasons[row.reason])
		n, same := slices.BinarySearchFunc(old, row, compareHot)
		merged.rows = append(append(merged.rows, old[:n]...), row)
		if same {
			n++
		}
		old = old[n:]
	}
	merged.rows = append(merged.rows, old...)
	merged.index()
	return merged
}

// cards counts cards, not rows.
func (t *Hotlist) cards() (n int) {
	for i := range t.rows {
		if i == 0 || t.rows[i].digits != t.rows[i-1].digits {
			n++
		}
	}
	return n
}

// Finish puts the rows in order, as they were added. overlap is called for each that
// begins before the one before it is over.
func (t *Hotlist) Finish(overlap func(row, before Listing)) {
	slices.SortStableFunc(t.rows, compareHot)
	for i := 1; i < len(t.rows); i++ {
		if last := t.rows[i-1]; last.digits == t.rows[i].digits && t.rows[i].from <= last.to {
			overlap(t.listing(t.rows[i]), t.listing(last))
		}
	}
	if len(t.rows) > 0 {
		t.index()
	}
}
