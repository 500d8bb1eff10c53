package main

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"citycard/cardos/bcd"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/clearing/rulefile"
	"citycard/clearing/transit/fare"
	"citycard/simulators/document"
	"citycard/simulators/truth"
	"citycard/terminals/tariff"
)

// transferred is a row of the book: a ride, and what its card shows of the journeys before.
type transferred struct {
	journey
	operator uint16
	records  []tunion.Journey // newest first, as a terminal reads them
	past     []truth.Ridden   // those that lead on, up to the first that does not
	ended    bool             // there was one that does not
}

// show adds a word of the row's past.
func (r *transferred) show(t *testing.T, word string) {
	t.Helper()
	kind, rest, _ := strings.Cut(word, ":")
	number, times, _ := strings.Cut(rest, "@")
	operator, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		t.Fatalf("%s: %v", r.what, err)
	}
	record := func(kind, industry byte, at time.Time) tunion.Journey {
		return tunion.Journey{Type: kind, Industry: industry, City: tunion.ZhengzhouCity, Place: tunion.Place(1, 1, uint16(operator)), Time: bcd.Time(at)}
	}
	began, paid, trip := strings.Cut(times, "/")
	if !trip {
		paid = began
	}
	ridden := truth.Ridden{Metro: kind == "metro" || kind == "exit", Operator: int(operator), Began: clockTime(t, began).Unix(), Paid: clockTime(t, paid).Unix()}
	j := record(tunion.JourneySingle, tunion.IndustryBus, clockTime(t, paid))
	leads := true
	switch kind {
	case "bus":
	case "metro", "exit":
		j.Type, j.Industry = tunion.JourneyExit, tunion.IndustryMetro
	case "damaged":
		j.Time[6], leads = 0xFF, false
	case "another":
		j.City, leads = 0x1000, false
	case "desk":
		j.Type, j.Industry, leads = tunion.JourneyAdjust, tunion.IndustryMetro, false
	case "load":
		j.Type, leads = tunion.JourneyLoad, false
	default:
		t.Fatalf("%s: %s", r.what, word)
	}
	if r.ended = r.ended || !leads; !r.ended {
		r.past = append(r.past, ridden)
	}
	if r.records = append(r.records, j); trip {
		r.records = append(r.records, record(tunion.JourneyEntry, tunion.IndustryMetro, clockTime(t, began)))
	}
}

