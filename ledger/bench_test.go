package ledger_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/embedded"
	"citycard/ledger/ledgertest"
	"citycard/ledger/schema"

	"github.com/jackc/pgx/v5"
)

// The benchmark's shape.
const (
	benchBatch   = 5000 // rows of one batch, 2 % of them repeats of the batch before
	benchBatches = 20   // batches of one turn
	benchTurns   = 3    // turns of each way at each number of workers
	benchSingles = 4 * time.Second
)

// BenchmarkLedger measures, in turns on one database with durable commits: raw COPY of the rows
// into a bare table with the same columns and key; Post of the same rows in batches; one
// transaction a transfer, the obvious way; and 64 callers with one transfer a call. The rows are
// those of a city: nine of ten credit one operator, whose account is limited as is a person's,
// which one in fifty debits; a fiftieth repeats. It counts rows that went in. The database is a
// private PostgreSQL, or one of the server in CITYCARD_TEST_DATABASE_URL.
func BenchmarkLedger(b *testing.B) {
	m := newBench(b)
	for range b.N {
		m.turns(b)
		m.reportTurns(b)
		single := m.singles(b)
		b.ReportMetric(single, "ledger.single_transaction_per_second")
		b.ReportMetric(m.best(m.post)/single, "ledger.post_over_single")
		m.callers(b)
	}
}

// BenchmarkLedgerMemory measures the resident memory of a process that posts with 8 workers, each
// with a memory of a million keys, on a database of its own.
func BenchmarkLedgerMemory(b *testing.B) {
	m := newBench(b)
	for range b.N {
		b.ReportMetric(m.memory(b), "ledger.post_rss_mb")
	}
}

// bench is one run's database and what was measured: rows a second by number of workers, one value
// a turn.
type bench struct {
	ledger  *ledger.Ledger
	url     string
	leases  map[int]*ledger.Lease
	recent  map[int]*ledger.Recent
	number  int // of the next batch
	rows    int // posted so far
	copies  map[int][]float64
	post    map[int][]float64
	retries atomic.Int64
	peak    atomic.Int64 // resident memory while posting, kB
}

func newBench(b *testing.B) *bench {
	b.Helper()
	m := &bench{
		url: benchDatabase(b), leases: make(map[int]*ledger.Lease), recent: make(map[int]*ledger.Recent), copies: make(map[int][]float64),
		post: make(map[int][]float64),
	}
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	m.ledger = ledgertest.Connect(b, m.url, 12, ledger.WithRetryHook(func(string) { m.retries.Add(1) }))
	must(m.ledger.OpenDay(ctx, today))
	must(m.ledger.OpenAccounts(ctx, benchChart()))
	must(ledgertest.CreateBare(ctx, m.ledger.Pool()))
	for _, statement := range []string{
		"CREATE TABLE simple_accounts (account INT8 PRIMARY KEY, debits INT8 NOT NULL, credits INT8 NOT NULL)",
		"CREATE TABLE simple_transfers (subject BYTEA, id BYTEA, debit INT8, credit INT8, amount INT8, evidence BYTEA, PRIMARY KEY (subject, id))",
	} {
		_, err := m.ledger.Pool().Exec(ctx, statement)
		must(err)
	}
	for _, a := range benchChart() {
		_, err := m.ledger.Pool().Exec(ctx, "INSERT INTO simple_accounts VALUES ($1, 0, 0)", ledger.IDOfCode(a.Code))
		must(err)
	}
	conn, err := m.ledger.Pool().Acquire(ctx)
	must(err)
	defer conn.Release()
	var settings string
	must(conn.QueryRow(ctx, `SELECT version() || '; fsync ' || coalesce(current_setting('fsync', true), '-') ||
		', synchronous_commit ' || coalesce(current_setting('synchronous_commit', true), '-') ||
		', max_wal_size ' || coalesce(current_setting('max_wal_size', true), '-') ||
		', shared_buffers ' || coalesce(current_setting('shared_buffers', true), '-')`).Scan(&settings))
	b.Logf("%s; %d cores shared with this client", settings, runtime.NumCPU())
	return m
}

func benchDatabase(b *testing.B) string {
	b.Helper()
	if os.Getenv(ledgertest.Server) != "" {
		return ledgertest.New(b)
	}
	// Not in b.TempDir: the server's user must be able to go there.
	dir, err := os.MkdirTemp("", "citycard-bench-")
	if err == nil {
		err = os.Chmod(dir, 0o711)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = os.RemoveAll(dir) })
	database, err := embedded.Open(context.Background(), embedded.Options{Dir: filepath.Join(dir, "postgres"), PostgreSQL: true})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := database.Close(); err != nil {
			b.Error(err)
		}
	})
	if _, err = schema.Apply(context.Background(), database.URL); err != nil {
		b.Fatal(err)
	}
	return database.URL
}

