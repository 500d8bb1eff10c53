package cards

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/language"
)

// unproved reports whether an order lists a card of which nobody has shown that it is theirs: the
// certificate of the holder whom the books know. What two people have let be done is looked at.
func (d *doing) unproved() bool {
	switch d.card.was.effective(d.figures.today()) {
	case Unknown, Active, Inactive:
		return d.plan.due != nil && d.plan.due.Since != 0 && !d.byTwo && (d.token == nil || d.card.was.Holder == "")
	default:
		return false // it is listed already
	}
}

// bounded refuses to list one more such card than rules allow a clerk or a channel a day.
func (d *doing) bounded(ctx context.Context, tx pgx.Tx) error {
	if !d.unproved() {
		return nil
	}
	of := d.figures.Products.On(d.figures.today())
	var own, all int64
	err := tx.QueryRow(ctx, "SELECT coalesce(sum(CASE WHEN person = $3 THEN cards ELSE 0 END), 0)::INT8, coalesce(sum(cards), 0)::INT8 FROM unproved_listings WHERE day = $1 AND unit = $2",
		d.figures.today(), string(d.order.Unit()), d.by.First).Scan(&own, &all)
	todo := language.Textf("have the holder show the certificate that was shown before; else come back tomorrow, or have a supervisor look at what was listed")
	switch {
	case err != nil:
		return fmt.Errorf("count listed cards: %w", err)
	case of.ListingsClerk > 0 && own >= of.ListingsClerk:
		d.full = true
		return refusal(language.Textf("%s has had %d cards listed today without a proof of whose they are; the rules allow no more", d.by.First, own), todo)
	case of.ListingsChannel > 0 && all >= of.ListingsChannel:
		d.full = true
		return refusal(language.Textf("channel %s has had %d cards listed today without a proof of whose they are; the rules allow no more", d.order.Channel, all), todo)
	}
	return nil
}

// listed counts one that was listed.
func (d *doing) listed(ctx context.Context, tx pgx.Tx) error {
	if !d.step.Unproved {
		return nil
	}
	_, err := tx.Exec(ctx, `INSERT INTO unproved_listings (day, unit, person, cards) VALUES ($1, $2, $3, 1)
		ON CONFLICT (day, unit, person) DO UPDATE SET cards = unproved_listings.cards + 1`, d.step.Left.Since, string(d.order.Unit()), d.by.First)
	if err != nil {
		return fmt.Errorf("count a listed card: %w", err)
	}
	return nil
}
