package transit_test

import (
	"strings"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/rules"
	"citycard/clearing/transit"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

const clearingDay ledger.Day = 20260105

func noon(day int) time.Time { return time.Date(2026, 1, day, 12, 0, 0, 0, time.UTC) }

// unsure gives a tap a second candidate, and the reason.
func unsure(m *message.Tap, other []byte) {
	m.Debit.OtherTac, m.Debit.OtherTacReason = other, message.Unsure_UNSURE_TORN_TAP
}

// TestRule gives the judge one tap of each kind and looks at what the docket
// would post: whose money, to whom, and why.
func TestRule(t *testing.T) {
	town := clearingtest.New(t, nil)
	// The town's cards are of the generation before: its masters were rotated since.
	rotated, err := town.Keys.Rotate(strings.NewReader(strings.Repeat("rotation", 100)))
	if err != nil {
		t.Fatal(err)
	}
	judge := &transit.Judge{
		Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(rotated.Held()), Rules: town.Rules.Transit,
		Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1},
	}
	good := clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 7, Fen: 80, At: noon(5)}
	with := func(change func(o *clearingtest.Tap)) []byte {
		o := good
		change(&o)
		return clearingtest.Encode(town.Tap(o))
	}
	spoiled := func(change func(m *message.Tap)) []byte {
		m := town.Tap(good)
		change(m)
		return clearingtest.Encode(m)
	}
	price, known := town.Rules.Current().Tables.All()[0].Metro(1, 2, 1, 0)
	fare := uint32(price)
	if !known || fare <= 100 {
		t.Fatalf("a trip costs %d fen", fare)
	}
	corrected := func(fen, cash uint32) []byte { // ends a trip at a desk
		o := good
		o.Terminal, o.Fen = clearingtest.MetroGate, fen
		m := town.Tap(o)
		m.Mode, m.Movement, m.Station, m.EntryStation = message.Mode_MODE_METRO, message.Movement_MOVEMENT_UPDATE, 1, 2
		m.EntryTime = message.AppendTime(nil, noon(5).Add(-time.Hour))
		m.Update = &message.Update{Reason: message.UpdateReason_UPDATE_REASON_HAS_ENTRY, CashFen: cash, Staff: "A17"}
		return clearingtest.Encode(m)
	}
	tests := []struct {
		name    string
		value   []byte
		verdict verdict.Verdict
		reason  verdict.Reason
		payee   string // of a transfer
		purpose string
		flagged bool
	}{
		{"bus ride", with(func(*clearingtest.Tap) {}), verdict.Cleared, verdict.None, "operator:bus", "bus", false},
		{"ride at another price than the table's", with(func(o *clearingtest.Tap) { o.Fen = 81 }), verdict.Cleared, verdict.None, "operator:bus", "bus", true},
		{"metro entry", with(func(o *clearingtest.Tap) {
			o.Terminal, o.Fen = clearingtest.MetroGate, 0
			o.Movement = message.Movement_MOVEMENT_ENTRY
		}), verdict.Cleared, verdict.None, "", "metro_entry", true},
		{"metro exit for nothing", with(func(o *clearingtest.Tap) {
			o.Terminal, o.Fen, o.Movement = clearingtest.MetroGate, 0, message.Movement_MOVEMENT_EXIT
		}), verdict.Cleared, verdict.None, "", "metro_exit", true},
		{"metro exit", with(func(o *clearingtest.Tap) { o.Terminal, o.Fen = clearingtest.MetroGate, 190 }), verdict.Cleared, verdict.None, "operator:metro", "metro_exit", true},
		{"a correction paid from the card", corrected(fare, 0), verdict.Cleared, verdict.None, "operator:metro", "metro_exit", false},
		{"a correction paid from the card, a fen too little", corrected(fare-1, 0), verdict.Cleared, verdict.None, "operator:metro", "metro_exit", true},
		{"a correction in cash", corrected(0, fare), verdict.Cleared, verdict.None, "", "metro_exit", false},
		{"a correction in cash, a fen too much", corrected(0, fare+1), verdict.Cleared, verdict.None, "", "metro_exit", true},
		{"a correction, partly in cash", corrected(100, fare-100), verdict.Cleared, verdict.None, "operator:metro", "metro_exit", false},
		{"all that a purse may hold", with(func(o *clearingtest.Tap) { o.Fen = 100_000 }), verdict.Cleared, verdict.None, "operator:bus", "bus", true},
		{"a fen more than a purse may hold", with(func(o *clearingtest.Tap) { o.Fen = 100_001 }), verdict.Suspended, verdict.AmountTooHigh, "suspense:amount_too_high", "bus", false},
		{"as much as the message can say", with(func(o *clearingtest.Tap) { o.Fen = 1<<32 - 1 }), verdict.Suspended, verdict.AmountTooHigh, "suspense:amount_too_high", "bus", false},
		{"too much, of an unknown card at an unknown terminal", with(func(o *clearingtest.Tap) {
			o.Card, o.Terminal, o.Fen = clearingtest.Stranger, clearingtest.Unlisted, 100_001
		}), verdict.Suspended, verdict.AmountTooHigh, "suspense:amount_too_high", "bus", false},
		{"too much, 61 days ago", with(func(o *clearingtest.Tap) { o.At, o.Fen = noon(5-61), 100_001 }), verdict.Suspended, verdict.AmountTooHigh, "suspense:amount_too_high", "bus", false},
		{"too much, with a wrong TAC", spoiled(func(m *message.Tap) { m.Debit.AmountFen = 100_001 }), verdict.Rejected, verdict.BadTAC, "", "tap", false},
		{"yesterday's tap", with(func(o *clearingtest.Tap) { o.At = noon(4) }), verdict.Cleared, verdict.None, "operator:bus", "bus", false},

		{"counter altered", spoiled(func(m *message.Tap) { m.CardCounter++ }), verdict.Cleared, verdict.None, "operator:bus", "bus", false},
		{"mode altered", spoiled(func(m *message.Tap) { m.Mode = message.Mode_MODE_METRO }), verdict.Cleared, verdict.None, "operator:bus", "bus", true},

		{"amount altered", spoiled(func(m *message.Tap) { m.Debit.AmountFen = 8000 }), verdict.Rejected, verdict.BadTAC, "", "tap", false},
		{"terminal altered", spoiled(func(m *message.Tap) { m.Debit.Terminal = clearingtest.Hex(clearingtest.MetroGate) }), verdict.Rejected, verdict.BadTAC, "", "tap", false},
		{"sequence altered", spoiled(func(m *message.Tap) { m.Debit.TerminalSequence++ }), verdict.Rejected, verdict.BadTAC, "", "tap", false},
		{"time altered", spoiled(func(m *message.Tap) { m.Debit.Time = message.AppendTime(nil, noon(6)) }), verdict.Rejected, verdict.BadTAC, "", "tap", false},
		{"card altered", spoiled(func(m *message.Tap) { m.Debit.Card = clearingtest.Hex(clearingtest.OtherCard) }), verdict.Rejected, verdict.BadTAC, "", "tap", false},
		{"issuer altered", spoiled(func(m *message.Tap) { m.Debit.Issuer = clearingtest.Hex("01011000ffffffff") }), verdict.Rejected, verdict.BadTAC, "", "tap", false},
		{"TAC altered", spoiled(func(m *message.Tap) { m.Debit.Tac[3] ^= 1 }), verdict.Rejected, verdict.BadTAC, "", "tap", false},
		{"says the next key version", spoiled(func(m *message.Tap) { m.Debit.KeyVersion = 2 }), verdict.Cleared, verdict.None, "operator:bus", "bus", false},
		{"says a key version nobody has", spoiled(func(m *message.Tap) { m.Debit.KeyVersion = 3 }), verdict.Cleared, verdict.None, "operator:bus", "bus", false},
		{"says no key version", spoiled(func(m *message.Tap) { m.Debit.KeyVersion = 0 }), verdict.Cleared, verdict.None, "operator:bus", "bus", false},
		{"key version beyond a byte", spoiled(func(m *message.Tap) { m.Debit.KeyVersion = 257 }), verdict.Rejected, verdict.InvalidField, "", "tap", false},

		{"TAC in the other half of a proof", spoiled(func(m *message.Tap) { unsure(m, m.Debit.Tac); m.Debit.Tac = []byte{1, 2, 3, 4} }), verdict.Cleared, verdict.None, "operator:bus", "bus", false},
		{"TAC in the first half of a proof", spoiled(func(m *message.Tap) { unsure(m, []byte{1, 2, 3, 4}) }), verdict.Cleared, verdict.None, "operator:bus", "bus", false},
		{"TAC in neither half", spoiled(func(m *message.Tap) { unsure(m, []byte{1, 2, 3, 4}); m.Debit.Tac[3] ^= 1 }), verdict.Rejected, verdict.BadTAC, "", "tap", false},
		{"TAC in the other half, no reason for two", spoiled(func(m *message.Tap) { m.Debit.OtherTac, m.Debit.Tac = m.Debit.Tac, []byte{1, 2, 3, 4} }), verdict.Rejected, verdict.BadTAC, "", "tap", false},
		{"TAC in the other half, a load's reason", spoiled(func(m *message.Tap) {
			unsure(m, m.Debit.Tac)
			m.Debit.Tac, m.Debit.OtherTacReason = []byte{1, 2, 3, 4}, message.Unsure_UNSURE_TORN_LOAD
		}), verdict.Rejected, verdict.BadTAC, "", "tap", false},
		{"TAC in the other half, a reason nobody knows", spoiled(func(m *message.Tap) {
			unsure(m, m.Debit.Tac)
			m.Debit.Tac, m.Debit.OtherTacReason = []byte{1, 2, 3, 4}, 99
		}), verdict.Rejected, verdict.BadTAC, "", "tap", false},
		{"TAC in the first half, no reason for two", spoiled(func(m *message.Tap) { m.Debit.OtherTac = []byte{1, 2, 3, 4} }), verdict.Cleared, verdict.None, "operator:bus", "bus", false},
		{"a reason, and no other half", spoiled(func(m *message.Tap) { m.Debit.OtherTacReason = message.Unsure_UNSURE_TORN_TAP }), verdict.Cleared, verdict.None, "operator:bus", "bus", false},
		{"half a TAC in the other half", spoiled(func(m *message.Tap) { m.Debit.OtherTac = []byte{1, 2} }), verdict.Rejected, verdict.InvalidField, "", "tap", false},

		{"not a message", []byte{0xFF, 0xFF}, verdict.Rejected, verdict.Undecodable, "", "tap", false},
		{"empty", nil, verdict.Rejected, verdict.Undecodable, "", "tap", false},
		{"short card number", spoiled(func(m *message.Tap) { m.Debit.Card = m.Debit.Card[:9] }), verdict.Rejected, verdict.InvalidField, "", "tap", false},
		{"type beyond a byte", spoiled(func(m *message.Tap) { m.Debit.Type = 256 + 9 }), verdict.Rejected, verdict.TransactionType, "", "tap", false},
		{"no type", spoiled(func(m *message.Tap) { m.Debit.Type = 0 }), verdict.Rejected, verdict.TransactionType, "", "tap", false},
		{"a purchase", with(func(o *clearingtest.Tap) { o.Type = 0x06 }), verdict.Cleared, verdict.None, "operator:bus", "bus", false},
		{"a load, signed", with(func(o *clearingtest.Tap) { o.Type = 0x02 }), verdict.Rejected, verdict.TransactionType, "", "tap", false},
		{"an unload, signed", with(func(o *clearingtest.Tap) { o.Type = 0x03 }), verdict.Rejected, verdict.TransactionType, "", "tap", false},

		{"unknown card", with(func(o *clearingtest.Tap) { o.Card = clearingtest.Stranger }), verdict.Suspended, verdict.UnknownCard, "suspense:unknown_card", "bus", false},
		{"unknown terminal", with(func(o *clearingtest.Tap) { o.Terminal = clearingtest.Unlisted }), verdict.Suspended, verdict.UnknownTerminal, "suspense:unknown_terminal", "bus", false},
		{"unknown card at an unknown terminal", with(func(o *clearingtest.Tap) { o.Card, o.Terminal = clearingtest.Stranger, clearingtest.Unlisted }), verdict.Suspended, verdict.UnknownCard, "suspense:unknown_card", "bus", false},
		{"two days ahead", with(func(o *clearingtest.Tap) { o.At = noon(7) }), verdict.Suspended, verdict.ImplausibleDate, "suspense:implausible_date", "bus", false},
		{"61 days old", with(func(o *clearingtest.Tap) { o.At = noon(5 - 61) }), verdict.Suspended, verdict.ImplausibleDate, "suspense:implausible_date", "bus", false},
		{"60 days old", with(func(o *clearingtest.Tap) { o.At = noon(5 - 60) }), verdict.Cleared, verdict.None, "operator:bus", "bus", false},
		{"expired card", with(func(o *clearingtest.Tap) { o.Card = clearingtest.ExpiredCard }), verdict.Suspended, verdict.CardExpired, "suspense:card_expired", "bus", false},
		{"blocked card", with(func(o *clearingtest.Tap) { o.Card = clearingtest.BlockedCard }), verdict.Suspended, verdict.CardBlocked, "suspense:card_blocked", "bus", false},
	}
	records := make([]docket.Record, len(tests))
	for i, test := range tests {
		records[i] = docket.Record{Offset: int64(i), Value: test.value}
	}
	d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, len(records))
	if err := judge.Rule(t.Context(), records, nil, d); err != nil {
		t.Fatal(err)
	}
	if len(d.Rulings) != len(tests) {
		t.Fatalf("%d rulings for %d records", len(d.Rulings), len(tests))
	}
	payees := accountCodes(town)
	next := 0
	for i, test := range tests {
		r := d.Rulings[i]
		if r.Verdict != test.verdict || r.Reason != test.reason || r.Purpose != test.purpose || r.Flagged != test.flagged {
			t.Errorf("%s: %s %q %q flagged %v, want %s %q %q flagged %v", test.name, r.Verdict, r.Reason, r.Purpose, r.Flagged,
				test.verdict, test.reason, test.purpose, test.flagged)
		}
		if test.payee == "" {
			continue
		}
		transfer := d.Transfers[next]
		next++
		if got := payees[transfer.Credit]; got != test.payee || payees[transfer.Debit] != chart.Float {
			t.Errorf("%s: %s pays %s, want %s pays %s", test.name, payees[transfer.Debit], got, chart.Float, test.payee)
		}
		if string(transfer.Evidence) != string(test.value) {
			t.Errorf("%s: the evidence is not the record", test.name)
		}
	}
	if next != len(d.Transfers) {
		t.Errorf("%d transfers, want %d", len(d.Transfers), next)
	}
}

