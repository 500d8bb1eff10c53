package ledger_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"testing"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// TestRefusalsNameTheTransfer posts one bad transfer of each kind, as the second of a batch: the
// error tells which it is and why, and the first goes in.
func TestRefusalsNameTheTransfer(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	b.must(b.OpenAccounts(ctx, []ledger.Account{{Code: "closed", Kind: ledger.Income}, {Code: "frozen", Kind: ledger.Income}}))
	b.must(b.MarkAccount(ctx, "closed", ledger.Marks{Closed: true}, approved))
	b.must(b.MarkAccount(ctx, "frozen", ledger.Marks{Frozen: true}, approved))
	b.post([]ledger.Transfer{
		transfer(1, "reserve", "fund", 100), hold(2, 70), transfer(3, "float", "operator:bus", 5), on(2, ledger.PostHold, 60), transfer(4, "vault", "float", 1),
		with(fund(5, 10), func(x *ledger.Transfer) { x.Act = ledger.Hold }),
	})
	open := transfer(50, "reserve", "float", 1)
	open.Linked = true
	for n, c := range []struct {
		bad    ledger.Transfer
		reason ledger.Reason
		detail string
	}{
		{transfer(10, "reserve", "float", 0), ledger.BadAmount, "0 fen"},
		{transfer(11, "reserve", "float", -1), ledger.BadAmount, "-1 fen"},
		{transfer(12, "reserve", "float", ledger.MaxAmount+1), ledger.BadAmount, "1000000000000001 fen"},
		{transfer(13, "nobody", "float", 1), ledger.UnknownAccount, fmt.Sprintf("debit account %d", ledger.IDOfCode("nobody"))},
		{transfer(14, "float", "closed", 1), ledger.AccountClosed, "closed"},
		{transfer(15, "frozen", "float", 1), ledger.AccountFrozen, "frozen"},
		{transfer(16, "float", "float", 1), ledger.SameAccount, "float"},
		{fund(17, 31), ledger.ExceedsCredits, "fund"},
		{transfer(18, "float", "vault", 2), ledger.ExceedsDebits, "vault"},
		{on(2, ledger.PostHold, 10), ledger.ActedOnBefore, "post hold"},
		{on(5, ledger.PostHold, 11), ledger.ExceedsHold, "11 fen of 10"},
		{on(19, ledger.PostHold, 0), ledger.NothingToActOn, "post hold"},
		{on(3, ledger.VoidHold, 0), ledger.NothingToActOn, "void hold"},
		{transfer(3, "float", "operator:bus", 6), ledger.ContentDiffers, ""},
		{with(transfer(20, "float", "operator:bus", 1), func(x *ledger.Transfer) { x.Day = 20260230 }), ledger.BadKey, "day 20260230, subject of 5 bytes, id of 4 bytes"},
		{open, ledger.OpenChain, ""},
	} {
		out := b.post([]ledger.Transfer{transfer(1000+n, "reserve", "float", 1), c.bad})
		var refused *ledger.TransferError
		if !errors.As(out.Transfers[1].Err, &refused) {
			t.Errorf("case %d: %+v, expected a TransferError", n, out.Transfers[1])
			continue
		}
		want := ledger.TransferError{Index: 1, Key: ledger.Key{Day: c.bad.Day, Subject: c.bad.Subject, ID: c.bad.ID}, Reason: c.reason, Detail: c.detail}
		if *refused != want || out.Transfers[0].Result != ledger.Inserted {
			t.Errorf("case %d: %+v (%v), and the first %+v; expected %+v", n, *refused, refused, out.Transfers[0], want)
		}
	}
	b.verify()
}

// TestSealedDayTakesNothing posts in a day after it was sealed.
func TestSealedDayTakesNothing(t *testing.T) {
	b := newBooks(t)
	ctx := context.Background()
	b.must(b.CloseDay(ctx, today, today.Next()))
	b.must(b.EndDay(ctx, today))
	signer := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	ledgertest.Pin(t, b.Ledger, signer)
	_, err := b.SealDay(ctx, today, signer)
	b.must(err)
	var e *ledger.StreamError
	_, err = b.Post(ctx, b.batch([]ledger.Transfer{transfer(1, "reserve", "float", 1)}))
	if !errors.Is(err, ledger.ErrDaySealed) || !errors.As(err, &e) || e.Day != today || e.Current.Day != today.Next() || e.Current.Stream != "taps/0" {
		t.Errorf("%v, expected ErrDaySealed for the stream", err)
	}
}

// TestSumsThatDoNotFit posts more money than a batch can count, and then more than an account can.
func TestSumsThatDoNotFit(t *testing.T) {
	b := newBooks(t)
	var transfers []ledger.Transfer
	for id := range 9_300 {
		transfers = append(transfers, transfer(id, "reserve", "float", ledger.MaxAmount))
	}
	inserted := 0
	for i, d := range b.post(transfers).Transfers {
		var refused *ledger.TransferError
		if d.Result == ledger.Inserted {
			inserted++
		} else if !errors.As(d.Err, &refused) || refused.Index != i || refused.Reason != ledger.BadAmount {
			t.Fatalf("transfer %d: %+v", i, d)
		}
	}
	if inserted != 9223 {
		t.Errorf("%d went in, expected 9223", inserted)
	}
	var malformed *ledger.BatchError
	if _, err := b.Post(context.Background(), b.batch([]ledger.Transfer{transfer(10_000, "reserve", "float", ledger.MaxAmount)})); !errors.As(err, &malformed) {
		t.Errorf("beyond what an account can hold: %v, expected a BatchError", err)
	}
	b.verify()
}
