package load

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Keep stores, in a batch's transaction, that its loads are written. It also checks whether one of
// their orders was refunded, or got another confirmation, since it was looked up; then the error is
// docket.ErrMoved. Refund and batch are serializable: if the refund is not seen here, the database
// refuses one of the two.
func Keep(ctx context.Context, tx pgx.Tx, d *docket.Docket) error {
	if err := keepWritten(ctx, tx, d.Transfers); err != nil {
		return err
	}
	if err := notRefunded(ctx, tx, d); err != nil {
		return err
	}
	return firstWords(ctx, tx, d)
}

func notRefunded(ctx context.Context, tx pgx.Tx, d *docket.Docket) error {
	var cards [][]byte
	var kinds, sequences, attempts []int64
	for _, key := range d.Absent {
		if l, ok := identity.RefundedLoad(key.ID); ok {
			cards, kinds = append(cards, []byte(key.Subject)), append(kinds, int64(l.Kind))
			sequences, attempts = append(sequences, int64(l.Sequence)), append(attempts, int64(l.Attempt))
		}
	}
	if len(cards) == 0 {
		return nil
	}
	var refunded int64
	err := tx.QueryRow(ctx, `
		SELECT count(*) FROM unnest($1::BYTEA[], $2::INT8[], $3::INT8[], $4::INT8[]) AS o (card, type, sequence, attempt)
		JOIN load_refunds AS r ON r.card = o.card AND r.type = o.type AND r.sequence = o.sequence
		WHERE r.refunds > o.attempt`, cards, kinds, sequences, attempts).Scan(&refunded)
	if err != nil {
		return fmt.Errorf("read refunded loads: %w", err)
	}
	if refunded > 0 {
		return fmt.Errorf("%w: %d of its loads were refunded", docket.ErrMoved, refunded)
	}
	return nil
}

// firstWords checks that each load for which an order pays is the first confirmation of that order.
func firstWords(ctx context.Context, tx pgx.Tx, d *docket.Docket) error {
	notPaid := ledger.IDOfCode(chart.Suspense(verdict.LoadNotPaid))
	var orders []*Order
	var days []ledger.Day
	for i := range d.Transfers {
		t := &d.Transfers[i]
		if l, ok := identity.WrittenLoad(t.ID); ok && t.Debit != notPaid {
			orders, days = append(orders, &Order{Card: t.Subject, Load: l}), append(days, t.Day)
		}
	}
	said, err := WrittenOn(ctx, tx, orders)
	if err != nil {
		return err
	}
	if !slices.Equal(said, days) {
		return fmt.Errorf("%w: one of its loads has another word", docket.ErrMoved)
	}
	return nil
}
