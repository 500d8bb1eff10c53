package fare

import (
	"strings"
	"testing"

	"citycard/clearing/message"
)

// BenchmarkCheck prices the exit of a trip, and a ride by bus, without bands, with them, and
// after a ride from which a transfer leads.
func BenchmarkCheck(b *testing.B) {
	transfers := `"cards": [`
	connected := strings.ReplaceAll(string(ExampleJSON()), transfers, `"transfers": [
		{"name": "in", "from": {"mode": "bus"}, "to": {"mode": "metro"}, "minutes": 90, "repeat": "once", "off_fen": 50, "floor_fen": 0, "bearer": "city", "apply": "terminal", "source": "invented"},
		{"name": "on", "from": {"mode": "bus"}, "to": {"mode": "bus"}, "minutes": 90, "repeat": "chained", "off": "0.5", "floor_fen": 0, "bearer": "city", "apply": "terminal", "source": "invented"}],
		`+transfers)
	for name, text := range map[string]string{"plain": string(ExampleJSON()), "banded": banded(b), "connected": connected} {
		b.Run(name, func(b *testing.B) { benchmarkCheck(b, text) })
	}
}

func benchmarkCheck(b *testing.B, text string) {
	rules, err := LoadRules([]byte(text))
	if err != nil {
		b.Fatal(err)
	}
	networks, err := LoadNetworks(ExampleNetworkJSON())
	if err != nil {
		b.Fatal(err)
	}
	tables, err := Build(rules, networks, always(), purse, &message.DayKinds{First: "20260105", Kinds: []byte{1}})
	if err != nil {
		b.Fatal(err)
	}
	table := tables.All()[0]
	var before *message.RideBefore
	if len(table.Message().GetTransfers()) > 0 {
		before = &message.RideBefore{Mode: message.Mode_MODE_BUS, Time: []byte{0x20, 0x26, 1, 5, 7, 0x30, 0}}
	}
	for name, tap := range map[string]*message.Tap{
		"metro": {
			Debit: &message.Debit{AmountFen: 190, Time: []byte{0x20, 0x26, 1, 5, 8, 0x20, 0}}, CardType: 1, Station: 2, EntryStation: 1, Before: before,
			Mode: message.Mode_MODE_METRO, Movement: message.Movement_MOVEMENT_EXIT, EntryTime: []byte{0x20, 0x26, 1, 5, 8, 0, 0},
		},
		"bus": {
			Debit: &message.Debit{AmountFen: 80, Time: []byte{0x20, 0x26, 1, 5, 8, 0x20, 0}}, CardType: 1, Line: 1, Before: before,
			Mode: message.Mode_MODE_BUS, Movement: message.Movement_MOVEMENT_SINGLE,
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.Check(tap)
			}
		})
	}
}
