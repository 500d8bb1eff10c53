package cards_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"citycard/clearing/cards"
	"citycard/clearing/owed"
	"citycard/ledger"
)

// owes lists what is owed on a day, in pages of a size, as why, amount and order.
func (c *counter) owes(today ledger.Day, size int) (list []string) {
	c.Helper()
	for after := ""; ; {
		if len(list) > 100 {
			c.Fatalf("the list never ends: %q", list[:10])
		}
		lines, next, err := owed.List(c.Context(), c.Ledger, owed.Figures{Today: today, Days: 30}, after, size)
		c.must(err)
		for _, line := range lines {
			list = append(list, fmt.Sprintf("%s %s %s %s", line.Since, line.Why, line.Fen, line.Order))
		}
		if after = next; after == "" {
			return list
		}
	}
}

// TestOwed lists what is owed: at once what nobody can write any more, and later what the rules
// give time for. It is the same in pages of any size, and what was done is no longer there.
func TestOwed(t *testing.T) {
	c := newCounter(t)
	c.open()
	for n := range 3 {
		c.does(cards.Sell, number(n), product("ordinary"), cash(1000))
	}
	c.pays("w-1", number(0), 2000)
	c.pays("w-2", number(0), 2000)
	c.tears("w-2", number(0), 1, 2000, true)
	c.tears("t-1", number(0), 2, 5000, false)
	c.tears("t-2", number(0), 3, 3000, false)
	c.loads(number(1), 300)
	c.does(cards.HandIn, number(1))
	c.does(cards.Return, number(2), cash(-1000))
	c.loads(number(2), 100)
	c.now = afterWait
	c.follow(1, 1)
	balance := c.find(number(2)).Waiting[0].Order
	sold := c.find(number(0)).Since
	wants := func(when string, today ledger.Day, want ...string) {
		t.Helper()
		for size := 1; size < 8; size++ {
			if got := c.owes(today, size); !slices.Equal(got, want) {
				t.Errorf("%s, in pages of %d:\n%q\nwant\n%q", when, size, got, want)
			}
		}
	}
	ended, due := fmt.Sprintf("%s ended 1.00 %s", sold, balance), "20260114 due 13.00 "
	wants("at once", sold, ended)
	wants("a day before", sold.Add(29), ended, due)
	waits, torn := fmt.Sprintf("%s waits 20.00 w-1", sold), func(order, fen string) string { return fmt.Sprintf("%s unconfirmed %s %s", sold, fen, order) }
	wants("once the rules' days are over", sold.Add(30), ended, waits, torn("w-2", "20.00"), torn("t-1", "50.00"), torn("t-2", "30.00"), due)
	c.confirms(number(0), 2, 5000)
	c.does(cards.Refund, number(1), cash(-1300))
	wants("once some is done", sold.Add(30), ended, waits, torn("w-2", "20.00"), torn("t-2", "30.00"))
	c.hold()
	if found := c.forged("DELETE FROM authorised_loads WHERE sequence = 3"); len(found) == 0 {
		t.Error("a load that is authorised and not kept so was not noticed")
	}
	c.altered(sold.Add(30))
	for _, wrong := range []string{"x", "20260105-9-00", "20260105-0-0g", "20260105-0-ff00", "20260105-1-" + fmt.Sprintf("%x", "123456789012345")} {
		if _, _, err := owed.List(t.Context(), c.Ledger, owed.Figures{Today: sold, Days: 30}, wrong, 1); !errors.Is(err, owed.ErrAfter) {
			t.Errorf("%q is a place: %v", wrong, err)
		}
	}
}

// altered alters a row of each table after the other: the list names it, and has the other lines.
func (c *counter) altered(today ledger.Day) {
	c.Helper()
	before := c.owes(today, 10)
	for n, statement := range []string{
		`UPDATE authorised_loads SET sequence = 30000 WHERE sequence = 3`,
		`UPDATE authorised_loads SET sequence = 70003 WHERE sequence = 30000`,
		`UPDATE authorised_loads SET card = '\x00' WHERE sequence = 70003`,
		`UPDATE waiting_loads SET card = '\x00' WHERE number = 'w-1'`,
		`UPDATE cards SET stands = '{', state = 'handed_in', lapses = 20260114 WHERE state = 'refunded'`,
	} {
		if _, err := c.Ledger.Pool().Exec(c.Context(), statement); err != nil {
			c.Fatal(err)
		}
		for size := 1; size < 8; size++ {
			list := c.owes(today, size)
			odd := 0
			for _, line := range list {
				if strings.Contains(line, " altered 0.00") {
					odd++
				}
			}
			if odd != max(1, n-1) || len(list) != len(before)+n/4 {
				c.Errorf("%s, in pages of %d: %q, and before %q", statement, size, list, before)
			}
		}
	}
}
