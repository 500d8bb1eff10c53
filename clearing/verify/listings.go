package verify

import (
	"context"
	"fmt"

	"citycard/clearing/cards"
	"citycard/clearing/people"
	"citycard/ledger"
)

// listings are cards that were listed without a proof of whose they are, by whom and on which day.
type listings struct {
	day    ledger.Day
	unit   people.Unit
	person string
}

// lists counts a step that lists a card so.
func (c *check) lists(of *cards.Record, person string) {
	if of.Unproved {
		if c.listed == nil {
			c.listed = map[listings]int64{}
		}
		c.listed[listings{of.Left.Since, of.Unit, person}]++
	}
}

// listings compares the counts of such cards with the steps.
func (c *check) listings(ctx context.Context) error {
	var day, n int64
	var of listings
	err := c.each(ctx, "SELECT day::INT8, unit, person, cards FROM unproved_listings", []any{&day, &of.unit, &of.person, &n}, func() error {
		of.day = ledger.Day(day)
		if want := c.listed[of]; want != n {
			c.fault(Listings, fmt.Sprintf("%s of %s on %s", of.person, of.unit, of.day), "%d cards are counted, and %d steps list one", n, want)
		}
		delete(c.listed, of)
		return nil
	})
	if err != nil {
		return err
	}
	defer c.inOrder()()
	for of, n := range c.listed {
		c.fault(Listings, fmt.Sprintf("%s of %s on %s", of.person, of.unit, of.day), "%d steps list a card, and none is counted", n)
	}
	return nil
}
