package ledger_test

import (
	"context"
	"os"
	"slices"
	"strconv"
	"testing"

	"citycard/ledger/ledgertest"
)

const (
	fullRows    = 10_000_000
	fullWorkers = 2
	fullEnds    = 10 // turns at either end whose median is compared
)

// BenchmarkLedgerFull posts ten million rows of one day into an empty journal, and then copies as
// many into an empty bare table, so that only one big table and one big index are there at a time.
// It compares the last million with the first. It runs with FULL=1 in the environment, or
// FULL=rows.
func BenchmarkLedgerFull(b *testing.B) {
	rows, err := strconv.Atoi(os.Getenv("FULL"))
	if err != nil || rows < 1 {
		b.Skip("takes minutes and gigabytes: set FULL=1")
	}
	if rows == 1 {
		rows = fullRows
	}
	ctx := context.Background()
	m := newBench(b)
	for range b.N {
		posts := m.fill(b, rows, "journal", m.postTurn)
		if _, err = m.ledger.Pool().Exec(ctx, "TRUNCATE journal"); err != nil {
			b.Fatal(err)
		}
		if _, err = m.ledger.Pool().Exec(ctx, "CHECKPOINT"); err != nil {
			b.Fatal(err)
		}
		m.number = 0
		copies := m.fill(b, rows, "bare", m.copyTurn)
		b.ReportMetric(posts.last/posts.first, "ledger.at_10m_over_empty")
		b.ReportMetric(copies.last/copies.first, "ledger.copy_at_10m_over_empty")
		b.ReportMetric(posts.last/copies.last, "ledger.post_over_copy_at_10m")
		b.ReportMetric(posts.last, "ledger.post_at_10m_per_second")
	}
}

// ends are the median rates of the first and the last turns.
type ends struct{ first, last float64 }

func (m *bench) fill(b *testing.B, rows int, table string, turn func(*testing.B, prepared) float64) ends {
	b.Helper()
	const shown = 20
	var rates []float64
	for len(rates)*benchBatches*benchBatch < rows {
		rates = append(rates, turn(b, m.prepare(fullWorkers, benchBatches)))
		if n := len(rates); n%shown == 0 || n == fullEnds {
			b.Logf("%s, %d rows: %.0f a second, lately from %.0f to %.0f; %s", table, n*benchBatches*benchBatch, median(rates[n-fullEnds:]),
				slices.Min(rates[n-fullEnds:]), slices.Max(rates[n-fullEnds:]), m.server(b, table))
		}
	}
	return ends{median(rates[:fullEnds]), median(rates[len(rates)-fullEnds:])}
}

// server tells what the server did so far: the size of the table's index, how much of it was read
// past the cache, checkpoints, and its log.
func (m *bench) server(b *testing.B, table string) string {
	b.Helper()
	if os.Getenv(ledgertest.Server) != "" {
		return "not asked: it need not be PostgreSQL"
	}
	var text string
	err := m.ledger.Pool().QueryRow(context.Background(), `SELECT format('index %s MB, %s blocks read past the cache of %s; %s checkpoints on time, %s by size; log %s MB with %s page images',
		pg_relation_size(i.indexrelid) / 1048576, s.idx_blks_read, s.idx_blks_read + s.idx_blks_hit, g.checkpoints_timed, g.checkpoints_req,
		(w.wal_bytes / 1048576)::INT8, w.wal_fpi)
		FROM pg_statio_user_tables s JOIN pg_index i ON i.indrelid = s.relid, pg_stat_bgwriter g, pg_stat_wal w WHERE s.relname = $1`, table).Scan(&text)
	if err != nil {
		b.Fatal(err)
	}
	return text
}
