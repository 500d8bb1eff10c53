package verify

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/clearing/people"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// shiftBooks is what journal and audit have of shifts: a few lines of each.
type shiftBooks struct {
	notes map[int64][]*shiftNote
	steps map[int64]ledger.Fen       // cash of the steps in a shift
	last  map[string]*shiftSeen      // by unit and counter
	seats map[string][]index.Counter // at which counters terminals stood, by the registry
	sits  map[int64][]string         // terminals whose loads are an open shift's
	back  map[backOf]ledger.Fen      // cash given back, by its notes and not by its rows
}

// backOf is what a shift gave back of a load, by the load's order number.
type backOf struct {
	shift int64
	load  string
}

func (b backOf) compare(other backOf) int {
	return cmp.Or(cmp.Compare(b.shift, other.shift), cmp.Compare(b.load, other.load))
}

// shiftNote is a note of the journal, with what it books as over or short, and as handed over.
type shiftNote struct {
	cards.ShiftNote
	over, handed ledger.Fen
	kept         bool // its row of shift_cash was seen
}

// shiftSeen is a shift's row.
type shiftSeen struct {
	number                                                     int64
	unit, counter, terminals                                   string
	opened, closed                                             int64
	openedBy, closedBy                                         string
	start, due, steps, loaded, claimed, handed, later, counted ledger.Fen
}

func newShiftBooks() shiftBooks {
	return shiftBooks{map[int64][]*shiftNote{}, map[int64]ledger.Fen{}, map[string]*shiftSeen{}, map[string][]index.Counter{}, map[int64][]string{}, map[backOf]ledger.Fen{}}
}

// shiftNotes takes up the notes of a channel.
func (c *check) shiftNotes(l *life) {
	for id, text := range l.notes {
		var of cards.ShiftNote
		if err := json.Unmarshal(text, &of); err != nil || chart.Channel(strings.TrimPrefix(string(of.Unit), "channel:")) != string(l.subject) {
			c.fault(ShiftRow, l.name(), "a note of it cannot be read")
			continue
		}
		note := shiftNote{ShiftNote: of}
		handed := ledger.IDOfCode(chart.Handed(strings.TrimPrefix(string(of.Unit), "channel:")))
		for _, money := range l.paid[id[1:]] {
			switch {
			case money.Debit == handed:
				note.handed += money.Amount
			case money.Credit == ledger.IDOfCode(chart.Differences):
				note.over += money.Amount
			default:
				note.over -= money.Amount
			}
		}
		delete(l.paid, id[1:])
		if act := c.acted.shifts[orderKey{of.Unit, of.Order}]; act != nil {
			act.shift = of.Shift
		}
		c.shiftsOf.notes[of.Shift] = append(c.shiftsOf.notes[of.Shift], &note)
		if of.Do == cards.GivesBack {
			c.shiftsOf.back[backOf{of.Shift, of.Load}] += of.Back
		}
	}
	if len(l.paid) > 0 {
		c.fault(ShiftRow, l.name(), "the journal has money of %d orders of shifts without their notes", len(l.paid))
	}
}

