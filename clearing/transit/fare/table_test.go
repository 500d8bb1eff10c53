package fare

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"citycard/clearing/message"
	"citycard/clearing/rulefile"
	"citycard/ledger"
)

func cityTable(t testing.TB) *Table {
	t.Helper()
	tables, err := Build(exampleRules(t), cityNetwork(t), always(), purse, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tables.All()[0]
}

func TestBuild(t *testing.T) {
	table := cityTable(t)
	for _, c := range []struct {
		card, entry, exit uint32
		fen               int64
	}{
		{1, 1, 2, 190}, // 5 km: 200 * 0.95
		{2, 1, 2, 100}, // 200 * 0.50
		{1, 1, 3, 285}, // 9 km: 300 * 0.95
		{1, 1, 4, 285}, // 10 km by way of 5, not 13.001 km
		{2, 1, 4, 150}, // 300 * 0.50
		{1, 4, 6, 380}, // 20 km: 400 * 0.95
		{1, 6, 1, 475}, // 30 km: 500 * 0.95
		{3, 6, 1, 475}, // as ordinary
		{1, 3, 3, 190}, // out where one came in
	} {
		if got, ok := table.Metro(c.card, c.entry, c.exit, 0); !ok || got != c.fen {
			t.Errorf("card type %d from %d to %d: %d %t, want %d", c.card, c.entry, c.exit, got, ok, c.fen)
		}
	}
	for _, c := range []struct {
		card, line uint32
		fen        int64
	}{
		{1, 7, 80},    // 100 * 0.80
		{1, 501, 160}, // 200 * 0.80
		{2, 501, 100}, // 200 * 0.50
	} {
		if got, ok := table.Bus(c.card, c.line, 0); !ok || got != c.fen {
			t.Errorf("card type %d on line %d: %d %t, want %d", c.card, c.line, got, ok, c.fen)
		}
	}
	// The dearest pair is 30 km, 500 fen, and the time limit takes no discount.
	if got, ok := table.Highest(2); !ok || got != 500 {
		t.Errorf("highest: %d %t, want 500", got, ok)
	}
	for _, pair := range [][2]uint32{{0, 1}, {1, 0}, {7, 1}, {1, 7}, {1 << 31, 1 << 31}} {
		if _, ok := table.Metro(1, pair[0], pair[1], 0); ok {
			t.Errorf("stations %v have a price", pair)
		}
	}
	if _, ok := table.Metro(9, 1, 1, 0); ok {
		t.Error("card type 9 has a price")
	}
}

// The version is part of stored records: it must not change by accident.
func TestTableVersion(t *testing.T) {
	const want = "zz-2013+test-1+e3483c60"
	if got := cityTable(t).Version(); got != want {
		t.Errorf("version %s, want %s", got, want)
	}
	dearer := exampleRules(t)
	dearer.versions[0].Metro.BaseFen = 201
	tables, err := Build(dearer, cityNetwork(t), always(), purse, nil)
	if err != nil {
		t.Fatal(err)
	}
	if tables.All()[0].Version() == want {
		t.Error("other prices, same version")
	}
}

func TestBuildNeedsAFareForEveryBusLine(t *testing.T) {
	network := cityNetwork(t)
	network.versions[0].BusLines = append(network.versions[0].BusLines, 1000)
	if _, err := Build(exampleRules(t), network, always(), purse, nil); err == nil || !strings.Contains(err.Error(), "no fare for line 1000") {
		t.Errorf("error %v", err)
	}
}

// TestTableOfTheMoment lets fares, network and purses change at three seconds of one night. Each
// table says when it begins, and holds up to the second before the next.
func TestTableOfTheMoment(t *testing.T) {
	text := string(ExampleJSON())
	_, version, _ := strings.Cut(text, `"versions": [`)
	version = version[:strings.LastIndex(version, "]")]
	text = text[:strings.LastIndex(text, "]")] + "," + strings.NewReplacer(`"zz-2013"`, `"zz-2021"`, `"20131223"`, `"2021-01-01T04:00"`).Replace(version) + "]}"
	rules, err := LoadRules([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	_, version, _ = strings.Cut(city, `"versions": [`)
	version = version[:strings.LastIndex(version, "]")]
	text = city[:strings.LastIndex(city, "]")] + "," + strings.NewReplacer(`"test-1"`, `"test-2"`, `"20200101"`, `"2021-01-01T04:00:01"`).Replace(version) + "]}"
	networks, err := LoadNetworks([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	purses := []rulefile.Term{{Last: 20210101_050000}, {First: 20210101_050001, Last: rulefile.Endless}}
	tables, err := Build(rules, networks, purses, func(at rulefile.Moment) ledger.Fen { return 100_000 + ledger.Fen(at/20210101_050001) }, nil)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[rulefile.Moment]struct {
		name, from string
		purse      uint32
	}{
		0:               {"zz-2013+test-1", "20131223000000", 100_000},
		20131222_235959: {"zz-2013+test-1", "20131223000000", 100_000},
		20201231_235960: {"zz-2013+test-1", "20131223000000", 100_000}, // no time of day, but a number
		20210101_035960: {"zz-2013+test-1", "20131223000000", 100_000},
		20210101_035959: {"zz-2013+test-1", "20131223000000", 100_000},
		20210101_040000: {"zz-2021+test-1", "20210101040000", 100_000},
		20210101_040001: {"zz-2021+test-2", "20210101040001", 100_000},
		20210101_050000: {"zz-2021+test-2", "20210101040001", 100_000},
		20210101_050001: {"zz-2021+test-2", "20210101050001", 100_001},
		20990101_000000: {"zz-2021+test-2", "20210101050001", 100_001},
	} {
		table := tables.At(at)
		if m := table.Message(); !strings.HasPrefix(m.GetVersion(), want.name+"+") || m.GetEffectiveFrom() != want.from || m.GetMaximumFen() != want.purse {
			t.Errorf("%s: %s from %s with purses of %d, want %v", at, m.GetVersion(), m.GetEffectiveFrom(), m.GetMaximumFen(), want)
		}
		if again, ok := tables.Version(table.Version()); !ok || again != table {
			t.Errorf("%s is not found by its name", table.Version())
		}
	}
	if got := len(tables.All()); got != 4 {
		t.Errorf("%d tables, want 4", got)
	}
	if _, ok := tables.Version("zz-1999+x+00000000"); ok {
		t.Error("an unknown version is found")
	}
}

// A table survives the wire; one whose prices were altered on it is refused.
func TestStoredTable(t *testing.T) {
	data, err := proto.Marshal(cityTable(t).Message())
	if err != nil {
		t.Fatal(err)
	}
	read := func() *message.FareTable {
		fares := new(message.FareTable)
		if err := proto.Unmarshal(data, fares); err != nil {
			t.Fatal(err)
		}
		return fares
	}
	if _, err := newTable(read()); err != nil {
		t.Errorf("as stored: %v", err)
	}
	for name, c := range map[string]struct {
		alter func(*message.FareTable)
		want  string
	}{
		"metro price":    {func(f *message.FareTable) { f.Fares[0].Prices[0].MetroFen[3]++ }, "version: want it to end in +"},
		"bus price":      {func(f *message.FareTable) { f.Fares[2].Prices[0].Bus[1].Fen = 0 }, "version"},
		"limit":          {func(f *message.FareTable) { f.MetroLimitMinutes = 9000 }, "version"},
		"date":           {func(f *message.FareTable) { f.EffectiveFrom = "20131223000001" }, "version"},
		"a day":          {func(f *message.FareTable) { f.EffectiveFrom = "20131223" }, "effective_from"},
		"bad date":       {func(f *message.FareTable) { f.EffectiveFrom = "yesterday" }, "effective_from"},
		"too few prices": {func(f *message.FareTable) { f.Fares[1].Prices[0].MetroFen = f.Fares[1].Prices[0].MetroFen[1:] }, "fares[1].prices[0].metro_fen: 3 prices, want 4"},
		"type twice":     {func(f *message.FareTable) { f.Fares[1].CardType = 1 }, "fares[1].card_type: 1 again"},
		"line twice":     {func(f *message.FareTable) { f.Fares[0].Prices[0].Bus[1].Line = 7 }, "fares[0].prices[0].bus[1].line: 7 again"},
		"huge":           {func(f *message.FareTable) { f.MetroStations = 1 << 31 }, "metro_stations"},
		"empty":          {func(f *message.FareTable) { f.Fares = nil }, "fares: empty"},
	} {
		fares := read()
		c.alter(fares)
		if _, err := newTable(fares); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
}

func TestTableProperties(t *testing.T) {
	rules := exampleRules(t)
	rapid.Check(t, func(t *rapid.T) {
		network := randomNetwork(t)
		tables, err := Build(rules, only(network), always(), purse, nil)
		if err != nil {
			t.Fatal(err)
		}
		table, n := tables.All()[0], uint32(len(network.Stations))
		for _, card := range []uint32{1, 2, 3} {
			highest, _ := table.Highest(card)
			for entry := uint32(1); entry <= n; entry++ {
				for exit := uint32(1); exit <= n; exit++ {
					there, _ := table.Metro(card, entry, exit, 0)
					back, _ := table.Metro(card, exit, entry, 0)
					if there != back || there <= 0 || there > highest {
						t.Fatalf("card %d, %d to %d: %d, back %d, highest %d", card, entry, exit, there, back, highest)
					}
				}
			}
		}
	})
}
