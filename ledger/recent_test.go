package ledger_test

import (
	"context"
	"sync/atomic"
	"testing"

	"citycard/ledger"
)

// TestRecentKeepsTheLast posts batches that each repeat a part of the one before: a memory of
// eighty batches' keys is surprised by hardly any.
func TestRecentKeepsTheLast(t *testing.T) {
	var surprises atomic.Int64
	b := newBooks(t, ledger.WithRetryHook(func(cause string) {
		if cause == "duplicate" {
			surprises.Add(1)
		}
	}))
	recent := ledger.NewRecent(1 << 16)
	var before []ledger.Transfer
	for n := range 40 {
		var transfers []ledger.Transfer
		for i := range 800 {
			transfers = append(transfers, transfer(800*n+i, "float", "operator:bus", 1))
		}
		batch := b.batch(append(transfers, before[:min(len(before), 100)]...))
		batch.Recent = recent
		out, err := b.Post(context.Background(), batch)
		b.must(err)
		b.lease.Next = batch.Next
		for i, d := range out.Transfers[800:] {
			if d.Result != ledger.Duplicate {
				t.Fatalf("batch %d, repeat %d: %+v", n, i, d)
			}
		}
		before = transfers
	}
	if surprises.Load() > 1 {
		t.Errorf("%d of 39 batches met repeats that were not suspected, expected none", surprises.Load())
	}
}
