package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/schema"

	"github.com/jackc/pgx/v5"
)

// impatient is short enough for a test and long enough for its statements on a busy machine.
const impatient = 2 * time.Second

// released is how long a waiting caller may go without an answer: several attempts, each as long as
// the patience.
const released = 10 * impatient

func connectImpatiently(t *testing.T, url string) *ledger.Ledger {
	t.Helper()
	pool, dialect, err := ledger.Connect(t.Context(), url, 4, ledger.Patience(impatient))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return ledger.New(pool, dialect)
}

// within fails the test where fn takes too long.
func within(t *testing.T, what string, fn func()) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); fn() }()
	select {
	case <-done:
	case <-time.After(released):
		t.Fatalf("%s: no answer after %s", what, released)
	}
}

// TestVanishedDuringCommit lets the database's host vanish without a word as COMMIT is sent, which
// it has received, or not. The caller is told within some seconds that the outcome is not known,
// and once the host is back posts again: the money has moved once.
func TestVanishedDuringCommit(t *testing.T) {
	for name, cut := range map[string]cut{"not stored": mute, "stored": muteAfter} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			direct := ledgertest.New(t)
			p, through := newProxy(t, direct)
			b := openBooks(t, connectImpatiently(t, through))
			b.post([]ledger.Transfer{transfer(1, "reserve", "fund", 100)})
			batch := b.batch([]ledger.Transfer{transfer(2, "fund", "operator:bus", 60)})
			p.arm(cut)
			within(t, "post", func() {
				// The session that never heard of its COMMIT holds the stream's row, so nobody can
				// tell yet.
				if _, err := b.Post(ctx, batch); !errors.Is(err, ledger.ErrOutcomeUnknown) {
					t.Errorf("with the host gone during the commit: %v, expected ErrOutcomeUnknown", err)
				}
			})
			p.vanish(false)
			within(t, "lease", func() {
				lease, err := b.Lease(ctx, batch.Stream, "test", 0)
				if err != nil || (lease.Next == batch.Next) != (cut == muteAfter) {
					t.Errorf("the new lease is %+v, %v; the batch leads to %d", lease, err, batch.Next)
				}
				b.lease = lease
			})
			b.post([]ledger.Transfer{transfer(2, "fund", "operator:bus", 60)})
			if got := b.balance("operator:bus"); got != 60 {
				t.Errorf("operator:bus holds %d, expected 60", got)
			}
			b.verify()
		})
	}
}

// TestGatheredVanishes does it to a caller who shares commits: the answer comes within some
// seconds, and the chain posted again has moved its money once.
func TestGatheredVanishes(t *testing.T) {
	for name, cut := range map[string]cut{"not stored": mute, "stored": muteAfter} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			p, through := newProxy(t, ledgertest.New(t))
			b := openBooks(t, connectImpatiently(t, through))
			b.post([]ledger.Transfer{transfer(1, "reserve", "fund", 100)})
			g, err := b.NewGatherer(ctx, "desk", "test", 1, 0)
			b.must(err)
			defer g.Close()
			p.arm(cut)
			within(t, "post", func() {
				if _, err := g.Post(ctx, []ledger.Transfer{hold(2, 70), fund(3, 10)}); !errors.Is(err, ledger.ErrOutcomeUnknown) {
					t.Errorf("with the host gone during the commit: %v, expected ErrOutcomeUnknown", err)
				}
			})
			p.vanish(false)
			within(t, "post again", func() {
				decisions, err := g.Post(ctx, []ledger.Transfer{hold(2, 70), fund(3, 10)})
				want := ledger.Inserted
				if cut == muteAfter {
					want = ledger.Duplicate
				}
				if err != nil || decisions[0].Result != want || decisions[1].Result != want {
					t.Errorf("posted again: %+v, %v; expected %v", decisions, err, want)
				}
			})
			if sums, err := b.Balance(ctx, "fund"); err != nil || sums.DebitsHeld != 70 || sums.CreditBalance() != 90 {
				t.Errorf("fund is %+v, %v; expected 90 with 70 held", sums, err)
			}
			b.verify()
		})
	}
}

// TestVanishedBetween has the host vanish between two batches, with idle connections in the pool:
// nothing was posted, and that is the answer. When it is back the next batch goes through at once,
// on a new connection.
func TestVanishedBetween(t *testing.T) {
	p, through := newProxy(t, ledgertest.New(t))
	b := openBooks(t, connectImpatiently(t, through))
	b.post([]ledger.Transfer{transfer(1, "reserve", "fund", 100)})
	batch := b.batch([]ledger.Transfer{transfer(2, "fund", "operator:bus", 60)})
	p.vanish(true)
	within(t, "post", func() {
		if _, err := b.Post(context.Background(), batch); !errors.Is(err, ledger.ErrUnavailable) {
			t.Errorf("with the host gone: %v, expected ErrUnavailable", err)
		}
	})
	within(t, "a statement of another table", func() {
		if _, err := b.Pool().Exec(context.Background(), "SELECT count(*) FROM days"); err == nil {
			t.Error("with the host gone a statement was answered")
		}
	})
	p.vanish(false)
	within(t, "post again", func() {
		out, err := b.Post(context.Background(), batch)
		if err != nil || out.Transfers[0].Result != ledger.Inserted {
			t.Errorf("with the host back: %+v %v", out, err)
		}
	})
}

// TestPatience has a statement take longer than the patience where that is allowed and where it is
// not.
func TestPatience(t *testing.T) {
	ctx := context.Background()
	url := ledgertest.New(t)
	pool, dialect, err := ledger.Connect(ctx, url, 2, ledger.Patience(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if dialect != schema.PostgreSQL {
		t.Log("pg_sleep is understood by CockroachDB as well")
	}
	l := ledger.New(pool, dialect, ledger.WithRetries(1))
	sleep := func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "SELECT pg_sleep(2)")
		return err
	}
	if err := l.Read(ctx, sleep); err != nil {
		t.Errorf("a long read: %v", err)
	}
	if err := l.Write(ctx, sleep); err != nil {
		t.Errorf("a long step of a close: %v", err)
	}
	for range 3 { // what was allowed is not allowed any more on any connection
		if _, err := pool.Exec(ctx, "SELECT pg_sleep(2)"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a long statement: %v, expected to be given up", err)
		}
	}
	if _, _, err := ledger.Connect(ctx, url, 2, ledger.Patience(0)); err == nil {
		t.Error("no patience at all: expected an error")
	}
}
