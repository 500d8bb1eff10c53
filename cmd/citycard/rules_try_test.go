package main

import (
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
)

// TestTry tries documents over a day of four taps, and quotes fares: testdata/try. The network has
// two stations 4 km apart and bus line 1, which costs 1.00 yuan; card type 1 pays 0.95 of a trip,
// which is 2.00, and 0.80 on the bus.
func TestTry(t *testing.T) {
	b, dir := bookstest.New(t)
	bookRides(t, b.Ledger)
	serveBooks(t, b, &server.Settings{Common: service.Common{Data: dir}})
	people := staffed(t, b.Ledger)
	scripts(t, testscript.Params{Dir: "testdata/try", Setup: func(e *testscript.Env) error {
		e.Setenv("DATA", dir)
		people(e)
		return nil
	}})
}

// tryTable is the fare table in force.
const tryTable = "zz-2013+town+f4a44cee"

// bookRides books an entry and an exit that was charged 10 fen too much, a ride on the bus by a
// table that there never was, and one of a card type without a price.
func bookRides(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const day ledger.Day = 20260105
	must(l.OpenDay(t.Context(), day))
	must(l.OpenAccounts(t.Context(), []ledger.Account{{Code: "float:own", Kind: ledger.Liability}, {Code: "operator:bus", Kind: ledger.Liability}}))
	lease, err := l.Lease(t.Context(), "taps/0", "test", day)
	must(err)
	batch := &ledger.Batch{Stream: "taps/0", Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: day}
	at := time.Date(2026, 1, 5, 8, 0, 0, 0, time.UTC)
	for n, tap := range []*message.Tap{
		{Mode: message.Mode_MODE_METRO, Movement: message.Movement_MOVEMENT_ENTRY, Line: 1, Station: 1, CardType: 1},
		{Mode: message.Mode_MODE_METRO, Movement: message.Movement_MOVEMENT_EXIT, Line: 1, Station: 2, EntryStation: 1, EntryTime: message.AppendTime(nil, at), CardType: 1},
		{Mode: message.Mode_MODE_BUS, Movement: message.Movement_MOVEMENT_SINGLE, Line: 1, CardType: 1},
		{Mode: message.Mode_MODE_BUS, Movement: message.Movement_MOVEMENT_SINGLE, Line: 1, CardType: 9},
	} {
		tap.Debit = &message.Debit{
			Card: clearingtest.Hex(clearingtest.Card), Issuer: clearingtest.Hex(clearingtest.Issuer), Time: message.AppendTime(nil, at.Add(time.Duration(n)*20*time.Minute)),
			AmountFen: []uint32{0, 200, 80, 100}[n], Type: 9, Terminal: clearingtest.Hex(clearingtest.BusValidator), TerminalSequence: uint32(n), Tac: make([]byte, 4),
		}
		tap.FareVersion = []string{tryTable, tryTable, "nobody's", tryTable}[n]
		subject := identity.CardOf(clearingtest.CardID(clearingtest.Card)).Subject()
		id := identity.Spend(9, clearingtest.Hex(clearingtest.BusValidator), uint32(n))
		if n == 0 {
			batch.Memos = append(batch.Memos, ledger.Memo{Day: day, Subject: subject, ID: id, Kind: "record", Reason: "metro_entry", Evidence: clearingtest.Encode(tap)})
			continue
		}
		batch.Transfers = append(batch.Transfers, ledger.Transfer{
			Day: day, Subject: subject, ID: id, Debit: ledger.IDOfCode("float:own"), Credit: ledger.IDOfCode("operator:bus"),
			Amount: ledger.Fen(tap.Debit.AmountFen), Purpose: 2, Evidence: clearingtest.Encode(tap),
		})
	}
	_, err = l.Post(t.Context(), batch)
	must(err)
}
