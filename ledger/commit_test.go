package ledger_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/ledgertest"

	"github.com/jackc/pgx/v5"
)

// TestCommitCut breaks the connection exactly between COMMIT sent and COMMIT answered, with the
// commit landed and not landed. In each case the caller must get the one true answer, and money
// must have moved once.
func TestCommitCut(t *testing.T) {
	for name, c := range map[string]struct {
		cut   cut
		cause string
	}{
		"not landed": {unsent, "not landed"}, "landed": {answered, ""}, "landed while it is being resolved": {late, ""},
	} {
		t.Run(name, func(t *testing.T) {
			direct := ledgertest.New(t)
			p, through := newProxy(t, direct)
			var mu sync.Mutex
			var causes []string
			b := openBooks(t, ledgertest.Connect(t, through, 4, ledger.WithRetryHook(func(cause string) {
				mu.Lock()
				defer mu.Unlock()
				causes = append(causes, cause)
			})))
			b.post([]ledger.Transfer{transfer(1, "reserve", "fund", 100)})
			causes = nil
			p.arm(c.cut)
			if c.cut == late {
				go releaseWhenWaiting(t, p, direct)
			}
			batch := b.batch([]ledger.Transfer{transfer(2, "fund", "operator:bus", 60), transfer(3, "fund", "operator:bus", 60), transfer(1, "reserve", "fund", 100)})
			out := b.postBatch(batch)
			if p.count() != 1 {
				t.Fatalf("the proxy cut %d commits, expected 1", p.count())
			}
			want := []string{"inserted 60", "refused: the debit account does not hold enough", "duplicate 100"}
			if got := describe(out.Transfers); !slices.Equal(got, want) && c.cut != unsent || out.Sequence != 2 {
				t.Errorf("answer %q, sequence %d; expected %q, sequence 2", got, out.Sequence, want)
			}
			wantCauses := []string{"unknown commit"}
			if c.cause != "" {
				wantCauses = append(wantCauses, c.cause)
			}
			if mu.Lock(); !slices.Equal(causes[len(causes)-len(wantCauses):], wantCauses) {
				t.Errorf("causes of retries %q, expected %q at the end", causes, wantCauses)
			}
			mu.Unlock()
			if got := b.balance("operator:bus"); got != 60 {
				t.Errorf("operator:bus holds %d, expected 60", got)
			}
			// The next batch proves that stream and chain went on from the right place.
			b.post([]ledger.Transfer{transfer(4, "fund", "operator:bus", 40)})
			b.verify()
		})
	}
}

// TestGatheredCommitCut breaks the connection around the commits that make and end a caller's hold,
// landed and not landed. The caller gets the one true answer each time, and the hold is made and
// ended once.
func TestGatheredCommitCut(t *testing.T) {
	for name, cut := range map[string]cut{"not landed": unsent, "landed": answered} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			p, through := newProxy(t, ledgertest.New(t))
			b := openBooks(t, ledgertest.Connect(t, through, 4))
			b.post([]ledger.Transfer{transfer(1, "reserve", "fund", 100)})
			g, err := b.NewGatherer(ctx, "desk", "test", 1, 0)
			b.must(err)
			defer g.Close()
			for n, step := range []struct {
				chain []ledger.Transfer
				want  []string
				held  ledger.Fen
			}{
				{[]ledger.Transfer{hold(2, 70), fund(3, 10)}, []string{"inserted 70", "inserted 10"}, 70},
				{[]ledger.Transfer{hold(4, 30), fund(5, 1)}, []string{tooLittle, chained}, 70},
				{[]ledger.Transfer{on(2, ledger.PostHold, 40), hold(6, 50)}, []string{"inserted 40", "inserted 50"}, 50},
				{[]ledger.Transfer{on(2, ledger.PostHold, 40), hold(6, 50)}, []string{"duplicate 40", "duplicate 50"}, 50},
				{[]ledger.Transfer{afterwards(on(6, ledger.ExpireHold, 0))}, []string{"inserted 0"}, 0},
			} {
				p.arm(cut)
				decisions, err := g.Post(ctx, step.chain)
				if got := describe(decisions); err != nil || !slices.Equal(got, step.want) || p.count() != n+1 {
					t.Errorf("step %d, %d cuts: %q, %v; expected %q", n, p.count(), got, err, step.want)
				}
				if sums, err := b.Balance(ctx, "fund"); err != nil || sums.DebitsHeld != step.held {
					t.Errorf("step %d: fund is %+v, %v; expected %d held", n, sums, err, step.held)
				}
				b.verify()
			}
			if left := b.balance("fund"); left != 50 {
				t.Errorf("fund holds %d, expected 50", left)
			}
		})
	}
}

// releaseWhenWaiting lets the late COMMIT through once somebody waits for its lock.
func releaseWhenWaiting(t *testing.T, p *proxy, url string) {
	defer close(p.release)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := ledgertest.AwaitWaiting(ctx, url, 1); err != nil {
		t.Errorf("nobody locked the stream to resolve the lost commit: %v", err)
	}
}

