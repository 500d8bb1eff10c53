package ledger

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"

	"citycard/ledger/schema"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// View is one moment's state of the books, which several connections can read at once.
type View struct {
	// Tx is a transaction that reads it, and takes no locks.
	Tx     pgx.Tx
	ledger *Ledger
	share  string // begins a transaction that sees the same
}

// View runs fn with what the books are now. It is not repeated on failure.
func (l *Ledger) View(ctx context.Context, fn func(*View) error) error {
	v := &View{ledger: l}
	if l.dialect == schema.CockroachDB {
		var at string
		if err := l.pool.QueryRow(ctx, "SELECT cluster_logical_timestamp()::TEXT").Scan(&at); err != nil {
			return fmt.Errorf("a view's time: %w", err)
		}
		v.share = "SET TRANSACTION AS OF SYSTEM TIME '" + at + "'"
	}
	return l.ReadByKey(ctx, func(tx pgx.Tx) error {
		v.Tx = tx
		if err := v.begin(ctx, tx); err != nil {
			return err
		}
		if l.dialect == schema.PostgreSQL {
			var snapshot string
			if err := tx.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&snapshot); err != nil {
				return fmt.Errorf("a view's snapshot: %w", err)
			}
			v.share = "SET TRANSACTION SNAPSHOT '" + snapshot + "'"
		}
		return fn(v)
	})
}

// begin sets a transaction up to see the view's state, and to read much of it.
func (v *View) begin(ctx context.Context, tx pgx.Tx) error {
	// One that waits while another reads must not be ended for it.
	for _, statement := range []string{v.share, v.ledger.dialect.ReadStatement(), "SET LOCAL idle_in_transaction_session_timeout = 0"} {
		if statement == "" {
			continue
		}
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// Rows calls fn for every row of the journal, in no order: on so many connections of its own at
// once, each with the number of its part. A row and its evidence are good until fn returns.
func (v *View) Rows(ctx context.Context, parts int, fn func(part int, row *Row) error) error {
	ranges, err := v.ranges(ctx)
	if err != nil {
		return fmt.Errorf("ranges of the journal: %w", err)
	}
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for part := range parts {
		group.Go(func() error {
			return v.Beside(ctx, func(tx pgx.Tx) error {
				for n := next.Add(1); int(n) <= len(ranges); n = next.Add(1) {
					if err := lendRows(ctx, tx, func(r *Row) error { return fn(part, r) }, "journal WHERE "+ranges[n-1]); err != nil {
						return err
					}
				}
				return nil
			})
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("read the journal: %w", err)
	}
	return nil
}

// Beside runs fn in a transaction that sees the view's state. Its connection is none of the pool's,
// all of which others may have.
func (v *View) Beside(ctx context.Context, fn func(pgx.Tx) error) error {
	config := v.ledger.pool.Config().ConnConfig
	config.Tracer = nil
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	return pgx.BeginTxFunc(ctx, conn, readOnly, func(tx pgx.Tx) error {
		if err := v.begin(ctx, tx); err != nil {
			return err
		}
		return fn(tx)
	})
}

// blocksAtOnce is how many blocks of PostgreSQL's, of 8 kB, make a range: 32 MB.
const blocksAtOnce = 4096

// ranges are conditions that divide the journal. PostgreSQL keeps rows in the order in which they
// came, so a range is some of its blocks; CockroachDB in the order of the key, so it is a day.
func (v *View) ranges(ctx context.Context) (ranges []string, err error) {
	if v.ledger.dialect == schema.PostgreSQL {
		var blocks int64
		err = v.Tx.QueryRow(ctx, "SELECT pg_relation_size('journal') / current_setting('block_size')::INT8").Scan(&blocks)
		for first := int64(0); first < blocks; first += blocksAtOnce {
			ranges = append(ranges, fmt.Sprintf("ctid >= '(%d,0)' AND ctid < '(%d,0)'", first, first+blocksAtOnce))
		}
		return ranges, err
	}
	for first := int64(math.MinInt32); first <= math.MaxInt32; {
		var day *int64
		if err = v.Tx.QueryRow(ctx, "SELECT min(effective_day) FROM journal WHERE effective_day >= $1", first).Scan(&day); err != nil || day == nil {
			return ranges, err
		}
		ranges = append(ranges, fmt.Sprintf("effective_day = %d", *day))
		first = *day + 1
	}
	return ranges, nil
}
