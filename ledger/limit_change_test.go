package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"

	"github.com/jackc/pgx/v5"
)

var approved = ledger.Approval{First: "Li", Second: "Wang", Reason: "a new contract", At: noon}

// newAgent opens an agent that may sell on credit up to 100, in two shards.
func newAgent(t ledgertest.TB) (*books, ledger.Account) {
	t.Helper()
	b := newBooks(t)
	agent := ledger.Account{Code: "agent", Kind: ledger.Asset, Owner: "kiosk", Flags: ledger.DebitsMustNotExceedCredits, Cap: 100, Alarm: 80, Shards: 2}
	b.must(b.OpenAccounts(context.Background(), []ledger.Account{agent}))
	return b, agent
}

func sell(id int, amount ledger.Fen) ledger.Transfer { return transfer(id, "agent", "float", amount) }

// TestChangeLimit widens and narrows an agent's credit. Another process, which learns of it only
// from the database, posts in between.
func TestChangeLimit(t *testing.T) {
	b, agent := newAgent(t)
	ctx := context.Background()
	elsewhere := ledger.New(b.Pool(), b.Dialect())
	for n, step := range []struct {
		limit ledger.Limit
		err   error
		used  ledger.Fen
		batch []ledger.Transfer
		want  []string
	}{
		{ledger.Limit{Cap: 100, Alarm: 80}, nil, 0, []ledger.Transfer{sell(1, 70), sell(2, 31)}, []string{"inserted 70", tooLittle}},
		{ledger.Limit{Cap: 150, Alarm: 71}, nil, 70, []ledger.Transfer{sell(3, 31), sell(4, 50)}, []string{"inserted 31", tooLittle}},
		{ledger.Limit{Cap: 100}, ledger.ErrLimit, 101, []ledger.Transfer{sell(5, 1)}, []string{"inserted 1"}},
		{
			ledger.Limit{Cap: 50, BelowUsed: true},
			nil, 102,
			[]ledger.Transfer{sell(6, 1), transfer(7, "reserve", "agent", 40), sell(8, 1), transfer(9, "reserve", "agent", 20), sell(10, 8), sell(11, 1)},
			[]string{tooLittle, "inserted 40", tooLittle, "inserted 20", "inserted 8", tooLittle},
		},
		{ledger.Limit{Cap: 0, BelowUsed: true}, nil, 50, []ledger.Transfer{sell(12, 1)}, []string{tooLittle}},
		{ledger.Limit{Cap: 40}, nil, 50, []ledger.Transfer{sell(13, 1)}, []string{tooLittle}},
	} {
		change, err := elsewhere.ChangeLimit(ctx, "agent", step.limit, approved)
		if !errors.Is(err, step.err) || change.Used != step.used {
			t.Errorf("change %d: used %d, %v; expected %d, %v", n, change.Used, err, step.used, step.err)
		}
		if got := describe(b.post(step.batch).Transfers); !slices.Equal(got, step.want) {
			t.Errorf("change %d: %q, expected %q", n, got, step.want)
		}
		b.verify()
	}
	entries := limitChanges(t, b)
	var caps []ledger.Fen
	for i := range entries {
		change, err := entries[i].LimitChange()
		b.must(err)
		caps = append(caps, change.Cap)
	}
	if !slices.Equal(caps, []ledger.Fen{150, 50, 0, 40}) || entries[0].Second != "Wang" {
		t.Errorf("the audit has %+v", entries)
	}
	now := agent
	now.Cap, now.Alarm = 40, 0
	for _, same := range []ledger.Account{agent, now} {
		if err := b.OpenAccounts(ctx, []ledger.Account{same}); err != nil {
			t.Errorf("opened again: %v", err)
		}
	}
	now.Cap = 41
	if err := b.OpenAccounts(ctx, []ledger.Account{now}); !errors.Is(err, ledger.ErrAccount) {
		t.Errorf("opened with a limit it never had: %v, expected ErrAccount", err)
	}
}

