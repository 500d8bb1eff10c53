package trial_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/medical"
	"citycard/clearing/message"
	"citycard/clearing/registry/index"
	"citycard/clearing/rules"
	"citycard/clearing/rules/trial"
	"citycard/clearing/schema"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

const today ledger.Day = 20260105

func TestMain(m *testing.M) { ledgertest.Main(m) }

// examples are documents of every kind.
func examples() map[rules.Kind][]byte {
	all := map[rules.Kind][]byte{}
	for _, kind := range rules.Kinds() {
		all[kind] = kind.Example()
	}
	return all
}

// followed is an example document whose version is followed by another one.
func followed(kind rules.Kind, replace ...string) []byte {
	text := string(kind.Example())
	_, version, _ := strings.Cut(text, `"versions": [`)
	version = version[:strings.LastIndex(version, "]")]
	return []byte(text[:strings.LastIndex(text, "]")] + "," + strings.NewReplacer(replace...).Replace(version) + "]}")
}

// office is a database with a few booked days.
type office struct {
	*testing.T
	ledger   *ledger.Ledger
	lease    ledger.Lease
	sequence uint32
}

func newOffice(t *testing.T) *office {
	t.Helper()
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	o := &office{T: t, ledger: ledgertest.Connect(t, url, 6)}
	o.must(o.ledger.OpenDay(t.Context(), today))
	o.must(o.ledger.OpenAccounts(t.Context(), []ledger.Account{
		{Code: chart.Float, Kind: ledger.Liability, Shards: 1},
		{Code: "operator:any", Kind: ledger.Liability, Shards: 1},
		{Code: chart.Suspense(verdict.CardExpired), Kind: ledger.Liability, Shards: 1},
	}))
	var err error
	o.lease, err = o.ledger.Lease(t.Context(), "taps/0", "test", 0)
	o.must(err)
	return o
}

func (o *office) must(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// tap is a tap to book.
type tap struct {
	card     string
	at       string // 2026-01-05 08:00:00
	cardType uint32
	from, to uint32 // an entry where only one is given
	minutes  int    // of a trip
	bus      uint32
	paid     uint32
	suspense bool
	clock    string // what was signed as the time of day, in hexadecimal, if it is none
}

// book books taps as a batch of a day.
func (o *office) book(day ledger.Day, taps ...tap) {
	o.Helper()
	batch := &ledger.Batch{Stream: "taps/0", Epoch: o.lease.Epoch, From: o.lease.Next, Next: o.lease.Next + 1, Day: day}
	for _, t := range taps {
		at, err := time.Parse(time.DateTime, t.at)
		o.must(err)
		o.sequence++
		terminal := clearingtest.Hex("310000000001")
		m := &message.Tap{
			Mode: message.Mode_MODE_METRO, Movement: message.Movement_MOVEMENT_ENTRY, Line: 1, Station: t.from, CardType: t.cardType,
			Debit: &message.Debit{Card: clearingtest.Hex(t.card), Issuer: clearingtest.Hex(clearingtest.Issuer), AmountFen: t.paid, Time: message.AppendTime(nil, at)},
		}
		if t.clock != "" {
			copy(m.Debit.Time[4:], clearingtest.Hex(t.clock))
		}
		switch {
		case t.bus > 0:
			m.Mode, m.Movement, m.Line = message.Mode_MODE_BUS, message.Movement_MOVEMENT_SINGLE, t.bus
		case t.to > 0:
			m.Movement, m.EntryStation, m.Station = message.Movement_MOVEMENT_EXIT, t.from, t.to
			m.EntryTime = message.AppendTime(nil, at.Add(-time.Duration(t.minutes)*time.Minute))
		}
		subject, id := identity.CardOf(clearingtest.CardID(t.card)).Subject(), identity.Spend(9, terminal, o.sequence)
		signed := ledger.DayOf(at)
		if t.paid == 0 {
			batch.Memos = append(batch.Memos, ledger.Memo{Day: signed, Subject: subject, ID: id, Kind: "record", Reason: chart.MetroEntry, Evidence: clearingtest.Encode(m)})
			continue
		}
		credit := ledger.IDOfCode("operator:any")
		if t.suspense {
			credit = ledger.IDOfCode(chart.Suspense(verdict.CardExpired))
		}
		batch.Transfers = append(batch.Transfers, ledger.Transfer{
			Day: signed, Subject: subject, ID: id, Debit: ledger.IDOfCode(chart.Float), Credit: credit, Amount: ledger.Fen(t.paid), Purpose: chart.PurposeBus,
			Evidence: clearingtest.Encode(m),
		})
	}
	_, err := o.ledger.Post(o.Context(), batch)
	o.must(err)
	o.lease.Next++
}

// read is rules of the examples, with some documents replaced.
func (o *office) read(contents map[rules.Kind][]byte) *rules.Set {
	o.Helper()
	all := examples()
	for kind, text := range contents {
		all[kind] = text
	}
	set, err := rules.Read(all)
	o.must(err)
	return set
}

// words are a section in short: the sum, the groups, what is not priced, the largest changes.
func words(s *trial.Section) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d: %d %d\n", s.Count, s.Before, s.After)
	for _, g := range s.Groups {
		fmt.Fprintf(&b, "%s %s %d: %d %d\n", g.By, g.Key, g.Count, g.Before, g.After)
	}
	for _, u := range s.Unpriced {
		fmt.Fprintf(&b, "%s %s %d: %d\n", u.Side, u.Reason, u.Count, u.Fen)
	}
	for _, c := range s.Largest {
		fmt.Fprintf(&b, "%s %s %s: %d %d\n", c.Time, c.Who, c.Kind, c.Before, c.After)
	}
	return b.String()
}

