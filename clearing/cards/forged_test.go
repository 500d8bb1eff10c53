package cards_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/cards"
	"citycard/clearing/registry"
	"citycard/clearing/verify"
	"citycard/ledger"
	books "citycard/ledger/verify"
)

// faults are the kinds that verify finds.
func (c *counter) faults() (found []books.Kind) {
	c.Helper()
	_, err := books.Books(c.Context(), c.Ledger, nil, func(f books.Fault) {
		if f.Kind != verify.Signature && f.Kind != verify.Decision { // nobody signs in these tests
			found = append(found, f.Kind)
		}
	}, verify.Tables)
	c.must(err)
	return found
}

// TestForged alters rows behind the books' back: verify names each.
func TestForged(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("registered"), cash(1000), shown("Li"))
	c.does(cards.Sell, number(1), product("ordinary"), cash(1000))
	c.does(cards.ReportLoss, number(0), shown("Li"))
	c.now = c.now.AddDate(0, 11, 0)
	c.does(cards.Extend, number(1))
	c.follow(0, 2)
	c.does(cards.Replace, number(0), another(number(2)), cash(600), shown("Li"))
	c.does(cards.ReportBrief, number(2), shown("Li")) // the registry does not say this one yet
	if found := c.faults(); len(found) > 0 {
		t.Fatalf("before any change: %q", found)
	}
	c.names([]forgery{
		{"UPDATE cards SET stands = replace(stands, '1000', '2000')", verify.CardRow},
		{"UPDATE cards SET steps = 9 WHERE steps = 2", verify.CardRow},
		{"UPDATE cards SET state = 'active' WHERE state = 'replaced'", verify.CardRow},
		{"UPDATE cards SET lapses = 0 WHERE state = 'replaced'", verify.CardRow},
		{"DELETE FROM cards", verify.CardRow},
		{"DELETE FROM card_steps", verify.CardStep},
		{"DELETE FROM card_steps WHERE number = 2", verify.CardStep},
		{"UPDATE card_steps SET record = replace(record, 'ordinary', 'gold')", verify.CardStep},
		{"UPDATE card_steps SET day = 20260106", verify.CardStep},
		{"UPDATE card_steps SET person = 'bob' WHERE number = 2", verify.CardStep},
		{"UPDATE card_steps SET at = 1", verify.CardStep},
		{"DELETE FROM card_orders", verify.CardOrder},
		{"DELETE FROM card_orders WHERE length(card) = 0", verify.CardOrder},
		{"UPDATE card_orders SET content = '\\x00' WHERE number = 'o-2'", verify.CardOrder},
		{"UPDATE card_orders SET content = '\\x00' WHERE number = 'o-1'", verify.CardOrder},
		{"UPDATE card_orders SET number = 'other' WHERE number = 'o-2'", verify.CardOrder},
		{"UPDATE card_orders SET unit = 'channel:shop'", verify.CardOrder},
		{"UPDATE card_orders SET step = step + 1 WHERE number = 'o-2'", verify.CardOrder},
		{"UPDATE card_orders SET step = step + 1 WHERE number = 'o-1'", verify.CardOrder},
		{"DELETE FROM registry_dues", verify.CardDue},
		{"DELETE FROM registry_dues WHERE change = 0", verify.CardDue},
		{"UPDATE registry_dues SET change = -1", verify.CardDue},
		{"UPDATE registry_dues SET change = -1 WHERE change = 0", verify.CardDue},
		{"UPDATE registry_dues SET change = 1", verify.CardDue},
		{"UPDATE registry_dues SET change = 2 WHERE change = 0 AND reason = 'lost'", verify.CardDue},
		{"UPDATE registry_dues SET change = 0 WHERE change <> 0", verify.CardDue},
		{"UPDATE registry_dues SET until = 20260105235959 WHERE reason = 'lost'", verify.CardDue},
		{"UPDATE registry_dues SET reason = 'handed_in' WHERE reason = 'lost'", verify.CardDue},
		{"UPDATE registry_dues SET number = '03105070299999999999'", verify.CardDue},
		{"UPDATE registry_dues SET expires = 20301231 WHERE expires <> 0", verify.CardDue},
		{"INSERT INTO registry_dues SELECT card, 7, number, since, until, reason, expires, 0 FROM registry_dues WHERE step = 2", verify.CardDue},
	})
}

