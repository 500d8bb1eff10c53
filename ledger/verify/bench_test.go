package verify_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"
)

// BenchmarkDatabase verifies books of a million taps of an open day in a database of its own: rows
// a second, and the most memory that was resident in the verifying process. The rows are those of
// the export.
func BenchmarkDatabase(b *testing.B) {
	const batches = 200
	ctx := context.Background()
	l := ledgertest.Open(b, 4)
	float, bus := ledger.IDOfCode("float"), ledger.IDOfCode("bus")
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	must(l.OpenDay(ctx, today))
	must(l.OpenAccounts(ctx, []ledger.Account{{Code: "float", Kind: ledger.Liability, Shards: 2}, {Code: "bus", Kind: ledger.Liability, Shards: 2}}))
	var leases [2]ledger.Lease
	for i := range leases {
		var err error
		leases[i], err = l.Lease(ctx, fmt.Sprintf("taps/%d", i), "bench", 0)
		must(err)
	}
	for n := range batches {
		i := n % len(leases)
		batch := &ledger.Batch{Stream: fmt.Sprintf("taps/%d", i), Epoch: leases[i].Epoch, From: int64(n / 2), Next: int64(n/2) + 1, Day: today, Shard: i}
		_, rows := exportedBatch(n, 0, float, bus, [32]byte{}, nil)
		for _, r := range rows {
			batch.Transfers = append(batch.Transfers, ledger.Transfer{
				Day: r.Day, Subject: r.Subject, ID: r.ID, Debit: float, Credit: bus, Amount: r.Amount, Purpose: r.Purpose, Evidence: r.Evidence,
			})
		}
		_, err := l.Post(ctx, batch)
		must(err)
	}
	_, err := l.Pool().Exec(ctx, "ANALYZE journal")
	must(err)
	b.ResetTimer()
	for range b.N {
		runtime.GC()
		stop, peak := make(chan struct{}), make(chan float64)
		go func() {
			most := 0.0
			for ticks := time.NewTicker(20 * time.Millisecond); ; {
				select {
				case <-ticks.C:
					most = max(most, residentMB(b))
				case <-stop:
					ticks.Stop()
					peak <- most
					return
				}
			}
		}()
		start := time.Now()
		summary, err := verify.Books(ctx, l, nil, func(f verify.Fault) { b.Errorf("fault %v", f) })
		if err != nil || summary.Transfers != batches*exportBatch {
			b.Fatalf("%+v, %v", summary, err)
		}
		b.ReportMetric(batches*exportBatch/time.Since(start).Seconds(), "verify.database_rows_per_second")
		close(stop)
		b.ReportMetric(<-peak, "verify.database_rss_mb")
	}
}