// TestRuleImpossibleDate signs a date that is in no calendar: the money moved, so
// it is kept in suspense under a day of its own.
func TestRuleImpossibleDate(t *testing.T) {
	town := clearingtest.New(t, nil)
	judge := &transit.Judge{Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()), Rules: town.Rules.Transit, Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1}}
	for _, date := range []string{"00000000000000", "20261301120000", "ffffffffffffff"} {
		m := town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 1, Fen: 80, At: noon(5)})
		m.Debit.Time = clearingtest.Hex(date)
		town.Sign(m.Debit)
		d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, 1)
		if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(m)}}, nil, d); err != nil {
			t.Fatal(err)
		}
		if r := d.Rulings[0]; r.Verdict != verdict.Suspended || r.Reason != verdict.ImplausibleDate {
			t.Errorf("date %s: %s %s, want suspended implausible_date", date, r.Verdict, r.Reason)
		}
		if len(d.Transfers) != 1 || !d.Transfers[0].Day.Valid() {
			t.Errorf("date %s: transfers %+v, want one on a valid day", date, d.Transfers)
		}
	}
}

// TestRuleBlockedFromADay lists a card from a day on: what it paid before is
// cleared, however late it comes; and the note names the registry that judged,
// not the one that has come since.
func TestRuleBlockedFromADay(t *testing.T) {
	town := clearingtest.New(t, func(files map[string]string) {
		files["cards.csv"] += clearingtest.OtherCard + "," + clearingtest.Issuer + ",01,blocked,20260104,20401231\n"
	})
	judge := &transit.Judge{Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()), Rules: town.Rules.Transit, Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1}}
	for day, want := range map[int]verdict.Reason{3: verdict.None, 4: verdict.CardBlocked} {
		m := town.Tap(clearingtest.Tap{Card: clearingtest.OtherCard, Terminal: clearingtest.BusValidator, Sequence: uint32(day), Fen: 80, At: noon(day)})
		d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, 1)
		if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(m)}}, nil, d); err != nil {
			t.Fatal(err)
		}
		if r := d.Rulings[0]; r.Reason != want {
			t.Errorf("a tap of day %d: %s %q, want %q", day, r.Verdict, r.Reason, want)
		}
		note, err := d.EncodeNote()
		if err != nil || !strings.Contains(string(note), town.Registry.Version()) {
			t.Errorf("note %s (%v) does not name registry %s", note, err, town.Registry.Version())
		}
	}
}

