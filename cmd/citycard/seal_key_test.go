package main

import (
	"log/slog"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// TestSealKeys pins seal keys, seals days and verifies them: testdata/sealkey, over three days of
// which two are closed, and the books of another city.
func TestSealKeys(t *testing.T) {
	b, _ := bookstest.New(t)
	closeTwoDays(t, b)
	people := staffed(t, b.Ledger)
	other, _ := bookstest.New(t)
	if err := other.OpenDay(t.Context(), 20260105); err != nil {
		t.Fatal(err)
	}
	empty := ledgertest.Empty(t)
	commands := staffCommands()
	commands["served"] = func(ts *testscript.TestScript, _ bool, dirs []string) { // has data directories name the books
		for _, dir := range dirs {
			dir = ts.MkAbs(dir)
			ts.Check(os.MkdirAll(dir, 0o755))
			own, err := books.Open(t.Context(), b.URL, dir, 1, slog.New(slog.DiscardHandler)) // as serve does
			ts.Check(err)
			ts.Check(own.Close(t.Context()))
			serveBooks(t, b, &server.Settings{Common: service.Common{Data: dir}})
		}
	}
	scripts(t, testscript.Params{Dir: "testdata/sealkey", Cmds: commands, Setup: func(e *testscript.Env) error {
		people(e)
		e.Setenv("DB", b.URL)
		e.Setenv("OTHER", other.URL)
		e.Setenv("EMPTY", empty)
		return nil
	}})
}

func closeTwoDays(t *testing.T, b *books.Books) {
	t.Helper()
	const first ledger.Day = 20260105
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(b.OpenDay(t.Context(), first))
	must(b.OpenAccounts(t.Context(), []ledger.Account{{Code: "float:own", Kind: ledger.Liability}, {Code: "operator:bus", Kind: ledger.Liability}}))
	postOnce(t, b.Ledger, "desk", ledger.Transfer{
		Day: first, Subject: "card1", ID: "\x01", Debit: ledger.IDOfCode("float:own"), Credit: ledger.IDOfCode("operator:bus"), Amount: 200,
	})
	for _, day := range []ledger.Day{first, first.Next()} {
		must(b.CloseDay(t.Context(), day, day.Next()))
		must(b.EndDay(t.Context(), day))
	}
}
