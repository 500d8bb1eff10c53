package shadow_test

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"testing"

	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/shadow"
)

const today ledger.Day = 20260105

func TestMain(m *testing.M) { ledgertest.Main(m) }

// books is a ledger with three accounts, one open day and one leased stream.
type books struct {
	*ledger.Ledger
	t      ledgertest.TB
	lease  ledger.Lease
	signer ed25519.PrivateKey
}

func openBooks(t ledgertest.TB, l *ledger.Ledger) *books {
	t.Helper()
	ctx := context.Background()
	b := &books{Ledger: l, t: t, signer: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}
	b.must(b.OpenDay(ctx, today))
	b.must(b.OpenAccounts(ctx, []ledger.Account{
		{Code: "reserve", Kind: ledger.Asset, Shards: 4}, {Code: "float", Kind: ledger.Liability, Shards: 4}, {Code: "operator:bus", Kind: ledger.Liability, Shards: 4},
	}))
	var err error
	b.lease, err = b.Lease(ctx, "taps/0", "test", 0)
	b.must(err)
	ledgertest.Pin(t, l, b.signer)
	return b
}

func (b *books) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("%v", err)
	}
}

// post posts the stream's next batch.
func (b *books) post(transfers []ledger.Transfer, memos ...ledger.Memo) {
	b.t.Helper()
	next := b.lease.Next + 1
	_, err := b.Post(context.Background(), &ledger.Batch{
		Stream: b.lease.Stream, Epoch: b.lease.Epoch, From: b.lease.Next, Next: next, Day: b.lease.Day, Transfers: transfers, Memos: memos,
	})
	b.must(err)
	b.lease.Next = next
}

// endDay closes the day, and goes on in the next.
func (b *books) endDay(next ledger.Day) {
	b.t.Helper()
	b.must(b.CloseDay(context.Background(), b.lease.Day, next))
	b.must(b.EndDay(context.Background(), b.lease.Day))
	b.lease.Day = next
}

// ride makes a transfer from float to the bus.
func ride(day ledger.Day, subject ledger.Subject, id int, amount ledger.Fen) ledger.Transfer {
	return ledger.Transfer{
		Day: day, Subject: subject, ID: ledger.ID(binary.BigEndian.AppendUint32(nil, uint32(id))),
		Debit: ledger.IDOfCode("float"), Credit: ledger.IDOfCode("operator:bus"), Amount: amount, Purpose: 1,
	}
}

func TestStatementAndBalances(t *testing.T) {
	b := openBooks(t, ledgertest.Open(t, 8))
	ctx := context.Background()
	old := ride(20251230, "card0", 7, 1000)
	old.Debit, old.Credit = ledger.IDOfCode("reserve"), old.Debit
	b.post([]ledger.Transfer{old, ride(today, "card0", 14, 200), ride(today, "card1", 1, 5)}, ledger.Memo{Day: today, Subject: "card0", ID: "m", Kind: "record"})
	var rows []ledger.Row
	collect := func(r ledger.Row) error { rows = append(rows, r); return nil }
	b.must(shadow.Statement(ctx, b.Ledger, "card0", 20251201, today, collect))
	if len(rows) != 3 || rows[0].Amount != 1000 || rows[1].Amount != 200 || rows[2].Kind != "record" || rows[1].ContentHash() != rows[1].Hash {
		t.Errorf("statement %+v", rows)
	}
	rows = nil
	b.must(shadow.Statement(ctx, b.Ledger, "card0", today, today, collect))
	if len(rows) != 2 {
		t.Errorf("today's statement has %d rows, expected 2", len(rows))
	}
	if err := shadow.Statement(ctx, b.Ledger, "card0", 20000230, today, collect); err == nil {
		t.Error("a statement from the 30th of February: expected an error")
	}
	shadows := make(map[ledger.Subject]ledger.Fen)
	b.must(shadow.Balances(ctx, b.Ledger, ledger.IDOfCode("float"), func(s ledger.Subject, f ledger.Fen) error { shadows[s] = f; return nil }))
	if len(shadows) != 2 || shadows["card0"] != 800 || shadows["card1"] != -5 {
		t.Errorf("shadow balances %v", shadows)
	}
}