// TestRuleFareOfTheSignedSecond doubles the bus fare from four o'clock on 5 January. Line 1 costs
// an ordinary card 80 % of 1.00 yuan before that second and 80 % of 2.00 yuan from it on, whenever
// clearing reads the tap, and whichever of the two tables the terminal names.
func TestRuleFareOfTheSignedSecond(t *testing.T) {
	town := clearingtest.New(t, nil)
	text := string(rules.Fares.Example())
	_, version, _ := strings.Cut(text, `"versions": [`)
	version = version[:strings.LastIndex(version, "]")]
	dearer := strings.NewReplacer(`"zz-2013"`, `"zz-2026"`, `"20131223"`, `"2026-01-05T04:00"`, `"last": 499, "fen": 100`, `"last": 499, "fen": 200`).Replace(version)
	text = text[:strings.LastIndex(text, "]")] + "," + dearer + "]}"
	set, err := town.Rules.Current().With(map[rules.Kind][]byte{rules.Fares: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	judge := &transit.Judge{
		Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()),
		Rules: rules.NewShelf(set).Transit, Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1},
	}
	tables := set.Tables.All()
	for n, c := range []struct {
		at      string
		fen     uint32
		table   int
		flagged bool
	}{
		{"20260105035959", 80, 0, false},
		{"20260105035959", 160, 1, true},
		{"20260105035959", 160, 0, true},
		{"20260105040000", 160, 1, false},
		{"20260105040000", 80, 0, true},
		{"20260105040000", 80, 1, true},
		{"20260105040000", 160, 0, false},
		{"20260104235959", 80, 0, false},
		{"20260106000000", 160, 1, false},
	} {
		at, err := time.Parse("20060102150405", c.at)
		if err != nil {
			t.Fatal(err)
		}
		m := town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: uint32(n), Fen: c.fen, At: at})
		m.FareVersion = tables[c.table].Version()
		d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, 1)
		if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(m)}}, nil, d); err != nil {
			t.Fatal(err)
		}
		if r := d.Rulings[0]; r.Flagged != c.flagged || r.Verdict != verdict.Cleared {
			t.Errorf("%d fen at %s by table %d: %s, flagged %v; want flagged %v", c.fen, c.at, c.table, r.Verdict, r.Flagged, c.flagged)
		}
	}
}