// TestShiftsForged alters rows of shifts behind the books' back: verify names each.
func TestShiftsForged(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.does(cards.Sell, number(0), product("ordinary"), cash(1000))
	c.paysAt("491030000001", number(0), 3000)
	c.twice("cara", c.handing(1000))
	c.shifted("cara", c.closing("1", 2000, 2900))
	if found := c.faults(); len(found) > 0 {
		t.Fatalf("before any change: %q", found)
	}
	c.names([]forgery{
		{"UPDATE shifts SET steps_fen = 0, counted_fen = counted_fen - 700", verify.ShiftRow},
		{"UPDATE shifts SET closed_by = 'bob', opened_by = 'bob'", verify.ShiftRow},
		{"UPDATE shifts SET closed = closed + 1", verify.ShiftRow},
		{"UPDATE shifts SET opened = opened + 1", verify.ShiftRow},
		{"DELETE FROM shifts", verify.ShiftRow},
		{"UPDATE shifts SET loaded_fen = 0, counted_fen = 1000", verify.ShiftRow},
		{"UPDATE shifts SET claimed_fen = 3000", verify.ShiftRow},
		{"UPDATE shifts SET later_fen = 500", verify.ShiftRow},
		{"UPDATE shifts SET handed_fen = 0", verify.ShiftRow},
		{"UPDATE shifts SET due_fen = 1", verify.ShiftRow},
		{"UPDATE shifts SET terminals = '491030000003'", verify.ShiftRow},
		{"UPDATE shifts SET closed = 0", verify.ShiftRow},
		{"UPDATE shifts SET number = 2", verify.ShiftRow},
		{"UPDATE terminal_loads SET shift = 0", verify.ShiftRow},
		{"DELETE FROM shift_cash WHERE what = 'close'", verify.ShiftRow},
		{"DELETE FROM shift_cash WHERE what = 'hand_over'", verify.ShiftRow},
		{"UPDATE shift_cash SET fen = fen + 1 WHERE what = 'close'", verify.ShiftRow},
		{"UPDATE shift_cash SET what = 'open' WHERE what = 'close'", verify.ShiftRow},
		{"UPDATE shift_cash SET person = 'bob' WHERE what = 'close'", verify.ShiftRow},
		{"UPDATE shift_cash SET second = 'tom' WHERE what = 'close'", verify.ShiftRow},
		{"UPDATE shift_cash SET second = 'bob' WHERE what = 'hand_over'", verify.ShiftRow},
		{"UPDATE shift_cash SET place = 'bank' WHERE what = 'hand_over'", verify.ShiftRow},
		{"UPDATE shift_cash SET day = 20260101", verify.ShiftRow},
		{"UPDATE shift_cash SET at = at + 1", verify.ShiftRow},
		{"UPDATE shift_cash SET shift = 2", verify.ShiftRow},
		{"UPDATE shift_cash SET number = 'o-99' WHERE what = 'close'", verify.ShiftRow},
		{"UPDATE shift_cash SET entry = 7 WHERE what = 'close'", verify.ShiftRow},
		{"INSERT INTO shift_cash SELECT 3, unit, 'o-1', 1, 'open', at, day, person, '', '', 100 FROM shift_cash WHERE entry = 1", verify.ShiftRow},
		{"INSERT INTO shift_terminals VALUES ('\\x491030000001', 'channel:counter', 1)", verify.ShiftRow},
		{"INSERT INTO shift_terminals VALUES ('\\x491030000001', 'channel:shop', 7)", verify.ShiftRow},
		{fmt.Sprintf("UPDATE registry_rows SET record = 'x' WHERE kind = %d", registry.Counters), verify.RegistryRow},
		{"UPDATE terminal_loads SET shift = 7", verify.ShiftRow},
		{"UPDATE terminal_loads SET fen = 1", verify.TerminalLoad},
		{"UPDATE terminal_loads SET terminal = '\\x491030000003'", verify.TerminalLoad},
		{"UPDATE terminal_loads SET unit = 'channel:shop'", verify.TerminalLoad},
		{"DELETE FROM terminal_loads", verify.TerminalLoad},
	})
}

// TestOpenShiftForged alters whose cash loads are while their shift is open, so that its clerk is
// expected to have less.
func TestOpenShiftForged(t *testing.T) {
	c := newCounter(t)
	c.open()
	c.paysAt("491030000001", number(0), 3000)
	c.paysAt("491030000001", number(1), 2000)
	for fen := range ledger.Fen(12) {
		c.paysAt("491030000001", number(2), fen+1)
	}
	if found := c.faults(); len(found) > 0 {
		t.Fatalf("before any change: %q", found)
	}
	for range 5 { // faults of one card have an order
		if found := c.forgedAt("DELETE FROM terminal_loads WHERE fen < 100"); len(found) != 12 || !slices.IsSorted(found) {
			t.Errorf("%q", found)
		}
	}
	c.names([]forgery{
		{"UPDATE terminal_loads SET shift = 0", verify.TerminalLoad},
		{"UPDATE terminal_loads SET shift = 0 WHERE fen = 2000", verify.TerminalLoad},
		{"UPDATE terminal_loads SET shift = 7 WHERE fen = 2000", verify.TerminalLoad},
	})
}

// forgery is a statement behind the books' back, and what verify names for it.
type forgery struct {
	statement string
	want      books.Kind
}

// names does each forgery by itself, and checks that verify names it.
func (c *counter) names(all []forgery) {
	c.Helper()
	for _, f := range all {
		if found := c.forged(f.statement); !slices.Contains(found, f.want) {
			c.Errorf("%s: found %q, want %s", f.statement, found, f.want)
		}
	}
}

var errForged = errors.New("what was forged is rolled back")

// forged are the kinds of faults after a statement, which is rolled back.
func (c *counter) forged(statement string) (found []books.Kind) {
	c.Helper()
	for _, f := range c.faulty(statement) {
		found = append(found, f.Kind)
	}
	return found
}

// forgedAt are the loads that faults after a statement name.
func (c *counter) forgedAt(statement string) (found []string) {
	c.Helper()
	for _, f := range c.faulty(statement) {
		if f.Kind == verify.TerminalLoad && strings.HasPrefix(f.Where, "card ") {
			found = append(found, f.Where)
		}
	}
	return found
}

func (c *counter) faulty(statement string) (found []books.Fault) {
	c.Helper()
	err := c.Ledger.Change(c.Context(), "forge", func(tx pgx.Tx) error {
		found = nil
		tag, err := tx.Exec(c.Context(), statement)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			c.Errorf("%s: it changes nothing", statement)
		}
		err = verify.Tables(c.Context(), tx, func(f books.Fault) {
			if f.Kind != verify.Signature && f.Kind != verify.Decision { // nobody signs in these tests
				found = append(found, f)
			}
		})
		return errors.Join(err, errForged)
	})
	if !errors.Is(err, errForged) {
		c.Fatal(err)
	}
	return found
}
