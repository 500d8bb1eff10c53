package transit_test

import (
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/transit"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

const (
	trainFault = message.ServiceMode_SERVICE_MODE_TRAIN_FAULT
	noOrder    = message.ServiceMode_SERVICE_MODE_NO_ORDER
	noTime     = message.ServiceMode_SERVICE_MODE_NO_TIME
	noFare     = message.ServiceMode_SERVICE_MODE_NO_FARE
	noDate     = message.ServiceMode_SERVICE_MODE_NO_DATE
)

// TestModesAreClaims: what a tap says of service modes is held against the registry's rows at its
// terminal and signed second. Its fare is right if the modes that were in force make it so.
func TestModesAreClaims(t *testing.T) {
	modes := func(rows string) func(map[string]string) {
		return func(files map[string]string) {
			files["modes.csv"] = "id,kind,area,effective_from,effective_to,exit_without_entry\n" + rows
			files["lines.csv"] = "id,operator,mode,number,name,name_en,effective_from,effective_to\n" +
				"m1,metro,metro,1,一号线,Line 1,20200101,\nm2,metro,metro,2,二号线,Line 2,20200101,\n"
		}
	}
	const here = ",station:1,20260105120000,20260105120000,"
	rules, _ := clearingtest.New(t, nil).Rules.Transit()
	fares := rules.Fares.Last()
	price := func(entry uint32) uint32 {
		fen, ok := fares.Metro(1, entry, 1, 0)
		if !ok {
			return 0
		}
		return uint32(fen)
	}
	most, _ := fares.Highest(1)
	fare, lowest, highest := price(2), price(1), uint32(most)
	for entry := uint32(1); price(entry) > 0; entry++ {
		lowest = min(lowest, price(entry))
	}
	if fare == 0 || fare == highest || lowest == highest {
		t.Fatalf("prices of %d, %d and %d tell nothing apart", lowest, fare, highest)
	}
	kinds := func(all ...message.ServiceMode) []message.ServiceMode { return all }
	for _, test := range []struct {
		name           string
		registry       string
		claims         []message.ServiceMode
		card           string
		entry          uint32 // station, 0: none; that of line 2 is 2
		minutes        int    // since the entry
		fen            uint32
		flagged, wrong bool
		reason         verdict.Reason
	}{
		{"no mode", "", nil, clearingtest.Card, 2, 30, fare, false, false, verdict.None},
		{"a mode that no row gives", "", kinds(noFare), clearingtest.Card, 2, 30, 0, true, true, verdict.None},
		{"the fare under a mode that no row gives", "", kinds(noFare), clearingtest.Card, 2, 30, fare, false, true, verdict.None},
		{"no fare", "a,no_fare" + here + "\n", kinds(noFare), clearingtest.Card, 2, 30, 0, false, false, verdict.None},
		{"no fare, and charged", "a,no_fare" + here + "\n", kinds(noFare), clearingtest.Card, 2, 30, fare, true, false, verdict.None},
		{"no fare, not claimed", "a,no_fare" + here + "\n", nil, clearingtest.Card, 2, 30, 0, true, false, verdict.None},
		{"a second too early", "a,no_fare,station:1,20260105120001,,\n", kinds(noFare), clearingtest.Card, 2, 30, 0, true, true, verdict.None},
		{"a second too late", "a,no_fare,station:1,20260105110000,20260105115959,\n", kinds(noFare), clearingtest.Card, 2, 30, 0, true, true, verdict.None},
		{"of the operator", "a,no_fare,operator:metro,20260105120000,,\n", kinds(noFare), clearingtest.Card, 2, 30, 0, false, false, verdict.None},
		{"of another operator", "a,no_fare,operator:bus,20260105120000,,\n", kinds(noFare), clearingtest.Card, 2, 30, 0, true, true, verdict.None},
		{"one of two", "a,no_time" + here + "\n", kinds(noTime, noFare), clearingtest.Card, 2, 30, fare, false, true, verdict.None},
		{"long", "", nil, clearingtest.Card, 2, 600, fare, true, false, verdict.None},
		{"no time", "a,no_time" + here + "\n", kinds(noTime), clearingtest.Card, 2, 600, fare, false, false, verdict.None},
		{"an exit without an entry", "", nil, clearingtest.Card, 0, 0, 0, true, false, verdict.None},
		{"no order, free", "a,no_order" + here + "free\n", kinds(noOrder), clearingtest.Card, 0, 0, 0, false, false, verdict.None},
		{"no order, lowest", "a,no_order" + here + "lowest\n", kinds(noOrder), clearingtest.Card, 0, 0, lowest, false, false, verdict.None},
		{"no order, highest", "a,no_order" + here + "highest\n", kinds(noOrder), clearingtest.Card, 0, 0, highest, false, false, verdict.None},
		{"no order, refused", "a,no_order" + here + "refused\n", kinds(noOrder), clearingtest.Card, 0, 0, 0, true, false, verdict.None},
		{"no order, with an entry", "a,no_order" + here + "free\n", kinds(noOrder), clearingtest.Card, 2, 30, fare, false, false, verdict.None},
		{"train fault here", "a,train_fault" + here + "\n", kinds(trainFault), clearingtest.Card, 2, 30, fare, false, false, verdict.None},
		{"train fault here, free", "a,train_fault" + here + "\n", kinds(trainFault), clearingtest.Card, 2, 30, 0, true, false, verdict.None},
		{"train fault where it began", "a,train_fault" + here + "\n", kinds(trainFault), clearingtest.Card, 1, 30, 0, false, false, verdict.None},
		{"train fault everywhere", "a,train_fault,operator:metro,20260105120000,,\n", kinds(trainFault), clearingtest.Card, 2, 30, 0, false, false, verdict.None},
		{"train fault here and at the line of its entry", "a,train_fault" + here + "\nb,train_fault,line:m2,20260105120000,,\n", kinds(trainFault), clearingtest.Card, 2, 30, 0, false, false, verdict.None},
		{"train fault at this line alone", "a,train_fault,line:m1,20260105120000,,\n", kinds(trainFault), clearingtest.Card, 2, 30, 0, true, false, verdict.None},
		{"train fault at this line alone, charged", "a,train_fault,line:m1,20260105120000,,\n", kinds(trainFault), clearingtest.Card, 2, 30, fare, false, false, verdict.None},
		{"train fault at this line, where it began too", "a,train_fault,line:m1,20260105120000,,\n", kinds(trainFault), clearingtest.Card, 1, 30, 0, false, false, verdict.None},
		{"expired", "", nil, clearingtest.ExpiredCard, 2, 30, fare, false, false, verdict.CardExpired},
		{"expired, dates not checked", "a,no_date" + here + "\n", kinds(noDate), clearingtest.ExpiredCard, 2, 30, fare, false, false, verdict.None},
		{"expired, not claimed", "a,no_date" + here + "\n", nil, clearingtest.ExpiredCard, 2, 30, fare, false, false, verdict.CardExpired},
		{"expired, no row", "", kinds(noDate), clearingtest.ExpiredCard, 2, 30, fare, false, false, verdict.CardExpired},
	} {
		town := clearingtest.New(t, modes(test.registry))
		judge := &transit.Judge{
			Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()), Rules: town.Rules.Transit,
			Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1},
		}
		m := town.Tap(clearingtest.Tap{Card: test.card, Terminal: clearingtest.MetroGate, Sequence: 7, Fen: test.fen, At: noon(5)})
		m.Line, m.Station, m.Mode, m.Movement = 1, 1, message.Mode_MODE_METRO, message.Movement_MOVEMENT_EXIT
		m.ServiceMode = test.claims
		if test.entry > 0 {
			m.EntryLine, m.EntryStation = test.entry, test.entry
			m.EntryTime = message.AppendTime(nil, noon(5).Add(-time.Duration(test.minutes)*time.Minute))
		}
		d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, 1)
		if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(m)}}, nil, d); err != nil {
			t.Fatal(err)
		}
		if r := d.Rulings[0]; r.Flagged != test.flagged || r.WrongMode != test.wrong || r.Reason != test.reason {
			t.Errorf("%s: flagged %v, wrong mode %v, %q; want %v, %v, %q", test.name, r.Flagged, r.WrongMode, r.Reason, test.flagged, test.wrong, test.reason)
		}
	}
}