// TestRulePurseOfTheSignedSecond lets a purse hold 500 yuan in place of 1000 from four o'clock on 5
// January. A tap of 600 yuan is signed in the second before, and in that second.
func TestRulePurseOfTheSignedSecond(t *testing.T) {
	town := clearingtest.New(t, nil)
	text := string(rules.Loads.Example())
	_, version, _ := strings.Cut(text, `"versions": [`)
	version = version[:strings.LastIndex(version, "]")]
	less := strings.NewReplacer(`"version": "`, `"version": "less-`, `"20131223"`, `"2026-01-05T04:00"`, `"maximum_fen": 100000`, `"maximum_fen": 50000`).Replace(version)
	set, err := town.Rules.Current().With(map[rules.Kind][]byte{rules.Loads: []byte(text[:strings.LastIndex(text, "]")] + "," + less + "]}")})
	if err != nil {
		t.Fatal(err)
	}
	judge := &transit.Judge{
		Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()),
		Rules: rules.NewShelf(set).Transit, Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1},
	}
	four := time.Date(2026, 1, 5, 4, 0, 0, 0, time.UTC)
	for at, want := range map[time.Time]verdict.Reason{four.Add(-time.Second): verdict.None, four: verdict.AmountTooHigh} {
		m := town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 1, Fen: 60_000, At: at})
		d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, 1)
		if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(m)}}, nil, d); err != nil {
			t.Fatal(err)
		}
		if r := d.Rulings[0]; r.Reason != want {
			t.Errorf("at %s: %s %q, want %q", at, r.Verdict, r.Reason, want)
		}
	}
}

