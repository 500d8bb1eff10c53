package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/transit/exits"
	"citycard/clearing/transit/load"
	"citycard/clearing/transit/unconfirmed"
	"citycard/clearing/verdict"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
)

// TestDecisions lets two people refund a load and release suspended transfers: testdata/decisions,
// over taps at an unknown terminal, one of them with another city's card, taps with a listed card
// at known terminals, and loads that no card has confirmed.
func TestDecisions(t *testing.T) {
	b, dir := bookstest.New(t)
	fillDecisions(t, b)
	if err := keys.GenerateTest(1).WithWorkFactor(2).Create(filepath.Join(dir, "keys.age"), "secret"); err != nil {
		t.Fatal(err)
	}
	serveBooks(t, b, &server.Settings{Common: service.Common{Data: dir}})
	staff := staffed(t, b.Ledger)
	scripts(t, testscript.Params{Dir: "testdata/decisions", Cmds: staffCommands(), Setup: func(e *testscript.Env) error {
		staff(e)
		e.Setenv("DATA", dir)
		e.Setenv("DB", b.URL)
		return nil
	}})
}

// fillDecisions books the cases for the decisions on the town's first day.
func fillDecisions(t *testing.T, b *books.Books) {
	t.Helper()
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
	card := identity.CardOf(clearingtest.CardID(clearingtest.Card)).Subject()
	clearingtest.New(t, nil).Found(t, b.Pool())
	tap := func(card string) []byte {
		return clearingtest.Encode(&message.Tap{Debit: &message.Debit{Card: clearingtest.Hex(card), Terminal: clearingtest.Hex(clearingtest.Unlisted)}})
	}
	listed := func(terminal string, sequence uint32, fen ledger.Fen) ledger.Transfer {
		return ledger.Transfer{
			Day: day, Subject: card, ID: identity.Spend(9, clearingtest.Hex(terminal), sequence), Debit: ledger.IDOfCode(chart.Float),
			Credit: ledger.IDOfCode(chart.Suspense(verdict.CardListed)), Amount: fen, Purpose: chart.PurposeBus,
			Evidence: clearingtest.Encode(&message.Tap{Line: 5, Debit: &message.Debit{
				Card: clearingtest.Hex(clearingtest.Card), Terminal: clearingtest.Hex(terminal), Time: clearingtest.Hex("20260105081500"),
			}}),
		}
	}
	paid := func(order string, sequence uint16, fen ledger.Fen) ledger.Transfer {
		return ledger.Transfer{
			Day: identity.NoDay, Subject: card, ID: identity.LoadAuthorised(identity.Load{Kind: 2, Sequence: sequence}), Debit: ledger.IDOfCode(chart.Channel("counter")),
			Credit: ledger.IDOfCode(chart.Unwritten), Amount: fen, Purpose: chart.PurposeLoadAuthorised,
			Evidence: clearingtest.Encode(&message.LoadRequest{Order: order, Channel: "counter", Card: []byte(card), AmountFen: uint32(fen), OnlineSequence: uint32(sequence)}),
		}
	}
	postOnce(t, b.Ledger, "test", []ledger.Transfer{
		{
			Day: day, Subject: card, ID: identity.Spend(9, clearingtest.Hex(clearingtest.Unlisted), 7), Debit: ledger.IDOfCode(chart.Float),
			Credit: ledger.IDOfCode(chart.Suspense(verdict.UnknownTerminal)), Amount: 200, Purpose: chart.PurposeBus, Evidence: tap(clearingtest.Card),
		},
		{
			Day: day, Subject: ledger.Subject(clearingtest.Hex("01020304 4999900000000001")), ID: identity.Spend(9, clearingtest.Hex(clearingtest.Unlisted), 8),
			Debit:  ledger.IDOfCode(chart.Centre),
			Credit: ledger.IDOfCode(chart.Suspense(verdict.UnknownTerminal)), Amount: 300, Purpose: chart.PurposeBus, Evidence: tap("03104999900000000001"),
		},
		listed(clearingtest.BusValidator, 21, 110), listed(clearingtest.MetroGate, 22, 130), listed(clearingtest.MetroGate, 23, 150),
	}...)
	poster, err := load.NewPoster(t.Context(), b.Ledger, "authorised", "test", 0, nil)
	must(err)
	defer poster.Close()
	// Two orders with one number: from before numbers were bound to loads.
	for _, order := range []ledger.Transfer{paid("o-1", 4, 5000), paid("o-3", 5, 2000), paid("o-3", 6, 3000)} {
		done, err := poster.Post(t.Context(), []ledger.Transfer{order})
		if must(err); done[0].Result != ledger.Inserted {
			t.Fatal(done)
		}
	}
	keepAlone(t, b)
	keepUnconfirmed(t, b)
	keepExits(t, b)
	placeLoads(t, b)
}

