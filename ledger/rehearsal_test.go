package ledger_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/schema"
)

// TestRehearsal has each act first rehearsed and then done: it answers the same both times, and
// the first time no row of any table changes.
func TestRehearsal(t *testing.T) {
	b := newBooks(t)
	// Without the rollback an act is fenced by its own lease and tried again and again.
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	agent := ledger.Account{Code: "agent", Kind: ledger.Asset, Owner: "kiosk", Flags: ledger.DebitsMustNotExceedCredits, Cap: 100}
	b.must(b.OpenAccounts(ctx, []ledger.Account{agent}))
	rehearsal := ledger.New(b.Pool(), b.Dialect(), ledger.WithRehearsal())
	post := func(stream string, transfers ...ledger.Transfer) func(*ledger.Ledger) ([]string, error) {
		return func(l *ledger.Ledger) (decisions []string, err error) {
			out, err := l.PostOnce(ctx, stream, "test", 0, func(batch *ledger.Batch) error {
				batch.Transfers = transfers
				return nil
			})
			if err == nil {
				decisions = describe(out.Transfers)
			}
			return decisions, err
		}
	}
	plain := func(act func(l *ledger.Ledger) error) func(*ledger.Ledger) ([]string, error) {
		return func(l *ledger.Ledger) ([]string, error) { return nil, act(l) }
	}
	for _, act := range []struct {
		name string
		do   func(*ledger.Ledger) ([]string, error)
		want []string
		err  error
	}{
		{"a new stream", post("desk", transfer(1, "float", "operator:bus", 70)), []string{"inserted 70"}, nil},
		{"the same again", post("desk", transfer(1, "float", "operator:bus", 70)), []string{"duplicate 70"}, nil},
		{"an old stream", post("taps/0", sell(2, 60), sell(3, 60)), []string{"inserted 60", tooLittle}, nil},
		{"a limit", plain(func(l *ledger.Ledger) error {
			change, err := l.ChangeLimit(ctx, "agent", ledger.Limit{Cap: 80}, approved)
			if change.Used != 60 || change.OldCap != 100 {
				t.Errorf("the limit: %+v", change)
			}
			return err
		}), nil, nil},
		{"a limit that is too low", plain(func(l *ledger.Ledger) error {
			_, err := l.ChangeLimit(ctx, "agent", ledger.Limit{Cap: 50}, approved)
			return err
		}), nil, ledger.ErrLimit},
		{"a close", plain(func(l *ledger.Ledger) error { return l.CloseDay(ctx, today, today.Next()) }), nil, nil},
		{"an end", plain(func(l *ledger.Ledger) error { return l.EndDay(ctx, today) }), nil, nil},
		{"a reopening", plain(func(l *ledger.Ledger) error { return l.ReopenDay(ctx, today, approved) }), nil, nil},
	} {
		before := ledgertest.Dump(t, b.Pool())
		for _, l := range []*ledger.Ledger{rehearsal, b.Ledger} {
			got, err := act.do(l)
			if !errors.Is(err, act.err) || !slices.Equal(got, act.want) {
				t.Errorf("%s: %q, %v; expected %q, %v", act.name, got, err, act.want, act.err)
			}
			if l.Rehearses() && ledgertest.Dump(t, b.Pool()) != before {
				t.Errorf("%s: the rehearsal changed the books", act.name)
			}
		}
		if act.err == nil && act.name != "the same again" && ledgertest.Dump(t, b.Pool()) == before {
			t.Errorf("%s: nothing changed when it was done", act.name)
		}
	}
}

// TestRehearsedLeaseWaits rehearses a lease in the way of CockroachDB. It must not run the
// statement that aborts the owner's batch, which PostgreSQL refuses as a mistake in the syntax.
func TestRehearsedLeaseWaits(t *testing.T) {
	b := newBooks(t)
	if b.Dialect() != schema.PostgreSQL {
		t.Skip("only PostgreSQL refuses the statement")
	}
	if _, err := ledger.New(b.Pool(), schema.CockroachDB).Lease(t.Context(), "taps/0", "test", 0); err == nil {
		t.Error("PostgreSQL takes the statement that passes others")
	}
	if _, err := ledger.New(b.Pool(), schema.CockroachDB, ledger.WithRehearsal()).Lease(t.Context(), "taps/0", "test", 0); err != nil {
		t.Errorf("a rehearsed lease: %v", err)
	}
}