// TestRuleLastDay makes taps on the last day on which a card is good and on the next.
func TestRuleLastDay(t *testing.T) {
	town := clearingtest.New(t, func(files map[string]string) {
		files["cards.csv"] = strings.Replace(files["cards.csv"], "20250630", "20260104", 1)
	})
	judge := &transit.Judge{Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()), Rules: town.Rules.Transit, Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1}}
	for day, want := range map[int]verdict.Reason{3: verdict.None, 4: verdict.None, 5: verdict.CardExpired} {
		m := town.Tap(clearingtest.Tap{Card: clearingtest.ExpiredCard, Terminal: clearingtest.BusValidator, Sequence: uint32(day), Fen: 80, At: noon(day)})
		d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, 1)
		if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(m)}}, nil, d); err != nil {
			t.Fatal(err)
		}
		if r := d.Rulings[0]; r.Reason != want {
			t.Errorf("a tap of day %d: %s %q, want %q", day, r.Verdict, r.Reason, want)
		}
	}
}

// TestRuleArrived judges records of which it is known when they arrived: a date is plausible that
// either the clearing day or the day of arrival allows, as the city's clocks show it.
func TestRuleArrived(t *testing.T) {
	town := clearingtest.New(t, nil)
	judge := &transit.Judge{
		Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()), Rules: town.Rules.Transit,
		Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1}, Zone: time.FixedZone("city", 8*60*60),
	}
	for i, test := range []struct {
		signed, arrived time.Time
		reason          verdict.Reason
	}{
		{noon(5 - 60), noon(10), verdict.None},
		{noon(5 - 61), noon(10), verdict.ImplausibleDate},
		{noon(5 - 61), noon(4), verdict.None}, // it waited to be read
		{noon(5 - 62), noon(4), verdict.ImplausibleDate},
		{noon(7), noon(6), verdict.None}, // the day's close is late
		{noon(8), noon(6), verdict.ImplausibleDate},
		{noon(8), noon(6).Add(4 * time.Hour), verdict.None}, // the seventh has begun in the city
		{noon(6), noon(3), verdict.None},
	} {
		m := town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: uint32(i), Fen: 80, At: test.signed})
		d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, 1)
		if err := judge.Rule(t.Context(), []docket.Record{{Value: clearingtest.Encode(m), At: test.arrived}}, nil, d); err != nil {
			t.Fatal(err)
		}
		if r := d.Rulings[0]; r.Reason != test.reason {
			t.Errorf("signed %s, arrived %s: %s %q, want %q", test.signed, test.arrived, r.Verdict, r.Reason, test.reason)
		}
	}
}

