package cards_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"citycard/clearing/cards"
	"citycard/clearing/verify"
	"citycard/ledger"
)

// TestListings: a clerk and a channel have no more cards listed a day than rules allow, where
// nobody shows whose they are; what a holder proves is never bounded.
func TestListings(t *testing.T) {
	c := newCounter(t)
	c.open()
	inForce, told := c.InForce, 0
	few, err := cards.LoadRules(bytes.ReplaceAll(bytes.ReplaceAll(cards.ExampleJSON(), []byte(`"listings_clerk": 200`), []byte(`"listings_clerk": 2`)),
		[]byte(`"listings_channel": 1000`), []byte(`"listings_channel": 3`)))
	c.must(err)
	c.InForce = func(ctx context.Context) (*cards.Figures, error) {
		figures, err := inForce(ctx)
		if err == nil {
			figures.Products = few
		}
		return figures, err
	}
	c.Full = func(*cards.Order, string) { told++ }
	for n := range 6 {
		c.does(cards.Sell, number(n), product("ordinary"), cash(1000))
	}
	for n := 6; n < 9; n++ {
		c.does(cards.Sell, number(n), product("registered"), cash(1000), shown("Li"))
	}
	c.does(cards.HandIn, number(0))
	c.does(cards.HandIn, number(1))
	c.refused(c.order(cards.HandIn, number(2)), "cara has had 2 cards listed today without a proof")
	for n := 6; n < 9; n++ {
		c.does(cards.ReportLoss, number(n), shown("Li"))
	}
	sue := ledger.Approval{First: "sue", At: c.now}
	_, err = c.Do(t.Context(), c.order(cards.HandIn, number(2)), sue)
	c.must(err)
	if _, err := c.Do(t.Context(), c.order(cards.HandIn, number(3)), sue); err == nil || !strings.Contains(err.Error(), "channel counter has had 3 cards listed") {
		t.Error(err)
	}
	if told != 2 {
		t.Errorf("%d orders are told of, want 2", told)
	}
	c.now = c.now.AddDate(0, 0, 1)
	c.does(cards.HandIn, number(3))
	c.hold()
	c.names([]forgery{
		{"UPDATE unproved_listings SET cards = 1 WHERE person = 'cara' AND cards = 2", verify.Listings},
		{"UPDATE unproved_listings SET person = 'eve' WHERE cards = 2", verify.Listings},
		{"UPDATE unproved_listings SET day = day + 100", verify.Listings},
		{"DELETE FROM unproved_listings WHERE cards = 2", verify.Listings},
	})
}
