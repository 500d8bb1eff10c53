package cards

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/language"
)

func (d *doing) at() time.Time {
	if d.by.At.IsZero() {
		return d.figures.Now
	}
	return d.by.At
}

// inShift finds the shift that is open at the order's counter. What moves cash or takes a card in
// needs one, of who does it or with a supervisor.
func (d *doing) inShift(ctx context.Context, tx pgx.Tx) (number int64, err error) {
	if d.plan.Cash() == 0 && d.order.Emptied == 0 && d.order.Do != HandIn {
		return 0, nil
	}
	of, err := lastShift(ctx, tx, d.order.Unit(), d.order.Counter, locking)
	none := of.Number == 0 || !of.Closed.IsZero()
	switch {
	case err != nil:
		return 0, err
	case none && d.office.Ledger.Rehearses():
		return 0, nil
	case none:
		return 0, refusal(language.Textf("no shift is open at counter %s of %s", d.order.Counter, string(d.order.Unit())), language.Textf("open one: cash is counted in a shift"))
	}
	return of.Number, d.office.owns(ctx, tx, d.by, &of)
}

// addToShift adds the cash of a step to its shift.
func (d *doing) addToShift(ctx context.Context, tx pgx.Tx) error {
	if d.shift == 0 {
		return nil
	}
	if _, err := tx.Exec(ctx, "UPDATE shifts SET steps_fen = steps_fen + $2 WHERE number = $1", d.shift, d.plan.Cash()-d.order.Emptied); err != nil {
		return fmt.Errorf("add to a shift: %w", err)
	}
	return nil
}