// FuzzRule feeds the judge any bytes: every record gets one ruling, nothing
// panics.
func FuzzRule(f *testing.F) {
	town := clearingtest.New(f, nil)
	judge := &transit.Judge{Registry: town.Registry, Accounts: &ledger.Chart{}, TACs: keys.NewTACs(town.Keys.Held()), Rules: town.Rules.Transit, Dates: transit.Plausible{DaysBack: 60, DaysAhead: 1}}
	f.Add(clearingtest.Encode(town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 7, Fen: 80, At: noon(5)})))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, value []byte) {
		d := docket.New(docket.Source{Stream: "taps/0", Day: clearingDay}, 1)
		if err := judge.Rule(t.Context(), []docket.Record{{Value: value}}, nil, d); err != nil {
			t.Fatal(err)
		}
		if len(d.Rulings) != 1 || len(d.Transfers)+len(d.Memos) != 1 {
			t.Fatalf("%d rulings, %d transfers, %d memos for one record", len(d.Rulings), len(d.Transfers), len(d.Memos))
		}
	})
}

func accountCodes(town *clearingtest.Town) map[ledger.AccountID]string {
	codes := map[ledger.AccountID]string{}
	for _, account := range chart.Accounts(town.Registry.Current()) {
		codes[ledger.IDOfCode(account.Code)] = account.Code
	}
	return codes
}
