package transit_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/transit"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// TestRulePlace claims lines and vehicles that the terminal is not on: the tap is
// flagged, and its operator is paid all the same.
func TestRulePlace(t *testing.T) {
	fleet := func(files map[string]string) {
		files["lines.csv"] = "id,operator,mode,number,name,name_en,effective_from,effective_to\n" +
			"b1,bus,bus,1,一路,Line 1,20200101,\nb2,bus,bus,2,二路,Line 2,20200101,\n"
		files["vehicles.csv"] = "id,operator,line,effective_from,effective_to\n" +
			"M1,bus,b1,20200101,\nM2,bus,b2,20200101,\nM3,bus,,20200101,\nM4,metro,,20200101,\nM5,bus,b1,20200101,20251231\n"
	}
	roaming := func(files map[string]string) { // the validator has no line of its own
		fleet(files)
		files["terminals.csv"] = "terminal,operator,mode,line,station,effective_from,effective_to\n" +
			clearingtest.MetroGate + ",metro,metro,1,1,20200101,\n" + clearingtest.BusValidator + ",bus,bus,,,20200101,\n"
	}
	for _, test := range []struct {
		name      string
		registry  func(map[string]string)
		terminal  string
		line      uint32
		vehicle   string
		misplaced bool
	}{
		{"its line", nil, clearingtest.BusValidator, 1, "", false},
		{"another line", nil, clearingtest.BusValidator, 2, "", true},
		{"no line", nil, clearingtest.BusValidator, 0, "", true},
		{"any vehicle where none is registered", nil, clearingtest.BusValidator, 1, "M9", false},
		{"its vehicle", fleet, clearingtest.BusValidator, 1, "M1", false},
		{"a vehicle without a line", fleet, clearingtest.BusValidator, 1, "M3", false},
		{"a vehicle of another line", fleet, clearingtest.BusValidator, 1, "M2", true},
		{"a vehicle of another operator", fleet, clearingtest.BusValidator, 1, "M4", true},
		{"a vehicle that is registered no more", fleet, clearingtest.BusValidator, 1, "M5", true},
		{"a vehicle that never was", fleet, clearingtest.BusValidator, 1, "M9", true},
		{"no vehicle", fleet, clearingtest.BusValidator, 1, "", true},
		{"roaming with the vehicle", roaming, clearingtest.BusValidator, 2, "M2", false},
		{"roaming against the vehicle", roaming, clearingtest.BusValidator, 1, "M2", true},
		{"a gate, which is on no vehicle", fleet, clearingtest.MetroGate, 1, "", false},
		{"a gate of another line", fleet, clearingtest.MetroGate, 2, "", true},
	} {
		town := clearingtest.New(t, test.registry)
		judge := &transit.Judge{
			Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()), Rules: town.Rules.Transit,
			Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1},
		}
		m := town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: test.terminal, Sequence: 7, Fen: 80, At: noon(5)})
		m.Line, m.Vehicle = test.line, test.vehicle
		stray := town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.Unlisted, Sequence: 7, Fen: 80, At: noon(5)})
		d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, 2)
		if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(m)}, {Value: clearingtest.Encode(stray)}}, nil, d); err != nil {
			t.Fatal(err)
		}
		operator := map[string]string{clearingtest.BusValidator: "bus", clearingtest.MetroGate: "metro"}[test.terminal]
		if r := d.Rulings[0]; r.Verdict != verdict.Cleared || r.Misplaced != test.misplaced || accountCodes(town)[d.Transfers[0].Credit] != "operator:"+operator {
			t.Errorf("%s: %s, misplaced %v, credited to %s; want cleared, %v, %s", test.name, r.Verdict, r.Misplaced,
				accountCodes(town)[d.Transfers[0].Credit], test.misplaced, operator)
		}
		checkPlaceNote(t, d, test.misplaced, operator)
	}
}

// TestMarked: a tap that a terminal took under a fault is booked as any, and counted.
func TestMarked(t *testing.T) {
	town := clearingtest.New(t, nil)
	judge := &transit.Judge{
		Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()), Rules: town.Rules.Transit,
		Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1},
	}
	plain := town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 7, Fen: 80, At: noon(5)})
	marked := town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 8, Fen: 80, At: noon(5)})
	marked.Marks = []message.Mark{message.Mark_MARK_BEHIND, message.Mark_MARK_CLOCK}
	d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, 2)
	if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(plain)}, {Value: clearingtest.Encode(marked)}}, nil, d); err != nil {
		t.Fatal(err)
	}
	posted := &ledger.Outcome{Transfers: []ledger.Decision{{Result: ledger.Inserted}, {Result: ledger.Inserted}}}
	if _, err := d.Settle(posted, verdict.None); err != nil {
		t.Fatal(err)
	}
	if d.Rulings[0].Verdict != verdict.Cleared || d.Rulings[1].Verdict != verdict.Cleared || d.Transfers[0].Credit != d.Transfers[1].Credit {
		t.Errorf("%s and %s, want both cleared to one operator", d.Rulings[0].Verdict, d.Rulings[1].Verdict)
	}
	if _, flags := d.Tally(); flags.Marked != 1 {
		t.Errorf("%d are marked, want 1", flags.Marked)
	}
}

