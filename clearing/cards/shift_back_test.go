package cards_test

import (
	"fmt"
	"testing"

	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/release"
	"citycard/clearing/verify"
	"citycard/ledger"
)

// giving is an order that gives the cash of a load back.
func (c *counter) giving(at, order string, fen ledger.Fen) *cards.ShiftOrder {
	c.count++
	return &cards.ShiftOrder{Number: fmt.Sprintf("o-%d", c.count), Channel: "counter", Counter: at, Do: cards.GivesBack, Load: order, Given: fen}
}

// refunds has two people give a paid load back to its channel, whose counter has read the card.
func (c *counter) refunds(card, order string) {
	c.Helper()
	office := &release.Office{Ledger: c.Ledger, Owner: "test", RefundAfterDays: 30, Today: today}
	plan, err := office.ShowRefund(c.Context(), release.Refund{Card: identity.CardOf(clearingtest.CardID(card)).Digits(), Order: order, NotWritten: true})
	c.must(err)
	_, err = office.Do(c.Context(), plan, c.byTwo("ann"))
	c.must(err)
}

// TestGivesBack refunds a load whose shift has ended: no drawer gives its cash until a clerk does
// in an open shift, and once.
func TestGivesBack(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.paysAt("491030000001", number(0), 5000)
	order := fmt.Sprintf("l-%d", c.count)
	c.paysAt("491030000001", number(1), 2000)
	if s := c.shifted("cara", c.closing("1", 0, 7000)); s.Difference() != 0 {
		t.Errorf("%+v", s)
	}
	c.notShifted("cara", c.giving("1", order, 5000), "no shift is open at counter 1")
	c.shifted("cara", c.opening("1", 7000))
	c.shifted("dora", c.opening("2", 0))
	c.notShifted("cara", c.giving("1", order, 5000), "no cash of 50.00 yuan is to be given")
	c.refunds(number(0), order)
	if list, err := c.OwedCash(t.Context(), "channel:counter", cards.OwedKey{}, 5); err != nil || len(list) != 1 || list[0].Load != order || list[0].Fen != 5000 {
		t.Errorf("%+v %v", list, err)
	}
	// The shift that is open as it is approved gives nothing yet, nor does one that opens later.
	again := c.shifted("cara", c.closing("1", 0, 7000))
	if again.Difference() != 0 || again.Loaded != 0 {
		t.Errorf("%+v", again)
	}
	c.notShifted("dora", c.giving("2", order, 5000), "0.00 yuan should be in the drawer")
	c.shifted("cara", c.opening("1", 7000))
	c.notShifted("cara", c.giving("1", order, 4999), "no cash of 49.99 yuan is to be given")
	c.notShifted("dora", c.giving("1", order, 5000), "is of cara")
	gives := c.giving("1", order, 5000)
	if s := c.shifted("cara", gives); s.Left() != 2000 || s.Loaded != -5000 {
		t.Errorf("%+v", s)
	}
	if s := c.shifted("cara", gives); !s.Repeated || s.Left() != 2000 {
		t.Errorf("%+v", s)
	}
	c.notShifted("cara", c.giving("1", order, 2000), "no cash of 20.00 yuan is to be given")
	if s := c.shifted("cara", c.closing("1", 0, 2000)); s.Difference() != 0 {
		t.Errorf("%+v", s)
	}
	if list, err := c.OwedCash(t.Context(), "", cards.OwedKey{}, 5); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
	if owes := c.balance(chart.Channel("counter")); owes != -2000 {
		t.Errorf("the channel owes %d fen, want 2000", -owes)
	}
	c.hold()
	c.names([]forgery{
		{"UPDATE terminal_loads SET shift = 0 WHERE fen < 0", verify.ShiftRow},
		{"UPDATE terminal_loads SET shift = 1 WHERE fen < 0", verify.ShiftRow},
		{"UPDATE terminal_loads SET number = 'l-9' WHERE fen < 0", verify.TerminalLoad},
	})
}

// TestOwedPages lists what is to be given back in parts.
func TestOwedPages(t *testing.T) {
	c := newCounter(t)
	c.open()
	for n := range 3 {
		c.paysAt("491030000001", number(n), 100)
		c.refunds(number(n), fmt.Sprintf("l-%d", c.count))
	}
	seen, after := map[string]bool{}, cards.OwedKey{}
	for {
		list, err := c.OwedCash(t.Context(), "", after, 1)
		c.must(err)
		if len(list) == 0 {
			break
		}
		seen[list[0].Load], after = true, list[0].Key
	}
	if len(seen) != 3 {
		t.Errorf("listed are %v", seen)
	}
}
