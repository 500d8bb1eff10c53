package main

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/shadow"
)

// TestLooks runs the commands with which an operator reads and exports the books: testdata/books,
// over two days of which the first is sealed.
func TestLooks(t *testing.T) {
	b, dir := bookstest.New(t)
	fillBooks(t, b.Ledger)
	serveBooks(t, b, &server.Settings{Common: service.Common{Data: dir}})
	people := staffed(t, b.Ledger)
	scripts(t, testscript.Params{Dir: "testdata/books", Cmds: staffCommands(), Setup: func(e *testscript.Env) error {
		e.Setenv("DATA", dir)
		e.Setenv("DB", b.URL)
		people(e)
		return nil
	}})
}

// TestTwoChange has two people change the registry, the rules and the modes, in books of their own:
// what was proposed last is that of the script.
func TestTwoChange(t *testing.T) {
	for _, name := range []string{"registry", "rules", "modes"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, dir := bookstest.New(t)
			fillBooks(t, b.Ledger)
			serveBooks(t, b, &server.Settings{Common: service.Common{Data: dir}})
			people := staffed(t, b.Ledger)
			scripts(t, testscript.Params{Dir: filepath.Join("testdata", name), Cmds: staffCommands(), Setup: func(e *testscript.Env) error {
				e.Setenv("DATA", dir)
				e.Setenv("DB", b.URL)
				people(e)
				return nil
			}})
		})
	}
}

// TestBadRules gives the commands of rules what is no document: testdata/bad, over books of their
// own, since nothing else may be proposed meanwhile.
func TestBadRules(t *testing.T) {
	b, dir := bookstest.New(t)
	fillBooks(t, b.Ledger)
	serveBooks(t, b, &server.Settings{Common: service.Common{Data: dir}})
	people := staffed(t, b.Ledger)
	scripts(t, testscript.Params{Dir: "testdata/bad", Setup: func(e *testscript.Env) error {
		e.Setenv("DATA", dir)
		e.Setenv("DB", b.URL)
		people(e)
		return nil
	}})
}

// TestReaderGone runs a command whose output is not read to its end: testdata/pipe.
func TestReaderGone(t *testing.T) {
	data, err := service.OpenDataDir(filepath.Join(reachableDir(t), "data"), books.DataPurpose)
	if err != nil {
		t.Fatal(err)
	}
	if err := data.Close(); err != nil {
		t.Fatal(err)
	}
	dir := data.Path
	b, err := books.Open(t.Context(), "", dir, 4, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	fillBooks(t, b.Ledger)
	if err := b.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	scripts(t, testscript.Params{Dir: "testdata/pipe", Setup: func(e *testscript.Env) error {
		e.Setenv("DATA", dir)
		e.Setenv("DB", b.URL)
		return nil
	}})
}

// fillBooks books two days: moves, a reversal, a hold, a clearing account with something left on
// it.
func fillBooks(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const first, second ledger.Day = 20260105, 20260106
	must(l.OpenDay(ctx, first))
	must(l.OpenAccounts(ctx, []ledger.Account{
		{Code: "reserve", Kind: ledger.Asset},
		{Code: "float:own", Kind: ledger.Liability},
		{Code: "operator:bus", Kind: ledger.Liability},
		{Code: "operator:metro", Kind: ledger.Liability},
		{Code: "transit", Kind: ledger.Liability, Flags: ledger.MustReturnToZero},
		{Code: "fund", Kind: ledger.Liability, Owner: "insurance", Flags: ledger.DebitsMustNotExceedCredits},
		{Code: "agent", Kind: ledger.Asset, Owner: "kiosk", Flags: ledger.DebitsMustNotExceedCredits, Cap: 1000},
	}))
	lease, err := l.Lease(ctx, "desk", "test", first)
	must(err)
	post := func(day ledger.Day, memos []ledger.Memo, transfers ...ledger.Transfer) {
		t.Helper()
		out, err := l.Post(ctx, &ledger.Batch{
			Stream: "desk", Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: day, Transfers: transfers, Memos: memos,
		})
		must(err)
		lease.Next++
		for _, d := range out.Transfers {
			must(d.Err)
		}
	}
	move := func(day ledger.Day, subject ledger.Subject, id ledger.ID, debit, credit string, fen ledger.Fen) ledger.Transfer {
		return ledger.Transfer{Day: day, Subject: subject, ID: id, Debit: ledger.IDOfCode(debit), Credit: ledger.IDOfCode(credit), Amount: fen}
	}
	hold := move(first, "card2", "\x03", "fund", "operator:bus", 70)
	hold.Act, hold.Expires = ledger.Hold, time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	post(first, nil, move(first, "card1", "\x01", "float:own", "operator:bus", 200), move(first, "bank", "\x7f", "reserve", "fund", 100), hold)
	must(l.CloseDay(ctx, first, second))
	must(l.EndDay(ctx, first))
	signer := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	ledgertest.Pin(t, l, signer)
	_, err = l.SealDay(ctx, first, signer)
	must(err)
	must(shadow.CheckpointAll(ctx, l, 0))
	memos := []ledger.Memo{{Day: second, Subject: "card1", ID: "m", Kind: "record", Reason: "free"}}
	post(second, memos, move(second, "card1", "\x02", "float:own", "operator:bus", 50), move(second, "card3", "\x04", "float:own", "transit", 50),
		move(second, "card4", "\x06", "agent", "float:own", 800),
		ledger.Transfer{Day: first, Subject: "card1", ID: "\x01", Act: ledger.Reverse})
}

// postOnce posts transfers as the next batch of a stream of their own.
func postOnce(t *testing.T, l *ledger.Ledger, stream string, transfers ...ledger.Transfer) {
	t.Helper()
	out, err := l.PostOnce(t.Context(), stream, "test", 0, func(b *ledger.Batch) error {
		b.Transfers = transfers
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, decision := range out.Transfers {
		if decision.Disputed || decision.Result == ledger.Refused {
			t.Fatalf("transfer %d: %s: %v", i, decision.Result, decision.Err)
		}
	}
}
