package verify

import (
	"bytes"
	"context"
	"fmt"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/transit/load"
	"citycard/ledger"
)

// A card's paid and refunded loads in the journal (ids that begin with 03 and 04), a channel's that
// wait or were withdrawn (05 and 06), and then the rows that say at which terminal their cash was
// taken or given back.
const besideTerminals = `
	SELECT subject AS card, 0 AS what, id, evidence, debit, credit, amount AS fen, '' AS unit, ''::BYTEA AS terminal, 0::INT8 AS shift, '' AS number FROM journal
		WHERE kind IS NULL AND id >= '\x03' AND id < '\x07'
	UNION ALL SELECT card, 1, id, NULL, 0, 0, fen, unit, terminal, shift, number FROM terminal_loads
	ORDER BY card, what, id`

type terminalRow struct {
	card               []byte
	what               int
	id, evidence       []byte
	debit, credit, fen int64
	unit               string
	terminal           []byte
	shift              int64
	number             string // of the order, of what is given back
}

// taking are one card's loads that were paid at terminals, as the journal tells them.
type taking struct {
	card []byte
	paid map[string]load.Taken // by id
	open map[string]load.Taken // no row of them was seen yet
}

func newTaking(card []byte) *taking {
	return &taking{bytes.Clone(card), map[string]load.Taken{}, map[string]load.Taken{}}
}

// takenOf is what the shifts of a counter took for loads.
type takenOf struct {
	fen       ledger.Fen
	unit      string
	terminals map[string]bool
}

// terminals compares where cash of loads was taken with the journal, and adds it up for the shifts.
func (c *check) terminals(ctx context.Context) error {
	var r terminalRow
	of := newTaking(nil)
	err := c.each(ctx, besideTerminals, []any{&r.card, &r.what, &r.id, &r.evidence, &r.debit, &r.credit, &r.fen, &r.unit, &r.terminal, &r.shift, &r.number}, func() error {
		if !bytes.Equal(r.card, of.card) {
			c.endTaking(of)
			of = newTaking(r.card)
		}
		if r.what == 0 {
			c.takes(of, &r)
			return nil
		}
		is, ok := of.open[string(r.id)]
		if !ok || is.Fen != ledger.Fen(r.fen) || chart.Channel(is.Channel) != r.unit || !bytes.Equal(is.Terminal, r.terminal) || r.fen < 0 && is.Order != r.number {
			c.fault(TerminalLoad, of.name(r.id), "the journal does not have it so")
		}
		delete(of.open, string(r.id))
		c.counts(&r)
		return nil
	})
	c.endTaking(of)
	return err
}

// takes takes up a row of the journal.
func (c *check) takes(of *taking, r *terminalRow) {
	key := ledger.Key{Day: identity.NoDay, Subject: ledger.Subject(r.card), ID: ledger.ID(bytes.Clone(r.id))}
	if identity.IsLoadOrder(key.ID) {
		c.placed(of, r, key)
		return
	}
	if placed, ok := identity.WithdrawnOrder(key.ID); ok {
		if paid, ok := of.paid[string(placed)]; ok {
			paid.Fen = -ledger.Fen(r.fen)
			of.open[string(r.id)] = paid
		}
		return
	}
	if back, ok := identity.RefundedLoad(key.ID); ok {
		// A refund is at the terminal of its load, which comes before it. One to the float, or to
		// what waits, gives no cash back.
		paid, ok := of.paid[string(identity.LoadAuthorised(back))]
		if ok && ledger.AccountID(r.credit) == ledger.IDOfCode(chart.Channel(paid.Channel)) {
			paid.Fen = -ledger.Fen(r.fen)
			of.open[string(r.id)] = paid
		}
		return
	}
	taken, cash, err := load.ReadTaken(key, r.evidence, ledger.Fen(r.fen))
	switch {
	case err != nil:
		c.fault(TerminalLoad, of.name(r.id), "its evidence cannot be read")
	case len(taken.Terminal) == 0: // it says no terminal
	case cash && ledger.AccountID(r.debit) != ledger.IDOfCode(chart.Channel(taken.Channel)):
		c.fault(TerminalLoad, of.name(r.id), "channel %q did not pay it", taken.Channel)
	case cash:
		of.paid[string(r.id)], of.open[string(r.id)] = taken, taken
	}
}

// placed takes up the row of a load that was placed.
func (c *check) placed(of *taking, r *terminalRow, key ledger.Key) {
	all, err := load.TakenFor(r.evidence)
	if err != nil {
		c.fault(TerminalLoad, of.name(r.id), "its evidence cannot be read")
	}
	for _, taken := range all {
		taken.Key, taken.Fen = key, ledger.Fen(r.fen)
		of.paid[string(r.id)], of.open[string(r.id)] = taken, taken
	}
}

// counts adds what was taken at a terminal, or given back, to the shift whose cash it is.
func (c *check) counts(r *terminalRow) {
	if r.shift == 0 {
		return
	}
	of := c.taken[r.shift]
	if of == nil {
		of = &takenOf{unit: r.unit, terminals: map[string]bool{}}
		c.taken[r.shift] = of
	}
	of.fen += ledger.Fen(r.fen)
	if r.fen > 0 {
		of.terminals[fmt.Sprintf("%x", r.terminal)] = true
	} else { // any counter of the channel gives it
		c.shiftsOf.back[backOf{r.shift, r.number}] += ledger.Fen(r.fen)
	}
	if of.unit != r.unit {
		c.fault(ShiftRow, fmt.Sprintf("shift %d", r.shift), "it has loads of %s and of %s", of.unit, r.unit)
	}
}

func (t *taking) name(id []byte) string {
	if card, ok := identity.ParseCard(t.card); ok {
		return fmt.Sprintf("card %s, load %x", card, id)
	}
	return fmt.Sprintf("%x, load %x", t.card, id)
}

// endTaking reports what is not kept.
func (c *check) endTaking(of *taking) {
	defer c.inOrder()()
	for id := range of.open {
		c.fault(TerminalLoad, of.name([]byte(id)), "at which terminal it was paid is not kept")
	}
}
