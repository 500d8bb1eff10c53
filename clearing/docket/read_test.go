package docket_test

import (
	"errors"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/docket"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/shadow"
)

// TestReader writes each kind of ruling and reads it back, as a row of the journal and as an
// entry of a scan. The texts are those that books have: no other may take their place.
func TestReader(t *testing.T) {
	bus, float, centre := ledger.IDOfCode("operator:bus"), ledger.IDOfCode("float:own"), ledger.IDOfCode("centre")
	pending, unwritten := ledger.IDOfCode("pending:bus"), ledger.IDOfCode("unwritten:own")
	expired, unpaid := ledger.IDOfCode("suspense:card_expired"), ledger.IDOfCode("suspense:load_not_paid")
	move := func(debit, credit ledger.AccountID, purpose ledger.Purpose) ledger.Transfer {
		return ledger.Transfer{Debit: debit, Credit: credit, Amount: 200, Purpose: purpose}
	}
	const day, entry = 20260105, "metro_entry"
	for _, test := range []struct {
		name   string
		rule   func(d *docket.Docket)
		stored string // the memo's kind and reason
		want   docket.Booked
	}{
		{
			"ride", func(d *docket.Docket) { d.Pay(verdict.None, "bus", move(float, bus, chart.PurposeBus)) }, "",
			docket.Booked{Verdict: verdict.Cleared, Purpose: "bus"},
		},
		{"suspended ride", func(d *docket.Docket) {
			d.Pay(verdict.CardExpired, "bus", move(float, expired, chart.PurposeBus))
		}, "", docket.Booked{Verdict: verdict.Suspended, Reason: verdict.CardExpired, Purpose: "bus"}},
		{
			"another city's ride", func(d *docket.Docket) { d.PayPending("metro_exit", move(centre, pending, chart.PurposeMetroExit)) }, "",
			docket.Booked{Verdict: verdict.Pending, Purpose: "metro_exit", Foreign: true},
		},
		{"another city's suspended ride", func(d *docket.Docket) {
			d.Pay(verdict.CardExpired, "other_fare", move(centre, expired, chart.PurposeOtherFare))
		}, "", docket.Booked{Verdict: verdict.Suspended, Reason: verdict.CardExpired, Purpose: "other_fare", Foreign: true}},
		{
			"load", func(d *docket.Docket) { d.Pay(verdict.None, "load", move(unwritten, float, chart.PurposeLoad)) }, "",
			docket.Booked{Verdict: verdict.Cleared, Purpose: "load"},
		},
		{"load that nobody paid", func(d *docket.Docket) {
			d.Pay(verdict.LoadNotPaid, "load", move(unpaid, float, chart.PurposeLoad))
		}, "", docket.Booked{Verdict: verdict.Suspended, Reason: verdict.LoadNotPaid, Purpose: "load", Owed: true}},
		{
			"metro entry", func(d *docket.Docket) { d.Keep(verdict.None, entry, day, "card", "id", nil) }, "record metro_entry",
			docket.Booked{Verdict: verdict.Cleared, Purpose: entry, ZeroFen: true},
		},
		{
			"suspended entry", func(d *docket.Docket) { d.Keep(verdict.CardListed, entry, day, "card", "id", nil) }, "record card_listed",
			docket.Booked{Verdict: verdict.Suspended, Reason: verdict.CardListed, ZeroFen: true},
		},
		{
			"another city's entry", func(d *docket.Docket) { d.KeepPending(entry, day, "card", "id", nil) }, "record pending",
			docket.Booked{Verdict: verdict.Pending, ZeroFen: true, Foreign: true},
		},
		{"entry of a city that is not accepted", func(d *docket.Docket) {
			d.Keep(verdict.IssuerNotAccepted, entry, day, "card", "id", nil)
		}, "record issuer_not_accepted", docket.Booked{Verdict: verdict.Suspended, Reason: verdict.IssuerNotAccepted, ZeroFen: true, Foreign: true}},
		{
			"reject", func(d *docket.Docket) { d.Reject(verdict.BadTAC, "tap", 7, []byte("tap")) }, "reject bad_tac",
			docket.Booked{Verdict: verdict.Rejected, Reason: verdict.BadTAC},
		},
		{
			"contradiction", func(d *docket.Docket) { d.Dispute("medical", 7, []byte("claim")) }, "reject disputed",
			docket.Booked{Verdict: verdict.Disputed},
		},
		{"kept alone", func(d *docket.Docket) {
			d.Quarantine(verdict.Unbookable, "tap", docket.Record{Offset: 7, Value: []byte("tap")}, errors.New("disk: full"))
		}, "quarantine unbookable: disk: full", docket.Booked{Verdict: verdict.Quarantined, Reason: verdict.Unbookable, Cause: "disk: full"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := docket.New(docket.Source{Stream: "taps/0", Day: day}, 1)
			test.rule(d)
			var row ledger.Row
			switch {
			case len(d.Transfers) == 1:
				moved := d.Transfers[0]
				row = ledger.Row{Debit: moved.Debit, Credit: moved.Credit, Amount: moved.Amount, Purpose: moved.Purpose}
			default:
				row = ledger.Row{Kind: d.Memos[0].Kind, Reason: d.Memos[0].Reason}
				if got := row.Kind + " " + row.Reason; got != test.stored {
					t.Fatalf("stored as %q, want %q", got, test.stored)
				}
			}
			reader := docket.NewReader()
			if got, ok := reader.Row(&row); !ok || got != test.want {
				t.Errorf("the row reads %+v, %v, want %+v", got, ok, test.want)
			}
			want := test.want
			if !row.IsMemo() {
				want.Purpose = "" // an entry has none
			}
			got, ok := reader.Entry(&shadow.Entry{Debit: row.Debit, Credit: row.Credit, Kind: []byte(row.Kind), Reason: []byte(row.Reason)})
			if !ok || got != want {
				t.Errorf("the entry reads %+v, %v, want %+v", got, ok, want)
			}
		})
	}
}

// TestReaderOfOthers reads rows that keep no ruling about a record.
func TestReaderOfOthers(t *testing.T) {
	reader := docket.NewReader()
	for name, row := range map[string]ledger.Row{
		"a note":                 {Kind: chain.KeptKind, Reason: "order 7"},
		"a mark of a judgement":  {Kind: docket.KindJudged, Reason: "cleared"},
		"a release":              {Debit: ledger.IDOfCode("suspense:card_expired"), Credit: ledger.IDOfCode("operator:bus"), Purpose: chart.PurposeRelease},
		"an order that was paid": {Credit: ledger.IDOfCode("unwritten:own"), Purpose: chart.PurposeLoadAuthorised},
	} {
		if booked, ok := reader.Row(&row); ok {
			t.Errorf("%s reads %+v", name, booked)
		}
	}
	if booked, ok := reader.Row(&ledger.Row{Kind: ledger.DisputeKind, Reason: "ff 200"}); !ok || booked.Verdict != verdict.Disputed {
		t.Errorf("a second version that the ledger keeps reads %+v, %v", booked, ok)
	}
}
