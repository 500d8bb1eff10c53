package fare

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"citycard/clearing/rulefile"
)

// TestEveryPriceHasItsQuote holds every price of the example's table against its explanation.
func TestEveryPriceHasItsQuote(t *testing.T) {
	for name, networks := range map[string]*Networks{"city": cityNetwork(t), "example": exampleNetworks(t)} {
		tables, err := Build(exampleRules(t), networks, always(), purse, nil)
		if err != nil {
			t.Fatal(err)
		}
		prices := 0
		tables.All()[0].each(func(p Price, fen int64) {
			prices++
			ride := Ride{CardType: p.CardType, Line: p.Line, From: p.Entry, To: p.Exit}
			if p.Line == 0 && p.Entry == 0 { // past the time limit, wherever it went
				ride.From, ride.To, ride.Stay = 1, 2, 181*time.Minute
			}
			q, err := tables.Quote(rulefile.StartOf(20260105), ride)
			if err != nil || q.Fen != fen {
				t.Errorf("%s: %+v: quoted %d, %v; the table has %d", name, p, q.Fen, err, fen)
			}
			if ride.Stay > 0 || p.Line != 0 {
				return
			}
			var parts, legs int64
			for _, part := range q.Parts {
				parts += part.Fen
			}
			for _, leg := range q.Way {
				legs += leg.Metres
			}
			if parts != q.FullFen || legs != q.Metres {
				t.Errorf("%s: %+v: parts make %d of %d fen, legs %d of %d metres", name, p, parts, q.FullFen, legs, q.Metres)
			}
		})
		stations := len(networks.versions[0].Stations)
		if want := 3 * (stations*stations + 1 + 2); prices != want {
			t.Errorf("%s: %d prices, want %d", name, prices, want)
		}
	}
}

func exampleNetworks(t testing.TB) *Networks {
	t.Helper()
	networks, err := LoadNetworks(ExampleNetworkJSON())
	if err != nil {
		t.Fatal(err)
	}
	return networks
}

// TestQuote explains a trip over an interchange, worked by hand: from 1 to 6 it is 5000 metres on
// line 1 to station 2, then 2500 + 2500 + 20000 on line 2. 200 fen pay for 6 km, then a begun 7 km
// (to 13), a begun 8 km (to 21), and one begun 9 km (to 30, which is its end) cost 100 each: 500.
// Card type 1 pays 0.95: 475.
func TestQuote(t *testing.T) {
	tables, err := Build(exampleRules(t), cityNetwork(t), always(), purse, nil)
	if err != nil {
		t.Fatal(err)
	}
	q, err := tables.Quote(rulefile.StartOf(20260105), Ride{CardType: 1, From: 1, To: 6, Stay: 40 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, leg := range q.Way {
		words := fmt.Sprintf("line %d:", leg.Line.Number)
		for _, s := range leg.Stations {
			words += fmt.Sprintf(" %d", s.Number)
		}
		said = append(said, fmt.Sprintf("%s, %d m", words, leg.Metres))
	}
	for _, p := range q.Parts {
		said = append(said, fmt.Sprintf("%s-%s m: %d x %d = %d", p.From, p.To, p.Units, p.UnitFen, p.Fen))
	}
	want := []string{
		"line 1: 1 2, 5000 m", "line 2: 2 5 4 6, 25000 m",
		"0-6000 m: 0 x 0 = 200", "6000-13000 m: 1 x 100 = 100", "13000-21000 m: 1 x 100 = 100", "21000-30000 m: 1 x 100 = 100",
	}
	if !slices.Equal(said, want) {
		t.Errorf("said\n%s\nwant\n%s", strings.Join(said, "\n"), strings.Join(want, "\n"))
	}
	if q.FullFen != 500 || q.Share.String() != "0.95" || q.Exact.String() != "475" || q.Fen != 475 || q.Metres != 30000 || q.Trip.Over || q.CardName != "ordinary" {
		t.Errorf("%+v", q)
	}
	// At 180 minutes it is within the limit. Later it costs 500, of which there is no share.
	for minutes, want := range map[time.Duration]int64{180: 190, 181: 500} {
		if q, err := tables.Quote(rulefile.StartOf(20260105), Ride{CardType: 1, From: 3, To: 3, Stay: minutes * time.Minute}); err != nil || q.Fen != want || len(q.Way) != 0 {
			t.Errorf("from a station to itself in %d minutes: %d fen by %v, %v; want %d", minutes, q.Fen, q.Way, err, want)
		}
	}
	for want, ride := range map[error]Ride{
		ErrNoCardType: {CardType: 9, From: 1, To: 2}, ErrNoStation: {CardType: 1, From: 1, To: 7}, ErrNoLine: {CardType: 1, Line: 8},
	} {
		if _, err := tables.Quote(rulefile.StartOf(20260105), ride); !errors.Is(err, want) {
			t.Errorf("%+v: %v, want %v", ride, err, want)
		}
	}
	tables.entries[0].rules.Metro.BaseFen = 300
	if _, err := tables.Quote(rulefile.StartOf(20260105), Ride{CardType: 1, From: 1, To: 2}); !errors.Is(err, errAnotherPrice) {
		t.Errorf("a table of other rules: %v", err)
	}
}

// TestQuoteOverMidnight: at midnight of 1 January 2027 the base fare rises from 200 to 300 fen and
// line 501 from 200 to 300; card type 1 pays 0.95 by metro and 0.80 on buses. A trip has the price
// of the second in which it ends.
func TestQuoteOverMidnight(t *testing.T) {
	text := string(ExampleJSON())
	_, version, _ := strings.Cut(text, `"versions": [`)
	version = version[:strings.LastIndex(version, "]")]
	later := strings.NewReplacer(`"zz-2013"`, `"dearer"`, `"20131223"`, `"20270101"`, `"base_fen": 200`, `"base_fen": 300`, `"last": 999, "fen": 200`, `"last": 999, "fen": 300`)
	rules, err := LoadRules([]byte(text[:strings.LastIndex(text, "]")] + "," + later.Replace(version) + "]}"))
	if err != nil {
		t.Fatal(err)
	}
	tables, err := Build(rules, exampleNetworks(t), always(), purse, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		at    rulefile.Moment
		ride  Ride
		fares string
		fen   int64
	}{
		{2026_12_31_23_30_00, Ride{CardType: 1, From: 1, To: 2}, "zz-2013", 190},
		{2026_12_31_23_30_00, Ride{CardType: 1, From: 1, To: 2, Stay: 29 * time.Minute}, "zz-2013", 190},
		{2026_12_31_23_30_00, Ride{CardType: 1, From: 1, To: 2, Stay: 30 * time.Minute}, "dearer", 285},
		{2026_12_31_23_59_59, Ride{CardType: 1, Line: 501}, "zz-2013", 160},
		{2027_01_01_00_00_00, Ride{CardType: 1, Line: 501}, "dearer", 240},
		{0, Ride{CardType: 1, From: 1, To: 2, Stay: time.Minute}, "zz-2013", 190},
		{rulefile.Endless, Ride{CardType: 1, From: 1, To: 2, Stay: time.Minute}, "dearer", 285},
	} {
		if q, err := tables.Quote(test.at, test.ride); err != nil || !strings.HasPrefix(q.Fares, test.fares+"+") || q.Fen != test.fen {
			t.Errorf("%s, %+v: %d fen by %s, %v; want %d by %s", test.at, test.ride, q.Fen, q.Fares, err, test.fen, test.fares)
		}
	}
}
