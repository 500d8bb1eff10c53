package tariff_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"citycard/clearing/message"
	"citycard/terminals/tariff"
)

func published() *message.FareTable {
	return &message.FareTable{
		Version: "v1", EffectiveFrom: "20260101000000", MetroStations: 2, MetroClass: []byte{0, 1, 2, 3}, MetroLimitMinutes: 60, MaximumFen: 900,
		Fares: []*message.CardFares{{CardType: 1, MetroHighestFen: 900, Prices: []*message.Prices{{MetroFen: []uint32{200, 300, 350, 210}, Bus: []*message.BusFare{{Line: 7, Fen: 190}}}}}},
	}
}

func TestPrices(t *testing.T) {
	table, err := tariff.New(published())
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		entry, exit uint32
		took        time.Duration
		want        uint32
	}{{1, 1, 0, 200}, {1, 2, time.Hour, 300}, {2, 1, 0, 350}, {2, 2, 0, 210}, {1, 2, time.Hour + time.Second, 900}} {
		if fen, err := table.Metro(1, test.entry, test.exit, noon, noon.Add(test.took)); err != nil || fen != test.want {
			t.Errorf("%+v: %d fen, %v", test, fen, err)
		}
	}
	for exit, want := range map[uint32]uint32{1: 200, 2: 210} {
		if fen, err := table.Lowest(1, exit, noon); err != nil || fen != want {
			t.Errorf("lowest to station %d: %d fen, %v, want %d", exit, fen, err, want)
		}
	}
	if fen, err := table.Bus(1, 7, noon); err != nil || fen != 190 {
		t.Errorf("bus: %d, %v", fen, err)
	}
	for name, price := range map[string]func() (uint32, error){
		"station 0":    func() (uint32, error) { return table.Metro(1, 0, 1, noon, noon) },
		"lowest to 3":  func() (uint32, error) { return table.Lowest(1, 3, noon) },
		"lowest of 2":  func() (uint32, error) { return table.Lowest(2, 1, noon) },
		"station 3":    func() (uint32, error) { return table.Metro(1, 1, 3, noon, noon) },
		"card type 2":  func() (uint32, error) { return table.Metro(2, 1, 1, noon, noon) },
		"type, bus":    func() (uint32, error) { return table.Bus(2, 7, noon) },
		"bus line 8":   func() (uint32, error) { return table.Bus(1, 8, noon) },
		"type, at all": func() (uint32, error) { return table.Highest(2) },
	} {
		if fen, err := price(); !errors.Is(err, tariff.ErrNoFare) {
			t.Errorf("%s: %d fen, %v; want ErrNoFare", name, fen, err)
		}
	}
}

// bands gives a table bands, with the usual prices in each.
func bands(all ...*message.Band) func(*message.FareTable) {
	return func(m *message.FareTable) {
		m.Bands = all
		for range all {
			m.Fares[0].Prices = append(m.Fares[0].Prices, m.Fares[0].Prices[0])
		}
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		want  string
		spoil func(*message.FareTable)
	}{
		{"no version", func(m *message.FareTable) { m.Version = "" }},
		{`begins at "20260101", want YYYYMMDDhhmmss`, func(m *message.FareTable) { m.EffectiveFrom = "20260101" }},
		{`begins at "20260101000000.5"`, func(m *message.FareTable) { m.EffectiveFrom = "20260101000000.5" }},
		{`begins at "20261301000000"`, func(m *message.FareTable) { m.EffectiveFrom = "20261301000000" }},
		{`begins at ""`, func(m *message.FareTable) { m.EffectiveFrom = "" }},
		{"no card type", func(m *message.FareTable) { m.Fares = nil }},
		{"at most 512", func(m *message.FareTable) { m.MetroStations = 513 }},
		{"3 metro prices, want 2 × 2", func(m *message.FareTable) { m.MetroClass = m.MetroClass[:3] }},
		{"3 different metro prices, want 4", func(m *message.FareTable) { m.Fares[0].Prices[0].MetroFen = m.Fares[0].Prices[0].MetroFen[:3] }},
		{"prices of 0 times of day, want 1", func(m *message.FareTable) { m.Fares[0].Prices = nil }},
		{"card type 1 stands twice", func(m *message.FareTable) { m.Fares = append(m.Fares, m.Fares[0]) }},
		{"a price of 901 fen, more than the 900", func(m *message.FareTable) { m.Fares[0].Prices[0].MetroFen[2] = 901 }},
		{"a price of 901 fen, more than the 900", func(m *message.FareTable) { m.Fares[0].MetroHighestFen = 901 }},
		{"a price of 4000000000 fen, more than the 900", func(m *message.FareTable) { m.Fares[0].Prices[0].Bus[0].Fen = 4_000_000_000 }},
		{"a price of 900 fen, more than the 0", func(m *message.FareTable) { m.MaximumFen = 0 }},
		{"line 7 stands twice", func(m *message.FareTable) { in := m.Fares[0].Prices[0]; in.Bus = append(in.Bus, in.Bus[0]) }},
		{`band "" is from minute 0 to 60, want a name`, bands(&message.Band{ToMinute: 60})},
		{`band "late" is from minute 1400 to 1441, want`, bands(&message.Band{Name: "late", FromMinute: 1400, ToMinute: 1441})},
		{`band "none" is from minute 60 to 60, want`, bands(&message.Band{Name: "none", FromMinute: 60, ToMinute: 60})},
		{`band "odd" is on days of kind 4, want 1 to 3`, bands(&message.Band{Name: "odd", ToMinute: 60, Days: []message.DayKind{4}})},
		{`band "twice" is on days of kind 1 twice`, bands(&message.Band{Name: "twice", ToMinute: 60, Days: []message.DayKind{1, 1}})},
		{`bands "a" and "b" overlap`, bands(&message.Band{Name: "a", ToMinute: 60}, &message.Band{Name: "b", FromMinute: 59, ToMinute: 70})},
		{`bands "a" and "a" overlap, or have one name`, bands(&message.Band{Name: "a", ToMinute: 60}, &message.Band{Name: "a", FromMinute: 60, ToMinute: 70})},
		{"101 bands, want at most 100", bands(make([]*message.Band, 101)...)},
		{"bus lines at some times of day are others", func(m *message.FareTable) {
			bands(&message.Band{Name: "a", ToMinute: 60})(m)
			m.Fares[0].Prices[1] = &message.Prices{MetroFen: m.Fares[0].Prices[0].MetroFen}
		}},
	}
	for _, test := range tests {
		m := published()
		test.spoil(m)
		if _, err := tariff.New(m); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}
