package fare

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/clearing/rulefile"
	"citycard/ledger"
)

// purse holds 1000.00 yuan at most, as the example rules have it.
func purse(rulefile.Moment) ledger.Fen { return 100_000 }

// always is a rule of purses that never changes.
func always() []rulefile.Term { return []rulefile.Term{{Last: rulefile.Endless}} }

// TestBuildWithinThePurse builds the example over a city whose longest trip of 30 km costs
// 500 fen and whose dearest bus costs 200: a purse of 500 may pay all of it, one of 499
// may not.
func TestBuildWithinThePurse(t *testing.T) {
	for fen, want := range map[ledger.Fen]string{500: "", 499: "highest fare 500 fen over network test-1, want at most 499"} {
		_, err := Build(exampleRules(t), cityNetwork(t), always(), func(rulefile.Moment) ledger.Fen { return fen }, nil)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("a purse of %d: %v, want %q", fen, err, want)
		}
	}
	buses := only(&Network{BusLines: []uint32{7, 501}})
	for fen, want := range map[ledger.Fen]string{200: "", 199: " costs 200 fen, want at most 199"} {
		_, err := Build(exampleRules(t), buses, always(), func(rulefile.Moment) ledger.Fen { return fen }, nil)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("a purse of %d: %v, want %q", fen, err, want)
		}
	}
}

// TestStoredTableWithinThePurse reads tables of which one price is above what the table
// says a purse may hold. Their hash fits: the one who made them meant it.
func TestStoredTableWithinThePurse(t *testing.T) {
	for name, c := range map[string]struct {
		alter func(*message.FareTable)
		want  string
	}{
		"at the bound":       {func(f *message.FareTable) { f.MaximumFen = 500 }, ""},
		"below a price":      {func(f *message.FareTable) { f.MaximumFen = 499 }, "fares[0]: a price of 500 fen, want at most 499"},
		"none":               {func(f *message.FareTable) { f.MaximumFen = 0 }, "want at most 0"},
		"metro price":        {func(f *message.FareTable) { f.Fares[1].Prices[0].MetroFen[3] = 100_001 }, "fares[1]: a price of 100001 fen"},
		"metro, at bound":    {func(f *message.FareTable) { f.Fares[1].Prices[0].MetroFen[3] = 100_000 }, ""},
		"bus price":          {func(f *message.FareTable) { f.Fares[2].Prices[0].Bus[1].Fen = 4_000_000_000 }, "fares[2]: a price of 4000000000 fen"},
		"highest metro fare": {func(f *message.FareTable) { f.Fares[0].MetroHighestFen = 100_001 }, "fares[0]: a price of 100001 fen"},
	} {
		fares := proto.CloneOf(cityTable(t).Message())
		c.alter(fares)
		name0, _, _ := strings.Cut(fares.GetVersion(), "+")
		fares.Version = name0 + "+test-1+" + contentHash(fares)
		_, err := newTable(fares)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	altered := proto.CloneOf(cityTable(t).Message())
	altered.MaximumFen++
	if _, err := newTable(altered); err == nil || !strings.Contains(err.Error(), "version") {
		t.Errorf("a table with another maximum under the same version: %v", err)
	}
}

// TestPursesShareFullPrices builds tables of a long line with two terms of purses. The allocations
// for its full prices are made once.
func TestPursesShareFullPrices(t *testing.T) {
	n := &Network{Lines: []Line{{Number: 1}}}
	for number := uint32(1); number <= 60; number++ {
		n.Stations = append(n.Stations, Station{Number: number})
		n.Lines[0].Stops = append(n.Lines[0].Stops, Stop{Station: number, Metres: 1000})
	}
	rules, networks := exampleRules(t), only(n)
	allocations := func(purses ...rulefile.Term) float64 {
		return testing.AllocsPerRun(1, func() {
			tables, err := Build(rules, networks, purses, purse, nil)
			if err != nil || len(tables.All()) != len(purses) {
				t.Fatal(err)
			}
		})
	}
	noon := rulefile.StartOf(20260105) + 12_00_00
	one, two := allocations(always()...), allocations(rulefile.Term{Last: noon - 1}, rulefile.Term{First: noon, Last: rulefile.Endless})
	full := testing.AllocsPerRun(1, func() { rules.versions[0].Metro.fullPrices(n) })
	if full < 1000 || 2*one-two < 0.9*full {
		t.Errorf("%v allocations with one term, %v with two, %v of them for full prices", one, two, full)
	}
}