// TestTaps tries documents that change everything at once over two booked days.
//
// In force is the example: 200 fen to 6 km and 100 for the next 7; card type 1 pays 0.95 by metro
// and 0.80 on buses, type 2 half; line 1 costs 100 and 501 costs 200. Stations 1, 2 and 3 are on
// line 1, 4200 and 6800 metres apart; 4 is 5100 from 2. On 6 January at 12:00 line 501 becomes 300.
// The proposal, of which only the last version counts, has 300 to 6 km, 250 on line 501, no card
// type 3, no station 4 and no line 1 of buses.
func TestTaps(t *testing.T) {
	o := newOffice(t)
	const a, b = "03105070200000000001", "03105070200000000002"
	o.book(today,
		tap{card: a, at: "2026-01-05 08:00:00", cardType: 1, from: 1, paid: 0},                        // entry: 0 -> 0
		tap{card: a, at: "2026-01-05 08:10:00", cardType: 1, from: 1, to: 2, minutes: 10, paid: 190},  // 200, 300: 190 -> 285
		tap{card: b, at: "2026-01-05 08:20:00", cardType: 1, from: 1, to: 3, minutes: 20, paid: 285},  // 11 km, 300, 400: 285 -> 380
		tap{card: b, at: "2026-01-05 09:00:00", cardType: 2, bus: 501, paid: 100},                     // 100 -> 125
		tap{card: a, at: "2026-01-05 09:30:00", cardType: 1, bus: 501, paid: 160},                     // 160 -> 200
		tap{card: a, at: "2026-01-05 10:00:00", cardType: 1, bus: 501, paid: 160, suspense: true},     // 160 -> 200
		tap{card: b, at: "2026-01-05 23:59:59", cardType: 1, from: 2, to: 2, minutes: 181, paid: 300}, // past the limit: 300 -> 400, both the highest
		tap{card: a, at: "2026-01-05 11:00:00", cardType: 1, from: 1, to: 4, minutes: 5, paid: 285},   // no station 4
		tap{card: a, at: "2026-01-05 11:00:01", cardType: 3, bus: 501, paid: 160},                     // no card type 3
		tap{card: a, at: "2026-01-05 11:00:02", cardType: 1, bus: 1, paid: 80},                        // no line 1
		tap{card: a, at: "2026-01-05 11:00:03", cardType: 1, from: 1, to: 2, minutes: -1, paid: 190},  // out before in
		tap{card: a, at: "2026-01-05 11:00:04", cardType: 9, bus: 501, paid: 50},                      // no card type 9, on either side
		tap{card: b, at: "2025-12-20 09:00:00", cardType: 1, bus: 501, paid: 160},                     // late: 160 -> 200
	)
	o.must(o.ledger.CloseDay(t.Context(), today, today.Next()))
	o.must(o.ledger.EndDay(t.Context(), today))
	var err error
	o.lease, err = o.ledger.Lease(t.Context(), "taps/0", "test", 0)
	o.must(err)
	o.book(today.Next(),
		tap{card: a, at: "2026-01-06 11:59:59", cardType: 1, bus: 501, paid: 160}, // 160 -> 200
		tap{card: a, at: "2026-01-06 12:00:00", cardType: 1, bus: 501, paid: 160}, // 240 -> 200
	)
	network := followed(rules.Network, `"example-2020"`, `"later"`, `"20200101"`, `"2028-01-01T04:00"`, `"bus_lines": [1, 501]`, `"bus_lines": [501]`,
		"{\"number\": 3, \"name\": \"西站\", \"name_en\": \"West\"},\n        {\"number\": 4, \"name\": \"南站\", \"name_en\": \"South\"}", `{"number": 3, "name": "西站", "name_en": "West"}`,
		`{"station": 4, "metres": 5100}`, `{"station": 3, "metres": 90000}`)
	inForce := o.read(map[rules.Kind][]byte{
		rules.Fares: followed(rules.Fares, `"zz-2013"`, `"noon"`, `"20131223"`, `"2026-01-06T12:00"`, `"last": 999, "fen": 200`, `"last": 999, "fen": 300`),
	})
	proposed := o.read(map[rules.Kind][]byte{rules.Network: network, rules.Fares: followed(rules.Fares, `"zz-2013"`, `"later"`, `"20131223"`, `"20270101"`,
		`"last": 999, "fen": 200`, `"last": 999, "fen": 250`, `"base_fen": 200`, `"base_fen": 300`, `"card_type": 3`, `"card_type": 7`)})
	const first = `8: 1355 1790
kind metro_entry 1: 0 0
kind metro_exit 3: 775 1065
kind bus 4: 580 725
card_type 1 7: 1255 1665
card_type 2 1: 100 125
line metro 1 4: 775 1065
line bus 501 4: 580 725
hour 08 3: 475 665
hour 09 3: 420 525
hour 10 1: 160 200
hour 23 1: 300 400
both bad_times 1: 190
both unknown_card_type 1: 50
proposal unknown_card_type 1: 160
proposal unknown_line 1: 80
proposal unknown_station 1: 285
20260105235959 ****0002 metro_exit: 300 400
20260105081000 ****0001 metro_exit: 190 285
20260105082000 ****0002 metro_exit: 285 380
20251220090000 ****0002 bus: 160 200
20260105093000 ****0001 bus: 160 200
20260105100000 ****0001 bus: 160 200
20260105090000 ****0002 bus: 100 125
`
	const second = `2: 400 400
kind bus 2: 400 400
card_type 1 2: 400 400
line bus 501 2: 400 400
hour 11 1: 160 200
hour 12 1: 240 200
20260106115959 ****0001 bus: 160 200
20260106120000 ****0001 bus: 240 200
`
	before := ledgertest.Dump(t, o.ledger.Pool())
	for _, part := range []int{0, 1, 3} {
		tried := &trial.Trial{Ledger: o.ledger, InForce: inForce, Proposed: proposed, Part: part}
		for day, want := range map[ledger.Day]string{today: first, today.Next(): second} {
			report, err := tried.Run(t.Context(), day, day)
			if err != nil {
				t.Fatal(err)
			}
			if got := words(&report.Taps); got != want || report.Claims != nil {
				t.Errorf("%s in parts of %d:\n%swant\n%s", day, part, got, want)
			}
		}
		report, err := tried.Run(t.Context(), 20250101, 20991231)
		if err != nil || report.Taps.Sum != (trial.Sum{Count: 10, Before: 1755, After: 2190}) || len(report.Before) != 2 || report.From != today || report.To != today.Next() {
			t.Errorf("both days: %+v, %v", report, err)
		}
	}
	if _, err := (&trial.Trial{Ledger: o.ledger, InForce: inForce, Proposed: proposed}).Run(t.Context(), 20260107, 20260108); err == nil ||
		!strings.Contains(err.Error(), "nothing was booked from 20260107 to 20260108: the books have the days 20260105 to 20260106") {
		t.Errorf("days without books: %v", err)
	}
	if after := ledgertest.Dump(t, o.ledger.Pool()); after != before {
		t.Errorf("something was written:\n%s\nbefore\n%s", after, before)
	}
	report, err := (&trial.Trial{Ledger: o.ledger, InForce: inForce, Proposed: proposed}).Run(t.Context(), today, today)
	o.must(err)
	text, err := json.Marshal(report.Taps.Largest[1])
	o.must(err)
	if want := `{"who":"****0001","time":"20260105081000","kind":"metro_exit","line":1,"entry":{"number":1,"name":"东站","name_en":"East"},"exit":{"number":2,"name":"广场","name_en":"Square"},"card_type":1,"before_fen":190,"after_fen":285}`; string(text) != want {
		t.Errorf("%s\nwant %s", text, want)
	}
}

