package ledger_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/ledgertest"

	"github.com/jackc/pgx/v5"
)

const benchBatch = 5000

// benchTransfers makes distinct wide transfers, nine of ten to one operator, as clearing would: random cards, 180 bytes of evidence.
func benchTransfers(worker, number int) []ledger.Transfer {
	float := ledger.IDOfCode("float")
	metro, bus := ledger.IDOfCode("operator:metro"), ledger.IDOfCode("operator:bus")
	transfers := make([]ledger.Transfer, benchBatch)
	for i := range transfers {
		n := uint64(worker)<<48 | uint64(number)<<16 | uint64(i)
		seed := sha256.Sum256(binary.BigEndian.AppendUint64(nil, n))
		evidence := make([]byte, 0, 192)
		for len(evidence) < 180 {
			evidence = append(evidence, seed[:]...)
		}
		credit := metro
		if i%10 == 0 {
			credit = bus
		}
		transfers[i] = ledger.Transfer{
			Day: today, Subject: ledger.Subject(seed[:10]), ID: ledger.ID(seed[10:22]), Debit: float, Credit: credit,
			Amount: ledger.Fen(100 + i%400), Purpose: 1, Evidence: evidence[:180],
		}
	}
	return transfers
}

// inWorkers runs b.N batches on the given number of workers and reports rows a second.
func inWorkers(b *testing.B, workers int, work func(worker int, next func() (int, bool)) error) {
	b.Helper()
	var number atomic.Int64
	next := func() (int, bool) { n := int(number.Add(1)) - 1; return n, n < b.N }
	var group sync.WaitGroup
	b.ResetTimer()
	start := b.Elapsed()
	for worker := range workers {
		group.Go(func() {
			if err := work(worker, next); err != nil {
				b.Error(err)
			}
		})
	}
	group.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)*benchBatch/(b.Elapsed()-start).Seconds(), "rows/s")
}

func BenchmarkPost(b *testing.B) {
	for _, workers := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			var retries atomic.Int64
			l := newBooks(b, ledger.WithRetryHook(func(string) { retries.Add(1) }))
			inWorkers(b, workers, func(worker int, next func() (int, bool)) error {
				claim, err := l.Claim(context.Background(), fmt.Sprintf("bench/%d", worker), "bench", 0)
				if err != nil {
					return err
				}
				recent := ledger.NewRecent(1 << 20)
				for n, ok := next(); ok; n, ok = next() {
					batch := &ledger.Batch{
						Stream: claim.Stream, Epoch: claim.Epoch, From: claim.Next, Next: claim.Next + benchBatch, Day: claim.Day,
						Shard: worker, Transfers: benchTransfers(worker, n), Recent: recent,
					}
					if _, err = l.Post(context.Background(), batch); err != nil {
						return err
					}
					claim.Next = batch.Next
				}
				return nil
			})
			b.ReportMetric(float64(retries.Load()), "retries")
		})
	}
}

// BenchmarkPostRepeats posts batches in which 2 % repeat rows of the batch before, with and without the memory of recent keys.
func BenchmarkPostRepeats(b *testing.B) {
	for _, remember := range []bool{true, false} {
		b.Run(fmt.Sprintf("remember=%t", remember), func(b *testing.B) {
			l := newBooks(b)
			inWorkers(b, 2, func(worker int, next func() (int, bool)) error {
				claim, err := l.Claim(context.Background(), fmt.Sprintf("bench/%d", worker), "bench", 0)
				if err != nil {
					return err
				}
				var recent *ledger.Recent
				if remember {
					recent = ledger.NewRecent(1 << 20)
				}
				var before []ledger.Transfer
				for n, ok := next(); ok; n, ok = next() {
					transfers := benchTransfers(worker, n)
					copy(transfers, before[:len(before)/50])
					before = transfers
					batch := &ledger.Batch{
						Stream: claim.Stream, Epoch: claim.Epoch, From: claim.Next, Next: claim.Next + benchBatch, Day: claim.Day,
						Shard: worker, Transfers: transfers, Recent: recent,
					}
					if _, err = l.Post(context.Background(), batch); err != nil {
						return err
					}
					claim.Next = batch.Next
				}
				return nil
			})
		})
	}
}

// BenchmarkCopy is the yardstick: the same rows by COPY into a table with the same columns and key, one commit a batch.
func BenchmarkCopy(b *testing.B) {
	for _, workers := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			url := ledgertest.New(b)
			inWorkers(b, workers, func(worker int, next func() (int, bool)) error {
				conn, err := pgx.Connect(context.Background(), url)
				if err != nil {
					return err
				}
				columns := []string{
					"effective_day", "subject", "id", "debit", "credit", "amount", "purpose", "flags", "evidence", "booking_day", "stream",
					"sequence", "position", "hash",
				}
				for n, ok := next(); ok; n, ok = next() {
					transfers := benchTransfers(worker, n)
					source := pgx.CopyFromSlice(len(transfers), func(i int) ([]any, error) {
						t := &transfers[i]
						return []any{
							int32(t.Day), []byte(t.Subject), []byte(t.ID), int64(t.Debit), int64(t.Credit), int64(t.Amount), int32(1), int16(0),
							t.Evidence, int32(today), int64(worker), int64(n), int32(i), t.Evidence[:32],
						}, nil
					})
					if _, err = conn.CopyFrom(context.Background(), pgx.Identifier{"journal"}, columns, source); err != nil {
						return err
					}
				}
				return conn.Close(context.Background())
			})
		})
	}
}

// BenchmarkGatherer has 64 callers post one transfer a call.
func BenchmarkGatherer(b *testing.B) {
	l := newBooks(b)
	g, err := l.NewGatherer(context.Background(), "desk", "bench", 0, time.Millisecond)
	if err != nil {
		b.Fatal(err)
	}
	defer g.Close()
	var number atomic.Int64
	b.SetParallelism(32)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := int(number.Add(1))
			if _, err := g.Post(context.Background(), []ledger.Transfer{transfer(n, "float", "operator:bus", 100)}); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}