// shifts holds the rows of shifts against the journal's notes, the audit, the
// steps of cards and the loads at their terminals.
func (c *check) shifts(ctx context.Context) error {
	err := registry.EachCounter(ctx, c.tx, func(terminal [6]byte, at index.Counter) {
		name := hex.EncodeToString(terminal[:])
		c.shiftsOf.seats[name] = append(c.shiftsOf.seats[name], at)
	})
	if err != nil && !errors.Is(err, registry.ErrAltered) { // such a row is named with the registry's
		return err
	}
	var terminal []byte
	var of, unit string
	var sits int64
	if err := c.each(ctx, "SELECT t.terminal, t.unit, coalesce(s.unit, ''), t.shift FROM shift_terminals AS t LEFT JOIN shifts AS s ON s.number = t.shift ORDER BY t.terminal",
		[]any{&terminal, &of, &unit, &sits}, func() error {
			if of != unit {
				c.fault(ShiftRow, fmt.Sprintf("shift %d", sits), "terminal %x of %s is its", terminal, of)
			}
			c.shiftsOf.sits[sits] = append(c.shiftsOf.sits[sits], hex.EncodeToString(terminal))
			return nil
		}); err != nil {
		return err
	}
	if err := c.shiftCash(ctx); err != nil {
		return err
	}
	var s shiftSeen
	err = c.each(ctx, `SELECT number, unit, counter, terminals, opened, opened_by, closed, closed_by, start_fen, due_fen, steps_fen, loaded_fen, claimed_fen,
			handed_fen, later_fen, counted_fen FROM shifts ORDER BY number`,
		[]any{
			&s.number, &s.unit, &s.counter, &s.terminals, &s.opened, &s.openedBy, &s.closed, &s.closedBy, &s.start, &s.due, &s.steps, &s.loaded, &s.claimed,
			&s.handed, &s.later, &s.counted,
		}, func() error {
			if wrong := c.shiftWrong(&s); wrong != "" {
				c.fault(ShiftRow, fmt.Sprintf("shift %d", s.number), "%s", wrong)
			}
			delete(c.shiftsOf.notes, s.number)
			delete(c.taken, s.number)
			delete(c.shiftsOf.steps, s.number)
			seen := s
			c.shiftsOf.last[s.unit+"\x00"+s.counter] = &seen
			return nil
		})
	if err != nil {
		return err
	}
	for _, of := range slices.SortedFunc(maps.Keys(c.shiftsOf.back), backOf.compare) {
		if fen := c.shiftsOf.back[of]; fen != 0 {
			c.fault(ShiftRow, fmt.Sprintf("shift %d", of.shift), "it has given cash of load order %s back; its orders say %d fen more than the loads", of.load, fen)
		}
	}
	for _, number := range slices.Sorted(maps.Keys(c.shiftsOf.notes)) {
		c.fault(ShiftRow, fmt.Sprintf("shift %d", number), "the journal has notes of it, and it is not kept")
	}
	for _, number := range slices.Sorted(maps.Keys(c.taken)) {
		c.fault(ShiftRow, fmt.Sprintf("shift %d", number), "loads are of it, and it is not kept")
	}
	for _, number := range slices.Sorted(maps.Keys(c.shiftsOf.steps)) {
		c.fault(ShiftRow, fmt.Sprintf("shift %d", number), "steps of cards are in it, and it is not kept")
	}
	return nil
}

// shiftWrong says what is wrong with a shift's row.
func (c *check) shiftWrong(s *shiftSeen) string {
	notes := c.shiftsOf.notes[s.number]
	opens, closes := -1, -1
	var handed, later ledger.Fen
	for i := range notes {
		n := notes[i]
		if string(n.Unit) != s.unit || n.Counter != s.counter || n.Terminals != s.terminals {
			return "a note of it is of another counter"
		}
		if wrong := c.cashOf(n); wrong != "" {
			return wrong
		}
		switch {
		case n.Do == cards.Opens:
			opens = i
		case n.Do == cards.Closes:
			closes = i
		case n.Ended:
			later += n.By
		default:
			handed += n.By
		}
	}
	switch {
	case opens < 0:
		return "the journal has no note of its opening"
	case (closes >= 0) != (s.closed != 0):
		return "it is open in the journal and closed here, or the other way round"
	case handed != s.handed || later != s.later:
		return fmt.Sprintf("%d and %d fen were handed over; the journal has %d and %d", s.handed, s.later, handed, later)
	case c.shiftsOf.steps[s.number] != s.steps:
		return fmt.Sprintf("%d fen of steps; the steps in it have %d", s.steps, c.shiftsOf.steps[s.number])
	}
	if wrong := c.opened(s, notes[opens]); wrong != "" {
		return wrong
	}
	if wrong := c.sits(s); wrong != "" || closes < 0 {
		return wrong
	}
	return c.closed(s, notes[closes])
}

// sits says what is wrong with the terminals whose loads are a shift's.
func (c *check) sits(s *shiftSeen) string {
	at := c.shiftsOf.sits[s.number]
	delete(c.shiftsOf.sits, s.number)
	want := ""
	if s.closed == 0 {
		want = s.terminals
	}
	if is := strings.Join(at, " "); is != want {
		return fmt.Sprintf("loads at the terminals %q are its cash, want %q", is, want)
	}
	if of := c.taken[s.number]; of != nil && s.closed == 0 {
		return c.loadsOf(s, of.fen)
	}
	return ""
}