// TestClocksThatAreNone tries taps with signed times of day that are none: with another digit than
// 0 to 9 it is the first second of the day, in the groups as in the prices, and an hour after 23
// has no group.
func TestClocksThatAreNone(t *testing.T) {
	o := newOffice(t)
	o.book(
		today,
		tap{card: "03105070200000000001", at: "2026-01-05 08:00:00", clock: "0a4500", cardType: 1, bus: 501, paid: 160},
		tap{card: "03105070200000000001", at: "2026-01-05 08:00:00", clock: "240000", cardType: 1, bus: 501, paid: 160},
	)
	report, err := (&trial.Trial{Ledger: o.ledger, InForce: o.read(nil), Proposed: o.read(nil)}).Run(t.Context(), today, today)
	o.must(err)
	const want = `1: 160 160
kind bus 1: 160 160
card_type 1 1: 160 160
line bus 501 1: 160 160
hour 00 1: 160 160
both bad_times 1: 160
`
	if got := words(&report.Taps); got != want {
		t.Errorf("%swant\n%s", got, want)
	}
}

// TestManyChanges has more changes than are listed: the largest of them are, and of equal ones the
// earliest, in whatever order they are read.
func TestManyChanges(t *testing.T) {
	o := newOffice(t)
	var taps []tap
	for n := range 60 {
		taps = append(taps, tap{card: fmt.Sprintf("031050702%011d", (n*37)%60), at: fmt.Sprintf("2026-01-05 08:00:%02d", n), cardType: 1 + uint32(n%2), bus: 501, paid: 160})
	}
	o.book(today, taps...)
	proposed := o.read(map[rules.Kind][]byte{rules.Fares: []byte(strings.Replace(string(rules.Fares.Example()), `"last": 999, "fen": 200`, `"last": 999, "fen": 300`, 1))})
	for _, part := range []int{0, 7} {
		report, err := (&trial.Trial{Ledger: o.ledger, InForce: o.read(nil), Proposed: proposed, Part: part}).Run(t.Context(), today, today)
		o.must(err)
		for i, c := range report.Taps.Largest {
			if want := fmt.Sprintf("202601050800%02d", 2*i); c.Time != want || c.Before != 160 || c.After != 240 {
				t.Errorf("change %d: %+v, want one at %s from 160 to 240", i, c, want)
			}
		}
		if len(report.Taps.Largest) != trial.MaxChanges {
			t.Errorf("%d changes", len(report.Taps.Largest))
		}
	}
}

