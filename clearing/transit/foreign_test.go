package transit_test

import (
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/transit"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Issuers of a registry that lists some.
const (
	otherCity  = "0102030405060708"
	formerCity = "0102030505060708" // until 20251231
	formerOwn  = "01014911ffffffff" // our own until 20251231
	visitor    = "03104999900000000001"
)

func withIssuers(files map[string]string) {
	files["issuers.csv"] = "issuer,name,name_en,kind,effective_from,effective_to\n" +
		clearingtest.Issuer + ",本市,Own city,own,20200101,\n" + formerOwn + ",本市旧,Own once,own,20200101,20251231\n" +
		otherCity + ",外市,Other city,interoperable,20240101,\n" + formerCity + ",旧外市,Former city,interoperable,20240101,20251231\n"
	files["cards.csv"] += "03105070200000000005," + formerOwn + ",01,active,20200101,20401231\n"
}

// foreignTap is a tap, and who issued the card that made it.
type foreignTap struct {
	name            string
	issuer          string
	tap             clearingtest.Tap
	date            string // signed instead of the tap's
	ours            bool   // signed under our masters
	verdict         verdict.Verdict
	reason          verdict.Reason
	payer, credited string
	purpose         string
}

// TestRuleForeign gives the judge taps of other cities' cards, none of which our
// masters can verify, and of our own where issuers are listed.
func TestRuleForeign(t *testing.T) {
	town := clearingtest.New(t, withIssuers)
	away := keys.GenerateTest(2)
	bus := clearingtest.Tap{Card: visitor, Terminal: clearingtest.BusValidator, Sequence: 7, Fen: 80, At: noon(5)}
	with := func(change func(o *clearingtest.Tap)) clearingtest.Tap {
		o := bus
		change(&o)
		return o
	}
	own := with(func(o *clearingtest.Tap) { o.Card = clearingtest.Card })
	stray := with(func(o *clearingtest.Tap) { o.Terminal = clearingtest.Unlisted })
	tests := []foreignTap{
		{"bus ride", otherCity, bus, "", false, verdict.Pending, verdict.None, chart.Centre, "pending:bus", "bus"},
		{"metro exit", otherCity, with(func(o *clearingtest.Tap) { o.Terminal, o.Fen = clearingtest.MetroGate, 190 }), "", false, verdict.Pending, verdict.None, chart.Centre, "pending:metro", "metro_exit"},
		{"metro entry", otherCity, with(func(o *clearingtest.Tap) {
			o.Terminal, o.Fen = clearingtest.MetroGate, 0
			o.Movement = message.Movement_MOVEMENT_ENTRY
		}), "", false, verdict.Pending, verdict.None, "", "", "metro_entry"},
		{"on the first day of the list", formerCity, with(func(o *clearingtest.Tap) { o.At = noon(5).AddDate(0, 0, -5) }), "", false, verdict.Pending, verdict.None, chart.Centre, "pending:bus", "bus"},
		{"all that a purse may hold", otherCity, with(func(o *clearingtest.Tap) { o.Fen = 100_000 }), "", false, verdict.Pending, verdict.None, chart.Centre, "pending:bus", "bus"},
		{"a fen more", otherCity, with(func(o *clearingtest.Tap) { o.Fen = 100_001 }), "", false, verdict.Suspended, verdict.AmountTooHigh, chart.Centre, "suspense:amount_too_high", "bus"},
		{"after the last day of the list", formerCity, bus, "", false, verdict.Suspended, verdict.IssuerNotAccepted, chart.Centre, "suspense:issuer_not_accepted", "bus"},
		{"zero fen after the last day", formerCity, with(func(o *clearingtest.Tap) {
			o.Terminal, o.Fen = clearingtest.MetroGate, 0
			o.Movement = message.Movement_MOVEMENT_ENTRY
		}), "", false, verdict.Suspended, verdict.IssuerNotAccepted, "", "", "metro_entry"},
		{"unknown terminal", otherCity, stray, "", false, verdict.Suspended, verdict.UnknownTerminal, chart.Centre, "suspense:unknown_terminal", "bus"},
		{"unknown terminal after the last day", formerCity, stray, "", false, verdict.Suspended, verdict.UnknownTerminal, chart.Centre, "suspense:unknown_terminal", "bus"},
		{"61 days old", otherCity, with(func(o *clearingtest.Tap) { o.At = noon(5 - 61) }), "", false, verdict.Suspended, verdict.ImplausibleDate, chart.Centre, "suspense:implausible_date", "bus"},
		{"no date", otherCity, bus, "20261301120000", false, verdict.Suspended, verdict.ImplausibleDate, chart.Centre, "suspense:implausible_date", "bus"},

		{"issuer that was never listed", "ffffffffffffffff", bus, "", false, verdict.Rejected, verdict.BadTAC, "", "", "tap"},
		{"our card under another city's issuer", otherCity, own, "", false, verdict.Rejected, verdict.BadTAC, "", "", "tap"},
		{"the same, signed", otherCity, own, "", true, verdict.Suspended, verdict.UnknownCard, chart.Float, "suspense:unknown_card", "bus"},
		{"our card", clearingtest.Issuer, own, "", true, verdict.Cleared, verdict.None, chart.Float, "operator:bus", "bus"},
		{"our card without a date", clearingtest.Issuer, own, "20261301120000", true, verdict.Suspended, verdict.ImplausibleDate, chart.Float, "suspense:implausible_date", "bus"},
		{"our card of an issuer that is ours no more", formerOwn, with(func(o *clearingtest.Tap) { o.Card = "03105070200000000005" }), "", true, verdict.Suspended, verdict.UnknownCard, chart.Float, "suspense:unknown_card", "bus"},
		{"the same while it was", formerOwn, with(func(o *clearingtest.Tap) { o.Card, o.At = "03105070200000000005", noon(5).AddDate(0, 0, -5) }), "", true, verdict.Cleared, verdict.None, chart.Float, "operator:bus", "bus"},
	}
	records := make([]docket.Record, len(tests))
	for i, test := range tests {
		m := town.Tap(test.tap)
		m.Debit.Issuer = clearingtest.Hex(test.issuer)
		if test.date != "" {
			m.Debit.Time = clearingtest.Hex(test.date)
		}
		signer := &clearingtest.Town{Keys: away}
		if test.ours {
			signer = town
		}
		signer.Sign(m.Debit)
		if i%2 == 0 { // the terminal could not tell which of two codes is the TAC
			unsure(m, m.Debit.Tac)
			m.Debit.Tac = []byte{1, 2, 3, 4}
		}
		records[i] = docket.Record{Offset: int64(i), Value: clearingtest.Encode(m)}
	}
	judge := &transit.Judge{
		Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()), Rules: town.Rules.Transit,
		Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1},
	}
	d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, len(records))
	if err := judge.Rule(t.Context(), records, nil, d); err != nil {
		t.Fatal(err)
	}
	checkForeign(t, tests, d, accountCodes(town))
}

