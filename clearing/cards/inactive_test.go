package cards_test

import (
	"bytes"
	"context"
	"testing"

	"citycard/clearing/cards"
	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/ledger"
)

// uses has a card pay for a ride.
func (c *counter) uses(card string, fen ledger.Fen) {
	c.Helper()
	c.count++
	out, err := c.Ledger.PostOnce(c.Context(), "rides", "test", 0, func(b *ledger.Batch) error {
		b.Transfers = []ledger.Transfer{{
			Day: ledger.DayOf(c.now), Subject: subject(card), ID: identity.Spend(9, make([]byte, 6), uint32(c.count)),
			Debit: ledger.IDOfCode(chart.Float), Credit: ledger.IDOfCode(chart.Operator("bus")), Amount: fen, Purpose: chart.PurposeBus,
		}}
		return nil
	})
	if err != nil || out.Transfers[0].Result != ledger.Inserted {
		c.Fatal(err, out)
	}
}

// TestInactive has cards that nobody uses become inactive. After the notice the balance goes to an
// account; it is back when the card is used, or given back.
func TestInactive(t *testing.T) {
	c := newCounter(t)
	rules, err := cards.LoadRules(bytes.ReplaceAll(cards.ExampleJSON(), []byte(`"inactive_months": 36`), []byte(`"inactive_months": 2, "notice_days": 30`)))
	c.must(err)
	before := c.InForce
	c.InForce = func(ctx context.Context) (*cards.Figures, error) {
		figures, err := before(ctx)
		figures.Products = rules
		return figures, err
	}
	c.open()
	for n := range 3 {
		c.does(cards.Sell, number(n), product("ordinary"), cash(1000))
		c.loads(number(n), 5000)
	}
	c.follow(0, 0)
	c.now = c.now.AddDate(0, 1, 27)
	c.uses(number(2), 100) // it stays active
	c.now = c.now.AddDate(0, 0, 10)
	c.follow(2, 0)
	c.follow(0, 0)
	c.stands(number(0), cards.Inactive, 1000)
	c.stands(number(2), cards.Active, 1000)
	c.shelved(0)
	c.now = c.now.AddDate(0, 0, 29)
	c.follow(0, 0)
	c.now = c.now.AddDate(0, 0, 1)
	c.follow(2, 0)
	c.shelved(10_000)
	c.hold()
	if f := c.find(number(0)); f.Purse != 5000 || f.State != cards.Inactive {
		t.Errorf("%+v", f)
	}
	if found := c.forged("UPDATE cards SET stands = replace(stands, 'inactive', 'active'), state = 'active' WHERE state = 'inactive'"); len(found) == 0 {
		t.Error("cards that are active behind the books' back were not noticed")
	}
	c.uses(number(0), 200)
	c.follow(1, 0)
	c.follow(0, 0)
	c.stands(number(0), cards.Active, 1000)
	c.shelved(5000)
	if left := c.left(chart.Float, number(0)); left != 4800 {
		t.Errorf("%d fen are in the purse", left)
	}
	c.does(cards.Return, number(1), cash(-1000), emptied(5000))
	c.loads(number(1), -5000)
	c.shelved(0)
	c.ends(number(1))
	c.hold()
}

// shelved wants the purses of inactive cards to be on their account.
func (c *counter) shelved(want ledger.Fen) {
	c.Helper()
	if is := c.balance(chart.Inactive); is != want {
		c.Errorf("%d fen are on %s, want %d", is, chart.Inactive, want)
	}
}

// TestInactiveOverdrawn: after the notice, of two cards with a deposit of 10 yuan that are never
// used again, one owes 4 and keeps a deposit of 6; the other owes 12, of which the issuer bears 2.
func TestInactiveOverdrawn(t *testing.T) {
	c := newCounter(t)
	rules, err := cards.LoadRules(bytes.ReplaceAll(cards.ExampleJSON(), []byte(`"inactive_months": 36`), []byte(`"inactive_months": 2, "notice_days": 30`)))
	c.must(err)
	before := c.InForce
	c.InForce = func(ctx context.Context) (*cards.Figures, error) {
		figures, err := before(ctx)
		figures.Products = rules
		return figures, err
	}
	c.open()
	for n, owes := range []ledger.Fen{400, 1200} {
		c.does(cards.Sell, number(n), product("ordinary"), cash(1000))
		c.loads(number(n), -owes)
	}
	c.now = c.now.AddDate(0, 2, 7)
	c.follow(2, 0)
	c.now = c.now.AddDate(0, 0, 30)
	c.follow(2, 0)
	c.follow(0, 0)
	c.stands(number(0), cards.Inactive, 600)
	c.stands(number(1), cards.Inactive, 0)
	for n, borne := range []ledger.Fen{0, 200} {
		if left, bears := c.left(chart.Float, number(n)), -c.left(chart.Overdrawn, number(n)); left != 0 || bears != borne {
			t.Errorf("card %d: %d fen in the purse, the issuer bears %d, want %d", n, left, bears, borne)
		}
	}
	c.hold()
}