// TestClaims settles claims again. The worker is employed; the hospital is of class 3. In force,
// inpatients bear 900.00 yuan, and half of that from the second settlement of the year on; the fund
// pays 0.85 of the rest. Outpatients bear 40.00, and it pays 0.55 up to 1800.00 a year. The
// proposal has 600.00 and 0.90 for inpatients.
func TestClaims(t *testing.T) {
	o := newOffice(t)
	o.must(o.ledger.CloseDay(t.Context(), today, today.Next()))
	o.must(o.ledger.EndDay(t.Context(), today))
	town := clearingtest.New(t, nil)
	sequence := 0
	claim := func(booked ledger.Day, stream, person, hospital, kind, at string, scope, deductible, fund int64) {
		o.Helper()
		signed, err := time.Parse(time.DateTime, at)
		o.must(err)
		sequence++
		number := fmt.Sprintf("s%d", sequence)
		asked := clearingtest.Encode(&message.MedicalClaim{
			Settlement: number, Hospital: hospital, Person: clearingtest.Hex(person), Kind: kind, Time: message.AppendTime(nil, signed), TotalFen: scope, InScopeFen: scope,
		})
		result := clearingtest.Encode(&message.MedicalResult{DeductibleFen: deductible, FundFen: fund})
		_, err = o.ledger.Pool().Exec(t.Context(), `INSERT INTO medical_settlements (hospital, settlement, person, claim, result, stream, sequence, day, position)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0)`, hospital, number, clearingtest.Hex(person), asked, result, stream, sequence, booked)
		o.must(err)
	}
	in, out := string(medical.Inpatient), string(medical.Outpatient)
	// The first person of all has a claim of an earlier day only.
	claim(20260104, "x", strings.Repeat("0", 32), "h1", out, "2026-01-04 08:00:00", 10_000, 4_000, 3_300)
	// The first settlement of 2026 is before the days that are tried.
	claim(20260104, "x", clearingtest.Worker, "h1", in, "2026-01-04 09:00:00", 100_000, 90_000, 8_500)
	// Of the year before, its first: 100,000 - 90,000 at 0.85: 8,500; 40,000 at 0.90: 36,000.
	claim(20260105, "x", clearingtest.Worker, "h1", in, "2025-12-20 09:00:00", 100_000, 90_000, 8_500)
	// Its fund's part is up to 180,000 - 3,300 - 5,000 of 2026, whatever its place in the table.
	claim(20260105, "a", clearingtest.Worker, "h1", out, "2026-01-05 10:00:00", 400_000, 4_000, 171_700)
	claim(20260105, "x", clearingtest.Worker, "h9", out, "2026-01-05 09:30:00", 10_000, 0, 5_000) // no such hospital now: as it was booked
	// Settled before it: 6,000 at 0.55 are 3,300.
	claim(20260105, "x", clearingtest.Worker, "h1", out, "2026-01-05 09:00:00", 10_000, 4_000, 3_300)
	// The second of 2026: 200,000 - 45,000 at 0.85: 131,750; 200,000 - 30,000 at 0.90: 153,000.
	claim(20260106, "x", clearingtest.Worker, "h1", in, "2026-01-05 11:00:00", 200_000, 45_000, 131_750)
	claim(20260106, "x", clearingtest.Retired, "h9", in, "2026-01-05 11:00:00", 200_000, 0, 700)    // no such hospital
	claim(20260106, "x", strings.Repeat("f", 32), "h1", in, "2026-01-05 11:00:00", 200_000, 0, 800) // no such person
	claim(20260107, "x", clearingtest.Worker, "h1", in, "2026-01-07 11:00:00", 200_000, 0, 700)     // after the days
	later := strings.NewReplacer(`"example-2019"`, `"later"`, `"20190101"`, `"20270101"`, `"deductible_fen": 90000`, `"deductible_fen": 60000`, `"bands": [{"ratio": "0.85"}]`, `"bands": [{"ratio": "0.90"}]`)
	text := string(rules.Medical.Example())
	_, version, _ := strings.Cut(text, `"versions": [`)
	version = version[:strings.LastIndex(version, "]")]
	text = strings.Replace(text[:strings.LastIndex(text, "]")], `"effective_to": ""`, `"effective_to": "20261231"`, 1) + "," + later.Replace(version) + "]}"
	tried := &trial.Trial{
		Ledger: o.ledger, InForce: o.read(nil), Proposed: o.read(map[rules.Kind][]byte{rules.Medical: []byte(text)}),
		People: func(context.Context) (*index.Edition, error) { return town.Registry.Current(), nil },
	}
	report, err := tried.Run(t.Context(), today, today.Next())
	o.must(err)
	const want = `4: 315250 364000
kind inpatient 2: 140250 189000
kind outpatient 2: 175000 175000
insurance employee 4: 315250 364000
hospital h1 4: 315250 364000
both unknown_hospital 2: 5700
both unknown_person 1: 800
20251220090000 ****0001 inpatient: 8500 36000
20260105110000 ****0001 inpatient: 131750 153000
`
	if report.Claims == nil || words(report.Claims) != want || report.Taps.Count != 0 {
		t.Errorf("%+v\n%swant\n%s", report.Taps, words(report.Claims), want)
	}
	report.Claims = nil
	empty, err := json.Marshal(report)
	o.must(err)
	if want := `"fares_before":[],`; !strings.Contains(string(empty), want) {
		t.Errorf("%s\nwant %s", empty, want)
	}
	if want := `"taps":{"count":0,"before_fen":0,"after_fen":0,"groups":[],"unpriced":[],"largest_changes":[]}`; !strings.Contains(string(empty), want) {
		t.Errorf("%s\nwant %s", empty, want)
	}
}