func TestChangeLimitRefused(t *testing.T) {
	b, _ := newAgent(t)
	ctx := context.Background()
	one := approved
	one.Second = one.First
	for name, c := range map[string]struct {
		code  string
		limit ledger.Limit
		by    ledger.Approval
	}{
		"one person": {"agent", ledger.Limit{Cap: 1}, one}, "negative": {"agent", ledger.Limit{Cap: -1}, approved},
		"alarm above cap": {"agent", ledger.Limit{Cap: 1, Alarm: 2}, approved}, "too much": {"agent", ledger.Limit{Cap: ledger.MaxAmount + 1}, approved},
		"no limit": {"float", ledger.Limit{}, approved}, "other limit": {"vault", ledger.Limit{Cap: 1}, approved},
	} {
		var malformed *ledger.BatchError
		if _, err := b.ChangeLimit(ctx, c.code, c.limit, c.by); !errors.As(err, &malformed) {
			t.Errorf("%s: %v, expected a BatchError", name, err)
		}
	}
	if _, err := b.ChangeLimit(ctx, "nobody", ledger.Limit{}, approved); !errors.Is(err, ledger.ErrNoAccount) {
		t.Errorf("unknown account: %v, expected ErrNoAccount", err)
	}
	if entries := limitChanges(t, b); len(entries) != 0 {
		t.Errorf("the audit has %+v; expected nothing", entries)
	}
}

// limitChanges are the audit's entries of changed limits.
func limitChanges(t *testing.T, b *books) []chain.AuditEntry {
	t.Helper()
	entries, err := b.Audit(context.Background())
	b.must(err)
	return slices.DeleteFunc(entries, func(e chain.AuditEntry) bool { return e.Act != chain.ActChangeLimit })
}

// TestLimitChangedUnderABatch narrows the limit after a batch has read the chart and before it
// locks the account.
func TestLimitChangedUnderABatch(t *testing.T) {
	b, _ := newAgent(t)
	elsewhere := ledger.New(b.Pool(), b.Dialect())
	attempts := 0
	batch := b.batch(nil)
	batch.Prepare = func(context.Context, pgx.Tx) error {
		batch.Transfers = []ledger.Transfer{sell(1, 60)}
		// The first attempt ends here, to look keys up.
		if attempts++; attempts == 2 {
			_, err := elsewhere.ChangeLimit(t.Context(), "agent", ledger.Limit{Cap: 50}, approved)
			b.must(err)
		}
		return nil
	}
	if got := describe(b.postBatch(batch).Transfers); !slices.Equal(got, []string{tooLittle}) {
		t.Errorf("%q, expected that the new limit refuses it", got)
	}
	b.verify()
}

// TestLimitChangedUnderLoad has streams sell and repay while the limit goes up and down below what
// is used; the audit's own figures show whether any batch was decided by a limit that had gone.
func TestLimitChangedUnderLoad(t *testing.T) {
	b, _ := newAgent(t)
	ctx := context.Background()
	var group sync.WaitGroup
	for worker := range 3 {
		group.Go(func() {
			lease, err := b.Lease(ctx, fmt.Sprintf("agent/%d", worker), "test", 0)
			for n := 0; err == nil && n < 40; n++ {
				id := 10_000*(worker+1) + 10*n
				batch := &ledger.Batch{Stream: lease.Stream, Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: lease.Day, Shard: worker}
				batch.Transfers = []ledger.Transfer{sell(id, 30), sell(id+1, 7), transfer(id+2, "reserve", "agent", 25)}
				if _, err = b.Post(ctx, batch); err == nil {
					lease.Next = batch.Next
				}
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Go(func() {
		for n := range 30 {
			if _, err := b.ChangeLimit(ctx, "agent", ledger.Limit{Cap: ledger.Fen(n * 37 % 200), BelowUsed: true}, approved); err != nil {
				t.Error(err)
			}
		}
	})
	group.Wait()
	b.verify()
}