// checkPlaceNote looks at what a batch says of its tap at an operator's terminal,
// and of one that is nobody's.
func checkPlaceNote(t *testing.T, d *docket.Docket, misplaced bool, operator string) {
	t.Helper()
	posted := &ledger.Outcome{Transfers: []ledger.Decision{{Result: ledger.Inserted}, {Result: ledger.Inserted}}}
	if _, err := d.Settle(posted, verdict.None); err != nil {
		t.Fatal(err)
	}
	encoded, err := d.EncodeNote()
	if err != nil {
		t.Fatal(err)
	}
	var note docket.Note
	if err := json.Unmarshal(encoded, &note); err != nil || (note.Misplaced == 1) != misplaced {
		t.Errorf("note %s (%v), want misplaced %v", encoded, err, misplaced)
	}
	if want := []docket.TACs{{Operator: docket.UnregisteredOperator, Verified: 1}, {Operator: operator, Verified: 1}}; !slices.Equal(note.TACs, want) {
		t.Errorf("note %s, want a verified TAC of %s and one of nobody", encoded, operator)
	}
	counts := d.Operators()
	want := map[docket.OperatorVerdict]int64{
		{Operator: operator, Verdict: verdict.Cleared}:                      1,
		{Operator: docket.UnregisteredOperator, Verdict: verdict.Suspended}: 1,
	}
	if !maps.Equal(counts, want) {
		t.Errorf("taps by operator: %v, want one of %s and one of nobody", counts, operator)
	}
}

// TestEmptied has the purse of a card emptied at a channel's counter: the channel gets what its
// clerk gave the holder, of an expired card too. A card of another city waits.
func TestEmptied(t *testing.T) {
	const counter = "310000000009"
	town := clearingtest.New(t, func(files map[string]string) {
		files["terminals.csv"] += counter + ",channel:counter,counter,,,20200101,\n"
		files["issuers.csv"] = "issuer,name,name_en,kind,effective_from,effective_to\n" +
			clearingtest.Issuer + ",本市,Own,own,20200101,\n99990001ffffffff,别市,Other,interoperable,20200101,\n"
	})
	judge := &transit.Judge{
		Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()), Rules: town.Rules.Transit,
		Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1},
	}
	m := town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: counter, Sequence: 7, Fen: 4840, At: noon(5), Type: 0x06})
	m.Mode, m.Line = message.Mode_MODE_UNSPECIFIED, 0
	foreign := town.Tap(clearingtest.Tap{Card: clearingtest.Stranger, Terminal: counter, Sequence: 8, Fen: 100, At: noon(5), Type: 0x06})
	foreign.Debit.Issuer = clearingtest.Hex("99990001ffffffff")
	expired := town.Tap(clearingtest.Tap{Card: clearingtest.ExpiredCard, Terminal: counter, Sequence: 9, Fen: 700, At: noon(5), Type: 0x06})
	expired.Mode, expired.Line = message.Mode_MODE_UNSPECIFIED, 0
	d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, 3)
	if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(m)}, {Value: clearingtest.Encode(foreign)}, {Value: clearingtest.Encode(expired)}}, nil, d); err != nil {
		t.Fatal(err)
	}
	codes := accountCodes(town)
	if r, at := d.Rulings[2], d.Transfers[2]; r.Verdict != verdict.Cleared || codes[at.Credit] != "channel:counter" || at.Amount != 700 {
		t.Errorf("an expired card: %+v -> %s", r, codes[at.Credit])
	}
	if r, at := d.Rulings[0], d.Transfers[0]; r.Verdict != verdict.Cleared || r.Flagged || r.Misplaced || codes[at.Debit] != "float:own" || codes[at.Credit] != "channel:counter" || at.Purpose != chart.PurposeEmptied {
		t.Errorf("%+v: %s -> %s", r, codes[at.Debit], codes[at.Credit])
	}
	if r := d.Rulings[1]; r.Reason != verdict.IssuerNotAccepted {
		t.Errorf("another city's card: %+v", r)
	}
}
