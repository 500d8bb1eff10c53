package ledger_test

import (
	"context"
	"sync/atomic"
	"testing"

	"citycard/ledger"

	"github.com/jackc/pgx/v5"
)

// TestViewIsOneMoment posts while a view is open: none of its connections, which begin later, sees
// what was posted, and the next view does, each row once.
func TestViewIsOneMoment(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	count := func(v *ledger.View) (rows int64) {
		var n atomic.Int64
		b.must(v.Rows(ctx, 3, func(_ int, r *ledger.Row) error {
			if r.Hash != r.ContentHash() {
				t.Errorf("row %x has the hash %x, expected %x", string(r.ID), r.Hash, r.ContentHash())
			}
			n.Add(1)
			return nil
		}))
		return n.Load()
	}
	b.post([]ledger.Transfer{transfer(1, "float", "operator:bus", 5), transfer(2, "float", "operator:bus", 7)})
	for _, want := range []int64{2, 3} {
		b.must(b.View(ctx, func(v *ledger.View) error {
			b.post([]ledger.Transfer{transfer(3, "float", "operator:bus", 9)})
			if got := count(v); got != want {
				t.Errorf("a view has %d rows, expected %d", got, want)
			}
			return v.Beside(ctx, func(tx pgx.Tx) error {
				var batches int64
				err := tx.QueryRow(ctx, "SELECT count(*) FROM batches WHERE transfers > 0").Scan(&batches)
				if batches != want-1 {
					t.Errorf("a view has %d batches with transfers, expected %d", batches, want-1)
				}
				return err
			})
		}))
	}
}
