package registry

import (
	"cmp"
	"fmt"
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

// number is the whole number of the card.
func (r *hotRow) number() Number { return cardClass{first: r.first}.number(r.digits) }

// maxReasons is how many reasons a hotlist may have.
const maxReasons = 1 << 16

// hotTable holds the hotlist in order of digits and moment. It is never changed once
// somebody may be reading it.
//
// Nearly every card that is asked about is on no list: filter has at least 16 bits
// a row, of which a row sets one, and answers for 15 cards of 16 with one look at
// memory. With it a row takes 22 to 24 bytes.
type hotTable struct {
	rows    []hotRow
	reasons []string
	filter  []uint64
}

// bit is a card's place in a filter.
func (t *hotTable) bit(digits *keys.Digits) (word int, mask uint64) {
	h := value(digits) * 0x9E3779B97F4A7C15
	n := h >> (64 - uint(bits.Len(uint(len(t.filter)-1))) - 6)
	return int(n >> 6), 1 << (n & 63)
}

// index makes the filter.
func (t *hotTable) index() {
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

// rowsOf are the rows of a card, in order of moment.
func (t *hotTable) rowsOf(digits keys.Digits) []hotRow {
	from, _ := slices.BinarySearchFunc(t.rows, hotRow{digits: digits}, compareHot)
	to := from
	for to < len(t.rows) && t.rows[to].digits == digits {
		to++
	}
	return t.rows[from:to]
}

// on finds the row that a moment falls to: the latest that has begun, unless it is
// over.
func (t *hotTable) on(digits keys.Digits, bcd [7]byte) (hotRow, bool) {
	if len(t.rows) == 0 {
		return hotRow{}, false
	}
	if word, mask := t.bit(&digits); t.filter[word]&mask == 0 {
		return hotRow{}, false
	}
	at := MomentOf(bcd)
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
func (t *hotTable) reason(text string) (n uint16, ok bool) {
	at := slices.Index(t.reasons, text)
	if at < 0 {
		if len(t.reasons) == maxReasons {
			return 0, false
		}
		at = len(t.reasons)
		t.reasons = append(t.reasons, text)
	}
	return uint16(at), true
}

// with is t and then the rows of more, which replace those of the same card and
// moment; neither is changed.
func (t *hotTable) with(more *hotTable) hotTable {
	switch {
	case len(more.rows) == 0:
		return *t
	case len(t.rows) == 0:
		return *more
	}
	sum := hotTable{rows: make([]hotRow, 0, len(t.rows)+len(more.rows)), reasons: slices.Clone(t.reasons)}
	old := t.rows
	for _, row := range more.rows {
		row.reason, _ = sum.reason(more.reasons[row.reason])
		n, same := slices.BinarySearchFunc(old, row, compareHot)
		sum.rows = append(append(sum.rows, old[:n]...), row)
		if same {
			n++
		}
		old = old[n:]
	}
	sum.rows = append(sum.rows, old...)
	sum.index()
	return sum
}

// hotCards counts cards, not rows.
func (t *hotTable) hotCards() (n int) {
	for i := range t.rows {
		if i == 0 || t.rows[i].digits != t.rows[i-1].digits {
			n++
		}
	}
	return n
}

// finish puts the rows in order, as they were added. overlap hears of each that
// begins before the one before it is over.
func (t *hotTable) finish(overlap func(row, before hotRow)) {
	slices.SortStableFunc(t.rows, compareHot)
	for i := 1; i < len(t.rows); i++ {
		if last := t.rows[i-1]; last.digits == t.rows[i].digits && t.rows[i].from <= last.to {
			overlap(t.rows[i], last)
		}
	}
	if len(t.rows) > 0 {
		t.index()
	}
}

// hotCard reads a row of the hotlist. The card need not be registered: it may be
// another city's.
func (b *builder) hotCard(f []string) error {
	c := cells{fields: f}
	number := c.cardNumber(0)
	r := hotRow{digits: number.Signed(), first: [2]byte(number[:2])}
	reason := c.id(1)
	r.from, r.to = c.moment(2), open
	if f[3] != "" {
		if r.to = c.moment(3); r.to < r.from {
			c.fail(3, "a moment not before the first")
		}
	}
	if c.err != nil {
		return c.err
	}
	var ok bool
	if r.reason, ok = b.hotlist.reason(reason); !ok {
		return fmt.Errorf("card %s: more than %d reasons", number, maxReasons)
	}
	if !b.checked {
		for _, old := range b.base.hotlist.rowsOf(r.digits) {
			if old.first == r.first && old.from == r.from && old.to == r.to && b.base.hotlist.reasons[old.reason] == reason {
				return nil
			}
		}
	}
	b.hotlist.rows = append(b.hotlist.rows, r)
	return nil
}

func (c *cells) moment(i int) Moment {
	m, ok := parseMoment(c.fields[i])
	if !ok {
		c.fail(i, fmt.Sprintf("a local time YYYYMMDDhhmmss from %d to %d", firstYear, lastYear))
	}
	return m
}

func (c *content) eachHotCard(fn func(row) error) error {
	for i := range c.hotlist.rows {
		r := &c.hotlist.rows[i]
		to := ""
		if r.to != open {
			to = r.to.String()
		}
		if err := fn(row{Hotlist, slices.Clone(r.digits[:]), r.from.number(), []string{
			r.number().Digits(), c.hotlist.reasons[r.reason], r.from.String(), to,
		}}); err != nil {
			return err
		}
	}
	return nil
}
