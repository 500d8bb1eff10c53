package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/verdict"
	"citycard/cmd/observe"
	"citycard/ledger"
)

// TestDecisions is how two people refund a load and release what was suspended:
// testdata/decisions, over taps at an unknown terminal, one of them another city's, and loads without a card's word.
func TestDecisions(t *testing.T) {
	b, dir := newBooks(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const day ledger.Day = 20260105
	must(b.OpenDay(t.Context(), day))
	people, err := registry.Import(clearingtest.WriteFiles(t, clearingtest.Files()))
	must(err)
	must(b.OpenAccounts(t.Context(), chart.Accounts(people)))
	f := &foundation{books: b}
	card := identity.CardOf(clearingtest.CardID(clearingtest.Card)).Subject()
	clearingtest.New(t, nil).Found(t, b.Pool())
	tap := func(card string) []byte {
		return clearingtest.Encode(&message.Tap{Debit: &message.Debit{Card: clearingtest.Hex(card), Terminal: clearingtest.Hex(clearingtest.Unlisted)}})
	}
	paid := func(order string, sequence uint16, fen ledger.Fen) ledger.Transfer {
		return ledger.Transfer{
			Day: identity.NoDay, Subject: card, ID: identity.LoadAuthorised(identity.Load{Kind: 2, Sequence: sequence}), Debit: ledger.IDOfCode(chart.Channel("counter")),
			Credit: ledger.IDOfCode(chart.Unwritten), Amount: fen, Purpose: chart.PurposeLoadAuthorised,
			Evidence: clearingtest.Encode(&message.LoadRequest{Order: order, Channel: "counter", Card: []byte(card), AmountFen: uint32(fen), OnlineSequence: uint32(sequence)}),
		}
	}
	must(f.postOnce(t.Context(), "test", "test", []ledger.Transfer{
		{
			Day: day, Subject: card, ID: identity.Spend(9, clearingtest.Hex(clearingtest.Unlisted), 7), Debit: ledger.IDOfCode(chart.Float),
			Credit: ledger.IDOfCode(chart.Suspense(verdict.UnknownTerminal)), Amount: 200, Purpose: chart.PurposeBus, Evidence: tap(clearingtest.Card),
		},
		{
			Day: day, Subject: ledger.Subject(clearingtest.Hex("01020304 4999900000000001")), ID: identity.Spend(9, clearingtest.Hex(clearingtest.Unlisted), 8),
			Debit:  ledger.IDOfCode(chart.Centre),
			Credit: ledger.IDOfCode(chart.Suspense(verdict.UnknownTerminal)), Amount: 300, Purpose: chart.PurposeBus, Evidence: tap("03104999900000000001"),
		},
		paid("o-1", 4, 5000),
		// Two orders with one number: from before numbers were bound to loads.
		paid("o-3", 5, 2000), paid("o-3", 6, 3000),
	}))
	must(observe.Running{Database: b.url}.Write(dir))
	testscript.Run(t, testscript.Params{Dir: "testdata/decisions", RequireExplicitExec: true, Setup: func(e *testscript.Env) error {
		e.Setenv("DATA", dir)
		return nil
	}})
}
