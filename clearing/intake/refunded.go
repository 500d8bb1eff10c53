package intake

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/docket"
	"citycard/clearing/identity"
)

// errMoved says that what a batch was judged by has changed before its commit.
var errMoved = errors.New("what the batch was judged by has changed")

// notRefunded asks whether an order that a written load was held against has been
// given back since it was looked up. Refund and batch are serializable: one that is
// not seen here makes the database refuse the other.
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
		return fmt.Errorf("%w: %d of its loads were refunded", errMoved, refunded)
	}
	return nil
}
