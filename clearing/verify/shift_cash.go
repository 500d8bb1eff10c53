package verify

import (
	"context"
	"fmt"
	"slices"

	"citycard/clearing/cards"
	"citycard/clearing/people"
	"citycard/ledger"
)

// cashRow is a row of what a shift books of its cash.
type cashRow struct {
	entry, shift, at, day               int64
	unit, number, what, who, two, place string
	fen                                 ledger.Fen
}

// shiftCash holds the rows of what shifts book of their cash against the notes of their orders, and
// the audit.
func (c *check) shiftCash(ctx context.Context) error {
	var r cashRow
	last := int64(0)
	return c.each(ctx, "SELECT entry, unit, number, shift, what, at, day, person, second, place, fen FROM shift_cash ORDER BY entry",
		[]any{&r.entry, &r.unit, &r.number, &r.shift, &r.what, &r.at, &r.day, &r.who, &r.two, &r.place, &r.fen}, func() error {
			if last++; r.entry != last {
				c.fault(ShiftRow, fmt.Sprintf("shift %d", r.shift), "entry %d of its cash follows entry %d", r.entry, last-1)
				last = r.entry
			}
			if wrong := c.cashWrong(&r); wrong != "" {
				c.fault(ShiftRow, fmt.Sprintf("shift %d", r.shift), "entry %d of its cash: %s", r.entry, wrong)
			}
			return nil
		})
}

// cashWrong says what is wrong with such a row.
func (c *check) cashWrong(r *cashRow) string {
	notes := c.shiftsOf.notes[r.shift]
	i := slices.IndexFunc(notes, func(n *shiftNote) bool { return n.Order == r.number && string(n.Unit) == r.unit })
	act := c.acted.shifts[orderKey{people.Unit(r.unit), r.number}]
	if i < 0 || act == nil {
		return "journal and audit have no such order"
	}
	n, e := notes[i], act.entry
	n.kept = true
	switch day := ledger.DayOf(e.At.UTC()); {
	case string(n.Do) != r.what || n.over+n.handed != r.fen:
		return fmt.Sprintf("%d fen of %q; the journal has %d of %q", r.fen, r.what, n.over+n.handed, n.Do)
	case e.First != r.who || e.Second != r.two || e.At.Unix() != r.at || act.said.To != r.place:
		return fmt.Sprintf("%q and %q at second %d, to %q; the audit has %q and %q at %d, to %q", r.who, r.two, r.at, r.place, e.First, e.Second, e.At.Unix(), act.said.To)
	case ledger.Day(r.day) < day.Add(-1) || ledger.Day(r.day) > day.Add(1): // it is one of the city's zone
		return fmt.Sprintf("it is of day %d, and the audit has second %d", r.day, e.At.Unix())
	}
	return ""
}

// cashOf says what is wrong with what an order of a shift has booked.
func (c *check) cashOf(n *shiftNote) string {
	switch act := c.acted.shifts[orderKey{n.Unit, n.Order}]; {
	case (n.Do == cards.HandsOver) != (n.handed != 0) || n.handed != n.By || n.handed != 0 && n.over != 0:
		return fmt.Sprintf("the journal has money of %d fen that were handed over by order %s, and its note %d", n.handed, n.Order, n.By)
	case n.handed != 0 && (act == nil || act.entry.Second == ""):
		return fmt.Sprintf("the audit does not say who received what order %s has handed over", n.Order)
	case n.over+n.handed != 0 && !n.kept:
		return fmt.Sprintf("order %s has booked %d fen, and that is not kept", n.Order, n.over+n.handed)
	}
	return ""
}
