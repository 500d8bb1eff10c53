package fare

import (
	"testing"

	"citycard/clearing/message"
)

// BenchmarkCheck prices the exit of a trip, and a ride by bus, without bands and with them.
func BenchmarkCheck(b *testing.B) {
	for name, text := range map[string]string{"plain": string(ExampleJSON()), "banded": banded(b)} {
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
	for name, tap := range map[string]*message.Tap{
		"metro": {
			Debit: &message.Debit{AmountFen: 190, Time: []byte{0x20, 0x26, 1, 5, 8, 0x20, 0}}, CardType: 1, Station: 2, EntryStation: 1,
			Mode: message.Mode_MODE_METRO, Movement: message.Movement_MOVEMENT_EXIT, EntryTime: []byte{0x20, 0x26, 1, 5, 8, 0, 0},
		},
		"bus": {
			Debit: &message.Debit{AmountFen: 80, Time: []byte{0x20, 0x26, 1, 5, 8, 0x20, 0}}, CardType: 1, Line: 1,
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
