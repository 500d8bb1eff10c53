package registry_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"citycard/clearing/clearingtest"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
)

// TestFollower makes changes one after another: the registry is read for the first one alone.
func TestFollower(t *testing.T) {
	a := founded(t)
	f := registry.NewFollower(a.ledger)
	card := func(n int) registry.Files {
		return registry.Files{"cards.csv": cardsHeader + fmt.Sprintf("031050703%011d,%s,01,active,20260101,20401231,\n", n, clearingtest.Issuer)}
	}
	done := func(want int64) func(context.Context, pgx.Tx, int64) error {
		return func(_ context.Context, _ pgx.Tx, change int64) error {
			if (change != 0) != (want != 0) {
				t.Errorf("change %d, want %d", change, want)
			}
			return nil
		}
	}
	a.must(f.Follow(t.Context(), registry.ActIssued, card(1), done(2)))
	var record string
	a.must(a.ledger.Pool().QueryRow(t.Context(), "UPDATE registry_rows SET record = 'x' || record WHERE change = 1 AND kind = 9 RETURNING record").Scan(&record))
	a.must(f.Follow(t.Context(), registry.ActIssued, card(2), done(3))) // another read would find a row that was altered
	a.must(f.Follow(t.Context(), registry.ActIssued, card(2), done(0)))
	_, err := a.ledger.Pool().Exec(t.Context(), "UPDATE registry_rows SET record = $1 WHERE change = 1 AND kind = 9 AND record = $2", record[1:], record)
	a.must(err)
	edition := a.load()
	for n := 1; n < 3; n++ {
		if _, known := edition.Card(index.Number(clearingtest.Hex(fmt.Sprintf("031050703%011d", n))).Signed()); !known || edition.Number() != 3 {
			t.Errorf("version %d has card %d: %t", edition.Number(), n, known)
		}
	}
}

// explained is a pool that keeps how the database answers.
type explained struct {
	*pgxpool.Pool
	plan string
}

func (e *explained) Query(ctx context.Context, query string, args ...any) (pgx.Rows, error) {
	rows, err := e.Pool.Query(ctx, "EXPLAIN "+query, args...)
	if err != nil {
		return nil, err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if e.plan = strings.Join(lines, "\n"); err != nil {
		return nil, err
	}
	return e.Pool.Query(ctx, query, args...)
}

// TestCountersByIndex reads the terminals of counters among the rows of many cards.
func TestCountersByIndex(t *testing.T) {
	a := founded(t)
	a.change(map[string]string{"counters.csv": registry.CounterColumns() + "\n491030000001,counter,1,20200101,\n"})
	for _, statement := range []string{
		`INSERT INTO registry_rows (change, kind, key, effective_from, record) SELECT 1, 8, decode(lpad(n::TEXT, 20, '0'), 'hex'), 20260101, 'x' FROM generate_series(1, 20000) AS n`,
		"ANALYZE registry_rows",
	} {
		_, err := a.ledger.Pool().Exec(t.Context(), statement)
		a.must(err)
	}
	pool := &explained{Pool: a.ledger.Pool()}
	n := 0
	a.must(registry.EachCounter(t.Context(), pool, func([6]byte, index.Counter) { n++ }))
	if n != 1 || !strings.Contains(pool.plan, "registry_rows_counters") {
		t.Errorf("%d terminals by\n%s", n, pool.plan)
	}
}
