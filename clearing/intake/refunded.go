package intake

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/docket"
	"citycard/clearing/load"
)

// errMoved says that what a batch was judged by has changed before its commit.
var errMoved = errors.New("what the batch was judged by has changed")

// notRefunded asks whether an order that a written load was booked against has been
// given back since it was looked up. Refund and batch are serializable: one that is
// not seen here makes the database refuse the other.
func notRefunded(ctx context.Context, tx pgx.Tx, d *docket.Docket) error {
	var cards [][]byte
	var kinds, sequences []int64
	for i := range d.Transfers {
		if o, ok := load.PaidBy(&d.Transfers[i]); ok {
			cards, kinds, sequences = append(cards, []byte(o.Card)), append(kinds, int64(o.Load.Kind)), append(sequences, int64(o.Load.Sequence))
		}
	}
	if len(cards) == 0 {
		return nil
	}
	var refunded int64
	err := tx.QueryRow(ctx, `
		SELECT count(*) FROM unnest($1::BYTEA[], $2::INT8[], $3::INT8[]) AS o (card, type, sequence)
		JOIN load_refunds AS r ON r.card = o.card AND r.type = o.type AND r.sequence = o.sequence`, cards, kinds, sequences).Scan(&refunded)
	if err != nil {
		return fmt.Errorf("read refunded loads: %w", err)
	}
	if refunded > 0 {
		return fmt.Errorf("%w: %d of its loads were refunded", errMoved, refunded)
	}
	return nil
}