// checkForeign holds a docket against what each tap should have become.
func checkForeign(t *testing.T, tests []foreignTap, d *docket.Docket, codes map[ledger.AccountID]string) {
	t.Helper()
	transfers, pending := d.Transfers, 0
	for i, test := range tests {
		r := d.Rulings[i]
		if r.Verdict != test.verdict || r.Reason != test.reason || r.Purpose != test.purpose {
			t.Errorf("%s: %s %q %q, want %s %q %q", test.name, r.Verdict, r.Reason, r.Purpose, test.verdict, test.reason, test.purpose)
		}
		if r.Verdict == verdict.Pending && test.payer == "" {
			pending++
		}
		if test.payer == "" {
			continue
		}
		if len(transfers) == 0 {
			t.Fatalf("%s: no transfer is left", test.name)
		}
		if payer, credited := codes[transfers[0].Debit], codes[transfers[0].Credit]; payer != test.payer || credited != test.credited {
			t.Errorf("%s: %s pays %s, want %s pays %s", test.name, payer, credited, test.payer, test.credited)
		}
		transfers = transfers[1:]
	}
	if len(transfers) > 0 {
		t.Errorf("%d transfers too many", len(transfers))
	}
	for _, memo := range d.Memos {
		if memo.Kind == docket.KindRecord && memo.Reason == "pending" {
			pending--
		}
	}
	if pending != 0 {
		t.Errorf("%d pending records of zero fen are not kept as such", pending)
	}
}

// TestRuleListed taps cards around the second at which they are listed: the tap
// counts by when it was made, whenever it arrives.
func TestRuleListed(t *testing.T) {
	town := clearingtest.New(t, func(files map[string]string) {
		withIssuers(files)
		files["hotlist.csv"] = "card,reason,effective_from,effective_to\n"
		for _, card := range []string{clearingtest.Card, clearingtest.ExpiredCard, clearingtest.BlockedCard, visitor} {
			files["hotlist.csv"] += card + ",stolen,20260105120000,20260105120500\n"
		}
	})
	tests := []struct {
		card    string
		seconds int // after noon
		verdict verdict.Verdict
		reason  verdict.Reason
		payer   string
	}{
		{clearingtest.Card, -1, verdict.Cleared, verdict.None, chart.Float},
		{clearingtest.Card, 0, verdict.Suspended, verdict.CardListed, chart.Float},
		{clearingtest.Card, 300, verdict.Suspended, verdict.CardListed, chart.Float},
		{clearingtest.Card, 301, verdict.Cleared, verdict.None, chart.Float},
		{clearingtest.OtherCard, 0, verdict.Cleared, verdict.None, chart.Float},
		{clearingtest.ExpiredCard, 0, verdict.Suspended, verdict.CardExpired, chart.Float},
		{clearingtest.BlockedCard, 0, verdict.Suspended, verdict.CardBlocked, chart.Float},
		{visitor, -1, verdict.Pending, verdict.None, chart.Centre},
		{visitor, 0, verdict.Suspended, verdict.CardListed, chart.Centre},
	}
	judge := &transit.Judge{
		Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()), Rules: town.Rules.Transit,
		Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1},
	}
	codes := accountCodes(town)
	for i, test := range tests {
		m := town.Tap(clearingtest.Tap{Card: test.card, Terminal: clearingtest.BusValidator, Sequence: uint32(i), Fen: 80, At: noon(5).Add(time.Duration(test.seconds) * time.Second)})
		if test.card == visitor {
			m.Debit.Issuer = clearingtest.Hex(otherCity)
		}
		d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay + 3}, 1)
		if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(m)}}, nil, d); err != nil {
			t.Fatal(err)
		}
		r := d.Rulings[0]
		if r.Verdict != test.verdict || r.Reason != test.reason || codes[d.Transfers[0].Debit] != test.payer {
			t.Errorf("card %s, %d seconds after noon: %s %q paid by %s, want %s %q paid by %s", test.card, test.seconds,
				r.Verdict, r.Reason, codes[d.Transfers[0].Debit], test.verdict, test.reason, test.payer)
		}
	}
}
