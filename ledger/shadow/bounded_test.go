package shadow_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/shadow"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	oldDays   = 400 // days of history
	oldRows   = 30  // more than a look at one subject may read, returned or scanned, apart from the rows it is about
	oldActive = 3   // the old card rides every third day
)

// TestOldCardIsReadInAHandfulOfRows lets a card and two newer ones ride for 400 days, all sealed
// and with checkpoints but the last two. What is asked of the old one, or of all, then reads no
// more the older it is: rows that came back are counted on the way (tracer), rows that the server
// fetched by its own statistics.
func TestOldCardIsReadInAHandfulOfRows(t *testing.T) {
	url := ledgertest.New(t)
	b := openBooks(t, ledgertest.Connect(t, url, 4))
	ctx := context.Background()
	rides := 0
	for n := range oldDays {
		day := b.lease.Day
		rows := []ledger.Transfer{ride(day, "neighbour", 3*n, 1), ride(day, ledger.Subject(fmt.Sprint("once ", n)), 3*n+1, 1)}
		if n%oldActive == 0 {
			rides++
			rows = append(rows, ride(day, "old", 3*n+2, 1))
		}
		b.post(rows)
		b.endDay(day.Next())
		if n < oldDays-2 {
			_, err := b.SealDay(ctx, day, b.signer)
			b.must(err)
			b.must(shadow.CheckpointAll(ctx, b.Ledger, 0))
		}
	}
	last, float := b.lease.Day, ledger.IDOfCode("float")
	month := last.Add(-30)
	inMonth := 0
	b.must(shadow.Statement(ctx, b.Ledger, "old", month, last, func(ledger.Row) error { inMonth++; return nil }))
	subjects := oldDays + 2
	b.Pool().Close()
	for name, c := range map[string]struct {
		rows int // that the question is about
		ask  func(*ledger.Ledger) (string, error)
		want string
		past bool // only what was read of the past counts: a journal this small is read whole rather than by its key
	}{
		"balance of a card": {1, func(l *ledger.Ledger) (string, error) {
			fen, err := shadow.Balance(ctx, l, float, "old", shadow.AsOf{})
			return fmt.Sprint(int64(fen)), err
		}, fmt.Sprint(-rides), false},
		"balance of a card half a year ago": {1, func(l *ledger.Ledger) (string, error) {
			fen, err := shadow.Balance(ctx, l, float, "neighbour", shadow.AsOf{Day: today.Add(199)})
			return fmt.Sprint(int64(fen)), err
		}, "-200", false},
		"statement of a month": {inMonth + inMonth, func(l *ledger.Ledger) (string, error) { // the days, and the rows
			n := 0
			err := shadow.Statement(ctx, l, "old", month, last, func(ledger.Row) error { n++; return nil })
			return fmt.Sprint(n), err
		}, "10", false},
		"balance of an account": {4 + 1, func(l *ledger.Ledger) (string, error) { // its shards
			sums, err := l.Balance(ctx, "float")
			return fmt.Sprint(int64(sums.CreditBalance())), err
		}, fmt.Sprint(-2*oldDays - rides), false},
		"all cards": {subjects, func(l *ledger.Ledger) (string, error) {
			n := 0
			err := shadow.Balances(ctx, l, float, func(ledger.Subject, ledger.Fen) error { n++; return nil })
			return fmt.Sprint(n), err
		}, fmt.Sprint(subjects), true},
	} {
		got, returned, fetched := askCounted(t, url, c.past, c.ask)
		if got != c.want {
			t.Errorf("%s: %s, expected %s", name, got, c.want)
		}
		if returned > c.rows+oldRows || fetched > c.rows+oldRows {
			t.Errorf("%s: %d rows came back, %d were read for it, expected at most %d", name, returned, fetched, c.rows+oldRows)
		}
	}
}

// rowCounter counts the rows that come back to a client.
type rowCounter struct{ rows atomic.Int64 }

func (c *rowCounter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (c *rowCounter) TraceQueryEnd(_ context.Context, _ *pgx.Conn, end pgx.TraceQueryEndData) {
	if end.CommandTag.Select() {
		c.rows.Add(end.CommandTag.RowsAffected())
	}
}

// askCounted asks through connections of its own, and returns the answer, how many rows came back,
// and how many the server fetched from tables; that is told by PostgreSQL only.
func askCounted(t *testing.T, url string, past bool, ask func(*ledger.Ledger) (string, error)) (answer string, returned, fetched int) {
	t.Helper()
	ctx := context.Background()
	var tables []string // all of them
	if past {
		tables = []string{"checkpoints", "activity", "late"}
	}
	before := ledgertest.FetchedRows(t, url, tables...)
	pool, dialect, err := ledger.Connect(ctx, url, 2)
	if err != nil {
		t.Fatal(err)
	}
	config, counter := pool.Config(), &rowCounter{}
	pool.Close()
	config.ConnConfig.Tracer = counter
	if pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		t.Fatal(err)
	}
	answer, err = ask(ledger.New(pool, dialect))
	pool.Close()
	if err != nil {
		t.Fatal(err)
	}
	return answer, int(counter.rows.Load()), ledgertest.FetchedRows(t, url, tables...) - before
}