// turns lets both ways take turns with the same rows, at each number of workers.
func (m *bench) turns(b *testing.B) {
	b.Helper()
	for _, workers := range []int{1, 2, 4, 8} {
		for turn := range benchTurns {
			rows := m.prepare(workers, benchBatches)
			if turn%2 == 0 {
				m.copies[workers] = append(m.copies[workers], m.copyTurn(b, rows))
			}
			m.post[workers] = append(m.post[workers], m.postTurn(b, rows))
			if turn%2 == 1 {
				m.copies[workers] = append(m.copies[workers], m.copyTurn(b, rows))
			}
		}
		b.Logf("%d workers: COPY %.0f, Post %.0f rows a second, %d retries", workers, median(m.copies[workers]), median(m.post[workers]), m.retries.Swap(0))
	}
}

// reportTurns reports Post at its best number of workers, and against COPY at COPY's best.
func (m *bench) reportTurns(b *testing.B) {
	b.Helper()
	b.ReportMetric(m.best(m.post), "ledger.post_per_second")
	b.ReportMetric(m.best(m.post)/m.best(m.copies), "ledger.post_over_copy")
}

func (m *bench) best(by map[int][]float64) float64 {
	var best float64
	for _, rates := range by {
		best = max(best, median(rates))
	}
	return best
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// prepared are the batches of each worker; those of a turn are made before its clock starts.
type prepared [][][]ledger.Transfer

func (m *bench) prepare(workers, batches int) prepared {
	rows := make(prepared, workers)
	for i := range batches {
		worker := i % workers
		rows[worker] = append(rows[worker], benchTransfers(worker, m.number))
		m.number++
	}
	return rows
}

// turn has each worker do its batches and returns rows a second.
func (m *bench) turn(b *testing.B, rows prepared, work func(worker int, batches [][]ledger.Transfer) (int, error)) float64 {
	b.Helper()
	var done atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for worker, batches := range rows {
		group.Go(func() {
			n, err := work(worker, batches)
			if err != nil {
				b.Error(err)
			}
			done.Add(int64(n))
		})
	}
	group.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}

func (m *bench) postTurn(b *testing.B, rows prepared) float64 {
	b.Helper()
	ctx := context.Background()
	before := m.rows
	for worker := range rows {
		if m.leases[worker] == nil {
			lease, err := m.ledger.Lease(ctx, fmt.Sprintf("bench/%d", worker), "bench", 0)
			if err != nil {
				b.Fatal(err)
			}
			m.leases[worker], m.recent[worker] = &lease, ledger.NewRecent(1<<20)
		}
	}
	var posted atomic.Int64
	rate := m.turn(b, rows, func(worker int, batches [][]ledger.Transfer) (int, error) {
		lease, inserted := m.leases[worker], 0
		var last []ledger.Transfer
		for _, transfers := range batches {
			// The repeats come on top: 2 % of the batch before.
			batch := &ledger.Batch{
				Stream: lease.Stream, Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + benchBatch, Day: lease.Day, Shard: worker,
				Transfers: append(transfers, last[:min(len(last), benchBatch/50)]...), Recent: m.recent[worker],
			}
			out, err := m.ledger.Post(ctx, batch)
			if err != nil {
				return inserted, err
			}
			lease.Next, last = batch.Next, transfers
			inserted += out.Rows
		}
		posted.Add(int64(inserted))
		return inserted, nil
	})
	m.rows = before + int(posted.Load())
	return rate
}

func (m *bench) copyTurn(b *testing.B, rows prepared) float64 {
	b.Helper()
	return m.turn(b, rows, func(worker int, batches [][]ledger.Transfer) (int, error) {
		ctx := context.Background()
		conn, err := pgx.Connect(ctx, m.url)
		if err != nil {
			return 0, err
		}
		copied := 0
		for n, transfers := range batches {
			if err = ledgertest.CopyBare(ctx, conn, today, worker, n, transfers); err != nil {
				return copied, err
			}
			copied += len(transfers)
		}
		return copied, conn.Close(ctx)
	})
}

// memory posts with 8 workers that hold little else, and returns the most that was resident, in MB.
func (m *bench) memory(b *testing.B) float64 {
	b.Helper()
	var peak float64
	for range 5 {
		rows := m.prepare(8, 8)
		debug.FreeOSMemory()
		stop := m.watchMemory()
		m.postTurn(b, rows)
		stop()
		peak = max(peak, float64(m.peak.Load())/1024)
	}
	return peak
}

// watchMemory notes the process's resident memory until it is stopped.
func (m *bench) watchMemory() func() {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			m.peak.Store(max(m.peak.Load(), residentKB()))
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() { close(stop); <-done }
}

func residentKB() int64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kb, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return kb
}