// TestUnreachableDatabase loses the database before anything is sent.
func TestUnreachableDatabase(t *testing.T) {
	direct := ledgertest.New(t)
	p, through := newProxy(t, direct)
	b := openBooks(t, ledgertest.Connect(t, through, 4, ledger.WithRetries(3), ledger.WithBackoff(time.Millisecond, 2*time.Millisecond)))
	p.Refuse()
	p.Cut()
	batch := b.batch([]ledger.Transfer{transfer(1, "float", "operator:bus", 1)})
	if _, err := b.Post(context.Background(), batch); !errors.Is(err, ledger.ErrUnavailable) {
		t.Errorf("with the database out of reach: %v, expected ErrUnavailable", err)
	}
}

// TestOutcomeUnknown loses the database for good during COMMIT.
func TestOutcomeUnknown(t *testing.T) {
	direct := ledgertest.New(t)
	p, through := newProxy(t, direct)
	b := openBooks(t, ledgertest.Connect(t, through, 4, ledger.WithRetries(3), ledger.WithBackoff(time.Millisecond, 2*time.Millisecond)))
	p.arm(answered)
	p.Refuse()
	batch := b.batch([]ledger.Transfer{transfer(1, "float", "operator:bus", 1)})
	batch.Finish = func(context.Context, pgx.Tx, *ledger.Outcome) ([]byte, error) { return nil, nil }
	if _, err := b.Post(context.Background(), batch); !errors.Is(err, ledger.ErrOutcomeUnknown) {
		t.Errorf("with the database lost during the commit: %v, expected ErrOutcomeUnknown", err)
	}
	// It had landed; a new lease shows it.
	there := ledgertest.Connect(t, direct, 2)
	lease, err := there.Lease(context.Background(), "taps/0", "another", 0)
	if err != nil || lease.Next != batch.Next {
		t.Errorf("the new lease is %+v, %v; expected next %d", lease, err, batch.Next)
	}
}

// TestChangeCommitCut cuts the COMMIT that opens an account: once before it arrives and once after,
// when only its answer is lost. The next attempt opens what is not there, and nothing twice.
func TestChangeCommitCut(t *testing.T) {
	for _, where := range []cut{unsent, answered} {
		direct := ledgertest.New(t)
		p, through := newProxy(t, direct)
		b := openBooks(t, ledgertest.Connect(t, through, 4, ledger.WithBackoff(time.Millisecond, 2*time.Millisecond)))
		there := ledgertest.Connect(t, direct, 2)
		count := func(query string) (n int) {
			t.Helper()
			b.must(there.Pool().QueryRow(t.Context(), query).Scan(&n))
			return n
		}
		const told = "SELECT count(*) FROM audit"
		before := count(told)
		p.arm(where)
		b.must(b.OpenAccounts(context.Background(), []ledger.Account{{Code: "late", Kind: ledger.Liability}}))
		if p.count() == 0 {
			t.Fatal("no commit was cut")
		}
		if accounts, entries := count("SELECT count(*) FROM accounts WHERE code = 'late'"), count(told)-before; accounts != 1 || entries != 1 {
			t.Errorf("cut %v: %d accounts and %d entries of the audit, want one of each", where, accounts, entries)
		}
	}
}

// TestChangeOutcomeUnknown loses the database for good while an account is opened. The account is
// there, so the caller must not be told that nothing was committed.
func TestChangeOutcomeUnknown(t *testing.T) {
	direct := ledgertest.New(t)
	p, through := newProxy(t, direct)
	b := openBooks(t, ledgertest.Connect(t, through, 4, ledger.WithRetries(3), ledger.WithBackoff(time.Millisecond, 2*time.Millisecond)))
	p.arm(answered)
	p.Refuse()
	err := b.OpenAccounts(context.Background(), []ledger.Account{{Code: "late", Kind: ledger.Liability}})
	if !errors.Is(err, ledger.ErrOutcomeUnknown) || errors.Is(err, ledger.ErrUnavailable) {
		t.Errorf("with the database lost during the commit: %v, expected ErrOutcomeUnknown", err)
	}
	there := ledgertest.Connect(t, direct, 2)
	var accounts int
	b.must(there.Pool().QueryRow(t.Context(), "SELECT count(*) FROM accounts WHERE code = 'late'").Scan(&accounts))
	if accounts != 1 {
		t.Errorf("%d accounts, want the one that was committed", accounts)
	}
}

// TestReadCommitCut cuts the COMMIT of a transaction that only reads: it is read again.
func TestReadCommitCut(t *testing.T) {
	for _, where := range []cut{unsent, answered} {
		p, through := newProxy(t, ledgertest.New(t))
		b := openBooks(t, ledgertest.Connect(t, through, 4, ledger.WithBackoff(time.Millisecond, 2*time.Millisecond)))
		p.arm(where)
		reads := 0
		b.must(b.Look(t.Context(), func(tx pgx.Tx) error {
			reads++
			_, err := tx.Exec(t.Context(), "SELECT 1")
			return err
		}))
		if reads != 2 || p.count() != 1 {
			t.Errorf("cut %v: %d reads, %d cuts, want 2 and 1", where, reads, p.count())
		}
	}
}
