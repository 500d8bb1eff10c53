package ledger_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"
	"citycard/ledger/shadow"
)

// TestReopenedDay reopens a closed day, books in it with a stream of its own, closes it again and
// seals it, after which it stays as it is.
func TestReopenedDay(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	b.post([]ledger.Transfer{transfer(1, "reserve", "fund", 100)})
	by := ledger.Approval{First: "Li", Second: "Wang", Reason: "a depot's file came late", At: noon}
	if err := b.ReopenDay(ctx, today, by); !errors.Is(err, ledger.ErrDay) {
		t.Errorf("an open day: %v, expected ErrDay", err)
	}
	b.must(b.CloseDay(ctx, today, today.Next()))
	b.must(b.EndDay(ctx, today))
	for _, bad := range []ledger.Approval{
		{First: "Li", Second: "Li", Reason: "why", At: noon},
		{First: "Li", Reason: "why", At: noon},
		{First: "Li", Second: "Wang", At: noon},
		{First: "Li", Second: "Wang", Reason: "why"},
	} {
		var malformed *ledger.BatchError
		if err := b.ReopenDay(ctx, today, bad); !errors.As(err, &malformed) {
			t.Errorf("%+v: %v, expected a BatchError", bad, err)
		}
	}
	b.must(b.ReopenDay(ctx, today, by))
	b.must(b.ReopenDay(ctx, today, by))
	lease, err := b.Lease(ctx, "late file", "test", today)
	b.must(err)
	b.lease = lease
	b.post([]ledger.Transfer{fund(2, 40)})
	signer := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	if _, err = b.SealDay(ctx, today, signer); !errors.Is(err, ledger.ErrDay) {
		t.Errorf("sealing the reopened day: %v, expected ErrDay", err)
	}
	b.must(b.CloseDay(ctx, today, today.Next()))
	if err = b.ReopenDay(ctx, today, by); !errors.Is(err, ledger.ErrDay) {
		t.Errorf("reopening a day that is closing: %v, expected ErrDay", err)
	}
	if _, err = b.Post(ctx, b.batch([]ledger.Transfer{fund(3, 1)})); !errors.Is(err, ledger.ErrDayMoved) {
		t.Errorf("while it is closed again: %v, expected ErrDayMoved", err)
	}
	b.must(b.EndDay(ctx, today))
	if _, err = b.Post(ctx, b.batch([]ledger.Transfer{fund(3, 1)})); !errors.Is(err, ledger.ErrDayMoved) {
		t.Errorf("after it was closed again: %v, expected ErrDayMoved", err)
	}
	ledgertest.Pin(t, b.Ledger, signer)
	_, err = b.SealDay(ctx, today, signer)
	b.must(err)
	if err = b.ReopenDay(ctx, today, by); !errors.Is(err, ledger.ErrDay) {
		t.Errorf("a sealed day: %v, expected ErrDay", err)
	}
	entries, err := b.Audit(ctx)
	b.must(err)
	var acts []string
	for i := range entries {
		e := &entries[i]
		if acts = append(acts, e.Act); e.Act != chain.ActReopenDay {
			continue
		}
		if moved, err := e.DayMoved(); err != nil || moved != (chain.DayMoved{Day: today}) || e.First != "Li" || e.Second != "Wang" || !e.At.Equal(noon) {
			t.Errorf("the audit has %+v, %v; expected the reopening", e, err)
		}
	}
	want := []string{
		chain.ActOpenDay, chain.ActOpenAccounts, chain.ActCloseDay, chain.ActEndDay, chain.ActReopenDay, chain.ActCloseDay, chain.ActEndDay,
		chain.ActPinSealKey,
	}
	if !slices.Equal(acts, want) {
		t.Errorf("the audit has %q, expected %q", acts, want)
	}
	if sums, err := shadow.SumsAsOf(ctx, b.Ledger, "fund", shadow.AsOf{Day: today}); err != nil || sums.CreditBalance() != 60 {
		t.Errorf("fund at the end of the day: %+v, %v, expected 60", sums, err)
	}
	b.verify()
}

// TestNotAtZero names the clearing account on which something was left.
func TestNotAtZero(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	b.must(b.OpenAccounts(ctx, []ledger.Account{
		{Code: "clearing:bus", Kind: ledger.Liability, Flags: ledger.MustReturnToZero, Shards: 2},
		{Code: "clearing:metro", Kind: ledger.Liability, Flags: ledger.MustReturnToZero},
	}))
	b.post([]ledger.Transfer{transfer(1, "float", "clearing:bus", 10), transfer(2, "clearing:bus", "operator:bus", 10), transfer(3, "float", "clearing:metro", 10)})
	if rows, err := b.NotAtZero(ctx, today); err != nil || len(rows) != 1 || rows[0].Account.Code != "clearing:metro" || rows[0].Day.CreditBalance() != 10 {
		t.Errorf("not at zero: %+v, %v", rows, err)
	}
	b.post([]ledger.Transfer{transfer(4, "clearing:metro", "operator:metro", 10)})
	if rows, err := b.NotAtZero(ctx, today); err != nil || len(rows) != 0 {
		t.Errorf("all at zero: %+v, %v", rows, err)
	}
}