// keepExits keeps two exit tickets of the metro's desk, of which one no longer counts.
func keepExits(t *testing.T, b *books.Books) {
	t.Helper()
	town := clearingtest.New(t, nil)
	at := func(minute int) []byte {
		return message.AppendTime(nil, time.Date(2026, 1, 5, 9, minute, 0, 0, time.UTC))
	}
	damaged := &message.ExitTicket{
		Terminal: clearingtest.Hex(clearingtest.MetroGate), Number: 41, Time: at(20), ValidUntil: at(35), Reason: message.ExitReason_EXIT_REASON_DAMAGED_CARD,
		CashFen: 900, Card: clearingtest.Hex(clearingtest.OtherCard), Staff: "A17", Line: 1, Station: 1,
	}
	twice := &message.ExitTicket{
		Terminal: damaged.Terminal, Number: 42, Time: at(21), ValidUntil: at(36), Reason: message.ExitReason_EXIT_REASON_STAFF, CashFen: 450,
		Because: "paid before", Staff: "A17", Station: 1,
	}
	over := proto.CloneOf(twice)
	over.Void = &message.TicketVoid{Time: at(22), Staff: "B2", Because: "not needed", CashBackFen: 450}
	var records []docket.Record
	for _, m := range []*message.ExitTicket{damaged, twice, over} {
		records = append(records, docket.Record{Value: clearingtest.Encode(m)})
	}
	_, err := b.PostOnce(t.Context(), message.TopicExitTickets+"/0", "test", 0, func(batch *ledger.Batch) error {
		d := docket.New(docket.Source{Stream: batch.Stream, Day: batch.Day}, len(records))
		(&exits.Judge{Registry: town.Registry}).Rule(records, d)
		d.Versions = nil // it is no version of these books
		batch.Memos = d.Memos
		batch.Finish = func(_ context.Context, _ pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			if _, err := d.Settle(out, verdict.None); err != nil {
				return nil, err
			}
			return d.EncodeNote()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// placeLoads has a channel's order and a card's balance wait for a card.
func placeLoads(t *testing.T, b *books.Books) {
	t.Helper()
	card, was := identity.CardOf(clearingtest.CardID(clearingtest.Card)), identity.CardOf(clearingtest.CardID(clearingtest.OtherCard))
	for _, p := range []load.Placement{
		{Placer: load.PlacedBy("counter"), Number: "w-1", Card: card, Fen: 5000, Source: chart.Channel("counter")},
		{Placer: load.PlacedFor(was), Number: "r-1", Card: card, Fen: 1340, Source: chart.Float},
	} {
		transfer, err := p.Transfer()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.PostOnce(t.Context(), "placed", "test", 0, func(batch *ledger.Batch) error {
			batch.Transfers = []ledger.Transfer{transfer}
			batch.Finish = func(ctx context.Context, tx pgx.Tx, _ *ledger.Outcome) ([]byte, error) {
				return nil, p.Keep(ctx, tx, batch.Day)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// keepUnconfirmed keeps two taps of which no TAC came. The card went on after the first with the
// next number.
func keepUnconfirmed(t *testing.T, b *books.Books) {
	t.Helper()
	town := clearingtest.New(t, nil)
	record := func(sequence uint32, minute int) *message.Tap {
		m := town.Tap(clearingtest.Tap{Card: clearingtest.OtherCard, Terminal: clearingtest.BusValidator, Sequence: sequence, Fen: 80, At: time.Date(2026, 1, 5, 9, minute, 0, 0, time.UTC)})
		m.BalanceFen = 5000 - 80*int32(sequence)
		return m
	}
	next := record(42, 10)
	postOnce(t, b.Ledger, "test", ledger.Transfer{
		Day: 20260105, Subject: unconfirmed.KeyOf(next).Subject, ID: unconfirmed.KeyOf(next).ID, Debit: ledger.IDOfCode(chart.Float),
		Credit: ledger.IDOfCode(chart.Operator("bus")), Amount: 80, Purpose: chart.PurposeBus, Evidence: clearingtest.Encode(next),
	})
	var records []docket.Record
	for _, m := range []*message.Tap{record(41, 0), record(43, 20)} {
		m.Debit.Tac = nil
		records = append(records, docket.Record{Value: clearingtest.Encode(m)})
	}
	_, err := b.PostOnce(t.Context(), message.TopicTapsUnconfirmed+"/0", "test", 0, func(batch *ledger.Batch) error {
		d := docket.New(docket.Source{Stream: batch.Stream, Day: batch.Day}, len(records))
		(&unconfirmed.Judge{Registry: town.Registry}).Rule(records, d)
		batch.Memos = d.Memos
		batch.Finish = func(ctx context.Context, tx pgx.Tx, _ *ledger.Outcome) ([]byte, error) {
			return nil, unconfirmed.Keep(ctx, tx, d)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// keepAlone quarantines a claim and a tap, and before each of them books a dispute of another
// record.
func keepAlone(t *testing.T, b *books.Books) {
	t.Helper()
	for stream, value := range map[string][]byte{
		"medical.requests/0": clearingtest.Encode(&message.MedicalClaim{
			Settlement: "s1", Visit: "v1", Hospital: "h1", Person: clearingtest.Hex(clearingtest.Worker), Kind: "outpatient",
			Time: clearingtest.Hex("20260105120000"), TotalFen: 20_000, OwnPayFen: 20_000,
		}),
		"taps/3": clearingtest.Encode(clearingtest.New(t, nil).Tap(clearingtest.Tap{
			Card: clearingtest.OtherCard, Terminal: clearingtest.BusValidator, Sequence: 9, Fen: 80, At: time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC),
		})),
	} {
		lease, err := b.Lease(t.Context(), stream, "test", 0)
		if err != nil {
			t.Fatal(err)
		}
		d := docket.New(docket.Source{Stream: stream, Day: lease.Day}, 1)
		d.Dispute("test", 16, value)
		d.Quarantine(verdict.Unbookable, "test", docket.Record{Offset: 17, At: time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC), Value: value}, errors.New("the table is\nmissing"))
		if _, err := b.Post(t.Context(), &ledger.Batch{Stream: stream, Epoch: lease.Epoch, From: 0, Next: 18, Day: lease.Day, Memos: d.Memos}); err != nil {
			t.Fatal(err)
		}
	}
}
