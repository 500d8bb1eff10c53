package truth

import (
	"strings"
	"testing"
	"time"

	"citycard/clearing/message"
)

func exampleFares(t *testing.T) *Fares {
	t.Helper()
	return exampleRules(t).Fares(20261124_12_00_00)
}

// The public rule, calculated by hand on both sides of every limit.
func TestMetroPriceByDistance(t *testing.T) {
	f := exampleFares(t)
	for metres, want := range map[int]int64{
		0: 200, 1: 200, 6000: 200, 6001: 300, 13000: 300, 13001: 400, 21000: 400,
		21001: 500, 30000: 500, 30001: 600, 39000: 600, 39001: 700,
	} {
		if got := f.version.Metro.price(metres); got != want {
			t.Errorf("%d m cost %d fen, want %d", metres, got, want)
		}
	}
}

func TestMetroTrips(t *testing.T) {
	f := exampleFares(t)
	for _, c := range []struct {
		name        string
		card        uint32
		entry, exit int
		took        time.Duration
		want        int64
	}{
		{"5550 m on line 1", 1, 1, 5, time.Hour, 190},
		{"7150 m on line 1", 1, 1, 6, time.Hour, 285},
		{"student", 2, 1, 6, time.Hour, 150},
		{"back again", 1, 6, 1, time.Hour, 285},
		{"in and out at one station", 1, 9, 9, time.Minute, 190},
		{"1100 + 1600 m over the interchange", 1, 17, 37, time.Hour, 190},
		{"39850 m, the whole of line 1", 1, 1, 30, time.Hour, 665},
		{"180 minutes are in time", 1, 17, 37, 180 * time.Minute, 190},
		{"a second more is not, and has no discount", 1, 17, 37, 180*time.Minute + time.Second, 700},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := f.Metro(c.card, c.entry, c.exit, c.took, ""); err != nil || got != c.want {
				t.Errorf("%d fen (%v), want %d", got, err, c.want)
			}
		})
	}
	if _, err := f.Metro(4, 1, 2, 0, ""); err == nil {
		t.Error("a test card (type 04) has a price")
	}
	if _, err := f.Metro(1, 0, 2, 0, ""); err == nil {
		t.Error("station 0 has a price")
	}
}

func TestBus(t *testing.T) {
	f := exampleFares(t)
	for _, c := range []struct {
		card, line uint32
		want       int64
	}{{1, 401, 80}, {1, 901, 160}, {2, 901, 100}} {
		if got, err := f.Bus(c.card, c.line, ""); err != nil || got != c.want {
			t.Errorf("card type %d on line %d: %d fen (%v), want %d", c.card, c.line, got, err, c.want)
		}
	}
	if _, err := f.Bus(1, 1000, ""); err == nil {
		t.Error("line 1000 has a price")
	}
}

// table builds the fare table that truth agrees with.
func table(t *testing.T, f *Fares) *message.FareTable {
	t.Helper()
	n := len(f.ways)
	out := &message.FareTable{Version: "test", MaximumFen: 100_000, MetroStations: uint32(n), MetroLimitMinutes: 180}
	classes := map[int64]int{}
	var first []int // trip of each class
	for i := range n * n {
		fen, err := f.Metro(1, i/n+1, i%n+1, 0, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, known := classes[fen]; !known {
			classes[fen] = len(first)
			first = append(first, i)
		}
		out.MetroClass = append(out.MetroClass, byte(classes[fen]))
	}
	for _, card := range []uint32{1, 2} {
		c, in := &message.CardFares{CardType: card, MetroHighestFen: 700}, &message.Prices{}
		c.Prices = append(c.Prices, in)
		for _, i := range first {
			fen, err := f.Metro(card, i/n+1, i%n+1, 0, "")
			if err != nil {
				t.Fatal(err)
			}
			in.MetroFen = append(in.MetroFen, uint32(fen))
		}
		for _, line := range f.bus {
			fen, err := f.Bus(card, uint32(line), "")
			if err != nil {
				t.Fatal(err)
			}
			in.Bus = append(in.Bus, &message.BusFare{Line: uint32(line), Fen: uint32(fen)})
		}
		out.Fares = append(out.Fares, c)
	}
	return out
}

func TestCheckTable(t *testing.T) {
	f := exampleFares(t)
	if err := f.CheckTable(table(t, f)); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(*message.FareTable)
		want  string
	}{
		"one metro price":  {func(m *message.FareTable) { m.Fares[1].Prices[0].MetroFen[0]++ }, "card type 02: station 1 to 1"},
		"highest fare":     {func(m *message.FareTable) { m.Fares[0].MetroHighestFen = 665 }, "highest fare 665"},
		"bus price":        {func(m *message.FareTable) { m.Fares[0].Prices[0].Bus[3].Fen = 1 }, "bus line 904"},
		"bus line missing": {func(m *message.FareTable) { m.Fares[0].Prices[0].Bus = m.Fares[0].Prices[0].Bus[1:] }, "bus line 901"},
		"station missing":  {func(m *message.FareTable) { m.MetroStations-- }, "44 stations"},
		"prices missing":   {func(m *message.FareTable) { m.MetroClass = m.MetroClass[1:] }, "2024 metro prices"},
		"limit":            {func(m *message.FareTable) { m.MetroLimitMinutes = 200 }, "200 minutes"},
		"unknown card":     {func(m *message.FareTable) { m.Fares[0].CardType = 9 }, "card type 09"},
		"empty":            {func(m *message.FareTable) { m.Fares = nil }, "no prices"},
	} {
		t.Run(name, func(t *testing.T) {
			m := table(t, f)
			c.spoil(m)
			if err := f.CheckTable(m); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one about %q", err, c.want)
			}
		})
	}
}