// actOfShift is the audit's entry of an order of a shift.
func (c *check) actOfShift(s *shiftSeen, order string) *chain.AuditEntry {
	if act := c.acted.shifts[orderKey{people.Unit(s.unit), order}]; act != nil {
		return act.entry
	}
	return new(chain.AuditEntry)
}

// opened says what is wrong with the opening of a shift.
func (c *check) opened(s *shiftSeen, n *shiftNote) string {
	act := c.actOfShift(s, n.Order)
	left, before := ledger.Fen(0), c.shiftsOf.last[s.unit+"\x00"+s.counter]
	if before != nil {
		left = before.counted - before.later
	}
	switch {
	case n.Start != s.start || n.Due != s.due:
		return "the journal's note of its opening is another one"
	case act.First != s.openedBy || act.At.Unix() != s.opened:
		return fmt.Sprintf("%q opened it at second %d; the audit has %q at %d", s.openedBy, s.opened, act.First, act.At.Unix())
	case before != nil && before.closed == 0 || left != s.due:
		return fmt.Sprintf("%d fen were there before; the shift before has left %d, or is open", s.due, left)
	case s.start != s.due && act.Act != cards.ActOpenOther && act.Act != cards.ActByTwo:
		return fmt.Sprintf("it begins with %d fen, and the shift before has left %d", s.start, s.due)
	case n.over != s.start-s.due:
		return fmt.Sprintf("the journal has %d fen over as it begins, and the shift %d", n.over, s.start-s.due)
	}
	for _, terminal := range strings.Fields(s.terminals) {
		if !c.stoodAt(s, terminal) {
			return fmt.Sprintf("terminal %s stood at another counter, by the registry", terminal)
		}
	}
	return ""
}

// stoodAt reports whether the registry ever had a terminal at the counter of a shift on the day on
// which it was opened. That is in the city's zone, so the days around it in UTC do.
func (c *check) stoodAt(s *shiftSeen, terminal string) bool {
	day := ledger.DayOf(time.Unix(s.opened, 0).UTC())
	return slices.ContainsFunc(c.shiftsOf.seats[terminal], func(at index.Counter) bool {
		return "channel:"+at.Channel == s.unit && at.Name == s.counter && (at.Holds(day) || at.Holds(day.Add(-1)) || at.Holds(day.Add(1)))
	})
}

// closed says what is wrong with the close of a shift.
func (c *check) closed(s *shiftSeen, n *shiftNote) string {
	act := c.actOfShift(s, n.Order)
	switch {
	case n.Steps != s.steps || n.Loaded != s.loaded || n.Claimed != s.claimed || n.Counted != s.counted || n.Handed != s.handed:
		return "the journal's note of its close is another one"
	case act.First != s.closedBy || act.At.Unix() != s.closed:
		return fmt.Sprintf("%q closed it at second %d; the audit has %q at %d", s.closedBy, s.closed, act.First, act.At.Unix())
	case n.over != s.counted-(s.start+s.steps+s.loaded-s.handed):
		return fmt.Sprintf("the journal has %d fen over, and the shift %d", n.over, s.counted-(s.start+s.steps+s.loaded-s.handed))
	}
	return c.loadsOf(s, s.loaded)
}

// loadsOf says what is wrong with the loads of a shift.
func (c *check) loadsOf(s *shiftSeen, fen ledger.Fen) string {
	of := c.taken[s.number]
	if of == nil {
		of = new(takenOf)
	}
	if of.fen != fen || of.unit != "" && of.unit != s.unit {
		return fmt.Sprintf("%d fen of loads; those at its terminals have %d", fen, of.fen)
	}
	for _, terminal := range slices.Sorted(maps.Keys(of.terminals)) {
		if !slices.Contains(strings.Fields(s.terminals), terminal) {
			return fmt.Sprintf("it has loads of terminal %s, which is none of its", terminal)
		}
	}
	return ""
}
