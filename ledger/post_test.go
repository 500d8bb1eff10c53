package ledger_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

const today ledger.Day = 20260105

// books is a ledger with a small chart, one open day and one leased stream.
type books struct {
	*ledger.Ledger
	t     ledgertest.TB
	lease ledger.Lease
}

func chart() []ledger.Account {
	return []ledger.Account{
		{Code: "reserve", Kind: ledger.Asset, Owner: "bank", Shards: 4},
		{Code: "float", Kind: ledger.Liability, Owner: "centre", Shards: 4},
		{Code: "operator:metro", Kind: ledger.Liability, Owner: "metro", Shards: 4},
		{Code: "operator:bus", Kind: ledger.Liability, Owner: "bus", Shards: 4},
		{Code: "fund", Kind: ledger.Liability, Owner: "insurance", Flags: ledger.DebitsMustNotExceedCredits, Shards: 3},
		{Code: "personal:a", Kind: ledger.Liability, Owner: "a", Flags: ledger.DebitsMustNotExceedCredits},
		{Code: "vault", Kind: ledger.Asset, Owner: "centre", Flags: ledger.CreditsMustNotExceedDebits, Shards: 2},
	}
}

func newBooks(t ledgertest.TB, options ...ledger.Option) *books {
	t.Helper()
	return openBooks(t, ledgertest.Open(t, 8, options...))
}

func openBooks(t ledgertest.TB, l *ledger.Ledger) *books {
	t.Helper()
	ctx := context.Background()
	b := &books{Ledger: l, t: t}
	b.must(b.OpenDay(ctx, today))
	b.must(b.OpenAccounts(ctx, chart()))
	var err error
	b.lease, err = b.Lease(ctx, "taps/0", "test", 0)
	b.must(err)
	return b
}

func (b *books) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("%v", err)
	}
}

// batch makes the stream's next batch.
func (b *books) batch(transfers []ledger.Transfer, memos ...ledger.Memo) *ledger.Batch {
	return &ledger.Batch{
		Stream: b.lease.Stream, Epoch: b.lease.Epoch, From: b.lease.Next, Next: b.lease.Next + 10, Day: b.lease.Day,
		Transfers: transfers, Memos: memos,
	}
}

// post posts the stream's next batch and moves on.
func (b *books) post(transfers []ledger.Transfer, memos ...ledger.Memo) *ledger.Outcome {
	b.t.Helper()
	return b.postBatch(b.batch(transfers, memos...))
}

func (b *books) postBatch(batch *ledger.Batch) *ledger.Outcome {
	b.t.Helper()
	out, err := b.Post(context.Background(), batch)
	b.must(err)
	b.lease.Next, b.lease.Sequence = batch.Next, out.Sequence
	return out
}

func (b *books) balance(code string) ledger.Fen {
	b.t.Helper()
	sums, err := b.Balance(context.Background(), code)
	b.must(err)
	return sums.CreditBalance()
}

func transfer(id int, debit, credit string, amount ledger.Fen) ledger.Transfer {
	return ledger.Transfer{
		Day: today, Subject: ledger.Subject(fmt.Sprintf("card%d", id%7)), ID: ledger.ID(binary.BigEndian.AppendUint32(nil, uint32(id))),
		Debit: ledger.IDOfCode(debit), Credit: ledger.IDOfCode(credit), Amount: amount, Purpose: 1,
	}
}

// describe writes decisions as words, for comparison: "inserted 100", "refused exceeds…".
func describe(decisions []ledger.Decision) []string {
	words := make([]string, len(decisions))
	for i, d := range decisions {
		words[i] = fmt.Sprintf("%v %d", d.Result, int64(d.Amount))
		var refused *ledger.TransferError
		if errors.As(d.Err, &refused) {
			words[i] = fmt.Sprintf("%v: %v", d.Result, refused.Reason)
		}
	}
	return words
}

func TestPostMovesMoney(t *testing.T) {
	b := newBooks(t)
	out := b.post([]ledger.Transfer{transfer(1, "float", "operator:metro", 400), transfer(2, "float", "operator:bus", 200), transfer(3, "reserve", "float", 5000)})
	for i, d := range out.Transfers {
		if d.Result != ledger.Inserted || d.Err != nil {
			t.Errorf("transfer %d: %v %v, expected inserted", i, d.Result, d.Err)
		}
	}
	for code, want := range map[string]ledger.Fen{"float": 4400, "operator:metro": 400, "operator:bus": 200, "reserve": -5000} {
		if got := b.balance(code); got != want {
			t.Errorf("%s holds %d, expected %d", code, got, want)
		}
	}
}
