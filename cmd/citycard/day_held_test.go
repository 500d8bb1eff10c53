package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/dayclose"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/people/api"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
)

// TestHeldPayouts lets two people pay a payout that the close of a day held: testdata/held, over a
// day on which the bus operator was owed 2.60 yuan and 300 of 400 TACs were wrong.
func TestHeldPayouts(t *testing.T) {
	b, dir := bookstest.New(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const today ledger.Day = 20260105
	town := clearingtest.New(t, nil)
	town.Found(t, b.Pool())
	must(b.OpenDay(t.Context(), today))
	must(b.OpenAccounts(t.Context(), chart.Accounts(town.Registry.Current())))
	bookWrongTACs(t, b.Ledger, today)
	c, err := server.NewCloser(t.Context(), b.Ledger, dir)
	must(err)
	result, err := c.Close(t.Context(), today, today.Next())
	must(err)
	var held *dayclose.Held
	if len(result.Unpaid) != 1 || !errors.As(result.Unpaid[0].Err, &held) {
		t.Fatalf("the close left %v", result.Unpaid)
	}
	unpaid := []api.Unpaid{{Account: result.Unpaid[0].Code, Fen: result.Unpaid[0].Fen, Held: held}}
	if printed := printed(t, func() { new(command).printUnpaid(result.Day, unpaid) }); !strings.HasPrefix(printed, "HELD: 2.60 yuan of operator:bus (300 of 400 TACs at its terminals were wrong, rule example-2020+") ||
		!strings.Contains(printed, "citycard day release --day 20260105 --operator bus") {
		t.Errorf("the close printed %q", printed)
	}
	serveBooks(t, b, &server.Settings{Common: service.Common{Data: dir}})
	staff := staffed(t, b.Ledger)
	scripts(t, testscript.Params{Dir: "testdata/held", Cmds: staffCommands(), Setup: func(e *testscript.Env) error {
		staff(e)
		e.Setenv("DATA", dir)
		e.Setenv("DB", b.URL)
		return nil
	}})
}

// bookWrongTACs books a tap of the bus operator, and a note that most TACs at its terminals were
// wrong.
func bookWrongTACs(t *testing.T, l *ledger.Ledger, today ledger.Day) {
	t.Helper()
	lease, err := l.Lease(t.Context(), "taps/0", "test", 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = l.Post(t.Context(), &ledger.Batch{
		Stream: "taps/0", Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: today,
		Transfers: []ledger.Transfer{{
			Day: today, Subject: ledger.Subject(clearingtest.Hex(clearingtest.Card)), ID: identity.Spend(9, clearingtest.Hex(clearingtest.BusValidator), 7),
			Debit: ledger.IDOfCode(chart.Float), Credit: ledger.IDOfCode(chart.Operator("bus")), Amount: 260, Purpose: chart.PurposeBus, Evidence: []byte("tap"),
		}},
		Finish: func(context.Context, pgx.Tx, *ledger.Outcome) ([]byte, error) {
			return json.Marshal(docket.Note{TACs: []docket.TACs{{Operator: "bus", Verified: 100, Wrong: 300}}})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// printed is what fn prints.
func printed(t *testing.T, fn func()) string {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stdout
	os.Stdout = file
	fn()
	os.Stdout = was
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
