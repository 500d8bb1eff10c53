package load

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/identity"
	"citycard/ledger"
)

// keepPaid keeps what follows from the loads of a batch that are new: where their cash was taken,
// and that nobody knows yet whether their cards have them.
func keepPaid(ctx context.Context, tx pgx.Tx, booked ledger.Day, transfers []ledger.Transfer, decisions []ledger.Decision, counted Counted) (note []byte, err error) {
	if note, err = keepTaken(ctx, tx, transfers, decisions, counted); err != nil {
		return nil, err
	}
	var orders []Order
	for i := range transfers {
		if l, ok := identity.AuthorisedLoad(transfers[i].ID); ok && decisions[i].Result == ledger.Inserted {
			orders = append(orders, Order{transfers[i].Subject, l})
		}
	}
	return note, keepAuthorised(ctx, tx, booked, orders...)
}

// keepAuthorised keeps loads in the transaction that authorises them, until keepWritten or
// KeepRefund has what became of them. One whose card's word came before is not kept.
func keepAuthorised(ctx context.Context, tx pgx.Tx, booked ledger.Day, orders ...Order) error {
	if len(orders) == 0 {
		return nil
	}
	var cards [][]byte
	var kinds, sequences, attempts []int64
	for _, o := range orders {
		cards, kinds = append(cards, []byte(o.Card)), append(kinds, int64(o.Load.Kind))
		sequences, attempts = append(sequences, int64(o.Load.Sequence)), append(attempts, int64(o.Load.Attempt))
	}
	_, err := tx.Exec(ctx, `INSERT INTO authorised_loads (card, type, sequence, attempt, booked) SELECT o.card, o.type, o.sequence, o.attempt, $5::INT4
		FROM unnest($1::BYTEA[], $2::INT8[], $3::INT8[], $4::INT8[]) AS o (card, type, sequence, attempt)
		WHERE NOT EXISTS (SELECT 1 FROM written_loads AS w WHERE w.card = o.card AND w.type = o.type AND w.sequence = o.sequence)`,
		cards, kinds, sequences, attempts, booked)
	if err != nil {
		return fmt.Errorf("keep authorised loads: %w", err)
	}
	return nil
}

// confirmed removes the loads that a batch has as written.
func confirmed(ctx context.Context, tx pgx.Tx, cards [][]byte, kinds, sequences []int64) error {
	_, err := tx.Exec(ctx, `DELETE FROM authorised_loads WHERE (card, type, sequence) IN
		(SELECT o.card, o.type, o.sequence FROM unnest($1::BYTEA[], $2::INT8[], $3::INT8[]) AS o (card, type, sequence))`, cards, kinds, sequences)
	if err != nil {
		return fmt.Errorf("remove authorised loads that are written: %w", err)
	}
	return nil
}

// givenBack removes one that is refunded.
func givenBack(ctx context.Context, tx pgx.Tx, o *Order) error {
	_, err := tx.Exec(ctx, "DELETE FROM authorised_loads WHERE card = $1 AND type = $2 AND sequence = $3 AND attempt = $4",
		[]byte(o.Card), int64(o.Load.Kind), int64(o.Load.Sequence), int64(o.Load.Attempt))
	if err != nil {
		return fmt.Errorf("remove an authorised load that is refunded: %w", err)
	}
	return nil
}