func clockTime(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02T15:04:05", text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// read gives a terminal the records as a card has them.
func (r *transferred) read(n int) (tunion.Journey, error) {
	if n > len(r.records) {
		return tunion.Journey{}, nil
	}
	b := r.records[n-1].Encode()
	return tunion.ParseJourney(b[:])
}

func transfers(t *testing.T) (all []*transferred) {
	t.Helper()
	number := func(text string) uint32 { return bookNumber(t, text) }
	for _, row := range bookRows(t, "transfers.csv", 11) {
		ride := &transferred{journey: journey{
			what: row[0], left: clockTime(t, row[3]), card: number(row[4]), from: number(row[5]), to: number(row[6]), line: number(row[7]), fen: int64(number(row[9])),
		}, operator: uint16(number(row[8]))}
		if row[2] != "" {
			ride.entered = clockTime(t, row[2])
		}
		for _, word := range strings.Fields(row[1]) {
			ride.show(t, word)
		}
		all = append(all, ride)
	}
	return all
}

// TestBookOfTransfers prices each row of the book three times: by a terminal from the card's
// records, by the clearing house from what that terminal's tap claims, and by the truth's own code.
func TestBookOfTransfers(t *testing.T) {
	set, terminal, own := priced(t, "transfers.json")
	cheaper := 0
	for _, r := range transfers(t) {
		fen, before, err := afterInTerminal(terminal, r)
		if err != nil || int64(fen) != r.fen {
			t.Errorf("%s: a terminal takes %d, %v; want %d", r.what, fen, err, r.fen)
		}
		if fen, err := afterInTruth(own, r); err != nil || fen != r.fen {
			t.Errorf("%s: truth says %d, %v; want %d", r.what, fen, err, r.fen)
		}
		table := set.Tables.At(rulefile.MomentOf(r.left))
		tap := r.tap(table.Version())
		tap.Before = before
		found := table.Check(tap)
		if !found.OK() || found.ExpectedFen != r.fen || (found.OffFen > 0) != (before != nil) {
			t.Errorf("%s: clearing says %+v, want %d; the tap claims %v", r.what, found, r.fen, before)
		}
		if before == nil {
			continue
		}
		cheaper++
		falseClaims(t, table, r, tap, found)
	}
	if cheaper < 15 {
		t.Errorf("%d rides are cheaper, want at least 15", cheaper)
	}
	for _, table := range set.Tables.All() {
		from, _ := rulefile.ParsePacked(table.Message().GetEffectiveFrom())
		if err := own.Fares(document.Moment(from)).CheckTable(table.Message()); err != nil {
			t.Error(err)
		}
	}
}

// falseClaims spoils the claim of a tap: by none of these the ride is cheaper.
func falseClaims(t *testing.T, table *fare.Table, r *transferred, tap *message.Tap, found fare.Finding) {
	t.Helper()
	ride := tap.Ride()
	begins := ride.Time
	if r.line == 0 {
		begins = ride.EntryTime
	}
	began, err := bcd.ParseTime(begins, time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	claim := tap.Before.Ride()
	for name, before := range map[string]message.Before{
		"none":            {},
		"of tomorrow":     {Mode: claim.Mode, Operator: claim.Operator, Here: claim.Here, Time: bcd.Time(began.Add(24 * time.Hour))},
		"a second later":  {Mode: claim.Mode, Operator: claim.Operator, Here: claim.Here, Time: bcd.Time(began.Add(time.Second))},
		"of the day gone": {Mode: claim.Mode, Operator: claim.Operator, Here: claim.Here, Time: bcd.Time(began.Add(-24 * time.Hour))},
		"of no time":      {Mode: claim.Mode, Operator: claim.Operator, Here: claim.Here, Time: [7]byte{0x20, 0x26, 0x13}},
		"of no mode":      {Mode: 9, Operator: claim.Operator, Here: claim.Here, Time: claim.Time},
	} {
		tap.Before = before.Claim()
		if got, want := table.Check(tap), (fare.Finding{Outcome: fare.AmountDiffers, ExpectedFen: found.ExpectedFen + found.OffFen}); got != want {
			t.Errorf("%s, a claim %s: %+v, want %+v", r.what, name, got, want)
		}
	}
}

func afterInTerminal(s *tariff.Schedule, r *transferred) (uint32, *message.RideBefore, error) {
	table, err := s.At(r.left)
	if err != nil {
		return 0, nil, err
	}
	boarding := tariff.Boarding{Mode: message.Mode_MODE_BUS, Operator: r.operator, City: tunion.ZhengzhouCity, Began: r.left}
	if r.line != 0 {
		return table.RideAfter(r.read, boarding, r.card, r.line)
	}
	boarding.Mode, boarding.Began = message.Mode_MODE_METRO, r.entered
	return table.TripAfter(r.read, boarding, r.card, r.from, r.to, r.left)
}

func afterInTruth(rules *truth.Rules, r *transferred) (int64, error) {
	left := document.MomentOf(r.left)
	prices := rules.Fares(left)
	ridden := truth.Ridden{Metro: r.line == 0, Operator: int(r.operator), Began: r.left.Unix()}
	if r.line != 0 {
		return prices.BusAfter(prices.Transfer(ridden, r.past...), r.card, r.line, prices.Band(left))
	}
	ridden.Began = r.entered.Unix()
	return prices.MetroAfter(prices.Transfer(ridden, r.past...), r.card, int(r.from), int(r.to), r.left.Sub(r.entered), prices.TripBand(document.MomentOf(r.entered), left))
}
