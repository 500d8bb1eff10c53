// Package plantest gives tests of the simulators a town and fare tables for it.
package plantest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"citycard/clearing/message"
	"citycard/simulators/document"
	"citycard/simulators/network"
	"citycard/simulators/plan"
	"citycard/terminals/tariff"
)

// Documents are the example documents, and the network of the built-in city; root leads from the
// test's folder to that of the repository.
func Documents(t testing.TB, root string) map[string][]byte {
	t.Helper()
	documents := map[string][]byte{"network.json": network.Zhengzhou()}
	for name, path := range map[string]string{
		"fares.json": "transit/fare/example.json", "loads.json": "transit/load/zhengzhou.json",
		"medical.json": "medical/example.json", "pension.json": "pension/example.json",
	} {
		content, err := os.ReadFile(filepath.Join(root, "clearing", path))
		if err != nil {
			t.Fatal(err)
		}
		documents[name] = content
	}
	return documents
}

// Town is the built-in city under the example documents.
func Town(t testing.TB, root string) *plan.Town {
	t.Helper()
	town, err := plan.NewTown(network.ZhengzhouCity(), Documents(t, root))
	if err != nil {
		t.Fatal(err)
	}
	return town
}

// Fares are fare tables that the truth agrees with: one, called test, from a moment on, and one
// more, called after its moment, for every later change of the town's rules. change may spoil the
// first.
func Fares(t testing.TB, town *plan.Town, from document.Moment, change func(*message.FareTable)) *tariff.Schedule {
	t.Helper()
	tables := []*message.FareTable{table(t, town, "test", from)}
	for _, at := range town.Rules.Changes(from, document.Midnight(9999_12_31)) {
		tables = append(tables, table(t, town, fmt.Sprintf("v%d", at), at))
	}
	if change != nil {
		change(tables[0])
	}
	fares, err := tariff.Of(tables...)
	if err != nil {
		t.Fatal(err)
	}
	return fares
}

func table(t testing.TB, town *plan.Town, version string, at document.Moment) *message.FareTable {
	t.Helper()
	price := func(fen int64, err error) uint32 {
		if err != nil {
			t.Fatal(err)
		}
		return uint32(fen)
	}
	fares := town.Rules.Fares(at)
	m := town.Rules.Maps.At(at)
	n := len(m.Stations)
	out := &message.FareTable{
		Version: version, EffectiveFrom: fmt.Sprintf("%014d", at), MaximumFen: uint32(town.Rules.PurseMaximum(at)), MetroStations: uint32(n), MetroLimitMinutes: uint32(fares.Limit().Minutes()),
	}
	out.Bands, out.MetroByEntry, out.Transfers = fares.Bands(), fares.ByEntry(), fares.Transfers()
	classes := trips(out, n, func(from, to int) uint32 { return price(fares.Metro(uint32(town.Types()[0]), from, to, 0, "")) })
	for _, kind := range town.Types() {
		kind := uint32(kind)
		c := &message.CardFares{CardType: kind}
		for _, band := range append([]*message.Band{{}}, out.Bands...) {
			in := &message.Prices{}
			for _, trip := range classes {
				in.MetroFen = append(in.MetroFen, price(fares.Metro(kind, trip/n+1, trip%n+1, 0, band.GetName())))
			}
			for _, line := range m.Bus {
				in.Bus = append(in.Bus, &message.BusFare{Line: uint32(line), Fen: price(fares.Bus(kind, uint32(line), band.GetName()))})
			}
			for i, transfer := range out.Transfers {
				in.Reduced = append(in.Reduced, reduced(transfer, classes, m.Bus, func(trip int) uint32 {
					return price(fares.MetroAfter(i+1, kind, trip/n+1, trip%n+1, 0, band.GetName()))
				}, func(line int) uint32 { return price(fares.BusAfter(i+1, kind, uint32(line), band.GetName())) }))
			}
			c.Prices = append(c.Prices, in)
		}
		if n > 0 {
			c.MetroHighestFen = price(fares.Metro(kind, 1, 1, fares.Limit()+1, ""))
		}
		out.Fares = append(out.Fares, c)
	}
	return out
}

// reduced is the list of prices after a transfer, where it takes a share off.
func reduced(transfer *message.Transfer, classes, lines []int, trip, ride func(int) uint32) *message.Reduced {
	list := &message.Reduced{}
	switch {
	case !transfer.Listed():
	case transfer.GetTo() == message.Mode_MODE_METRO:
		for _, class := range classes {
			list.MetroFen = append(list.MetroFen, trip(class))
		}
	default:
		for _, line := range lines {
			list.Bus = append(list.Bus, &message.BusFare{Line: uint32(line), Fen: ride(line)})
		}
	}
	return list
}

// trips gives each pair of the n stations of a table its class, and returns the first pair of each
// class. Pairs of one price are in one class; they are of one length in the built-in city's fares.
func trips(table *message.FareTable, n int, price func(from, to int) uint32) (first []int) {
	known := map[uint32]byte{}
	for i := range n * n {
		fen := price(i/n+1, i%n+1)
		if _, ok := known[fen]; !ok {
			known[fen] = byte(len(first))
			first = append(first, i)
		}
		table.MetroClass = append(table.MetroClass, known[fen])
	}
	return first
}
