package gate_test

import (
	"testing"
	"time"

	"citycard/clearing/message"
	"citycard/terminals/gate"
	"citycard/terminals/station"
	"citycard/terminals/tariff"
	"citycard/terminals/terminalstest"
	"citycard/terminals/validator"
)

// connected are fares with transfers between a bus line and the metro, within 90 minutes: to the
// metro 50 fen off, to buses half, once.
func connected(t *testing.T) *tariff.Schedule {
	t.Helper()
	m := terminalstest.Table("connected", "20260101000000")
	m.Transfers = []*message.Transfer{
		{Name: "in", From: message.Mode_MODE_BUS, To: message.Mode_MODE_METRO, ToOperators: []uint32{1}, Minutes: 90, Once: true, OffFen: 50, FloorFen: 260, Bearer: message.Bearer_BEARER_CITY},
		{Name: "out", From: message.Mode_MODE_METRO, To: message.Mode_MODE_BUS, Minutes: 90, Once: true, Bearer: message.Bearer_BEARER_OPERATOR},
	}
	m.Fares[0].Prices[0].Bus = []*message.BusFare{{Line: 7, Fen: 100}}
	m.Fares[0].Prices[0].Reduced = []*message.Reduced{{}, {Bus: []*message.BusFare{{Line: 7, Fen: 50}}}}
	fares, err := tariff.Of(m)
	must(t, err)
	return fares
}

// TestTransfers: a card goes by bus, by metro, and by bus again. What gates, validators and desks
// take, and claim of the ride before, is what the card shows.
func TestTransfers(t *testing.T) {
	fares := connected(t)
	in, out := gateAt(t, fares, 1, 1), gateAt(t, fares, 2, 3)
	place := terminalstest.Place(1)
	bus, err := validator.New(terminalstest.Module(t, terminalstest.SAM(1, 3)), fares, validator.Place{
		City: place.City, Institution: place.Institution, Operator: 2, Line: 7, Medium: place.Medium,
	})
	must(t, err)
	eight := time.Date(2026, 11, 27, 8, 0, 0, 0, zone)
	for _, test := range []struct {
		name        string
		entry, exit time.Duration // after the bus
		trip, ride  uint32        // what the trip costs, and a bus ten minutes after it
	}{
		{"at once", 0, 20 * time.Minute, 350, 100},
		{"at the last second", 90 * time.Minute, 2 * time.Hour, 350, 100},
		{"a second too late", 90*time.Minute + time.Second, 2 * time.Hour, 400, 50},
		{"past the limit of a trip", time.Minute, 5 * time.Hour, 900, 100},
	} {
		held := terminalstest.Card(t, 5000)
		ride := func(at time.Duration, want uint32) {
			t.Helper()
			tap, err := bus.Ride(t.Context(), held, eight.Add(at))
			must(t, err)
			if fen := tap.GetDebit().GetAmountFen(); fen != want || (tap.GetBefore() != nil) != (want < 100) {
				t.Errorf("%s: a bus takes %d and claims %v, want %d", test.name, fen, tap.GetBefore(), want)
			}
		}
		ride(0, 100)
		entry, err := in.Enter(t.Context(), held, eight.Add(test.entry))
		must(t, err)
		here := station.Here{Place: terminalstest.Place(3), Fares: fares}
		reading := station.Read(t.Context(), held)
		if found := here.Analyse(&reading, station.Inside, eight.Add(test.exit)); found.Fen != test.trip {
			t.Errorf("%s: a desk says %d fen, want %d", test.name, found.Fen, test.trip)
		}
		tap, err := out.Exit(t.Context(), held, eight.Add(test.exit))
		must(t, err)
		before := tap.GetBefore().Ride()
		claims := message.Before{Mode: message.Mode_MODE_BUS, Operator: 2, Here: 1, Time: [7]byte{0x20, 0x26, 0x11, 0x27, 0x08}}
		if test.trip != 350 {
			claims = message.Before{}
		}
		if fen := tap.GetDebit().GetAmountFen(); fen != test.trip || before != claims || entry.GetBefore() != nil {
			t.Errorf("%s: a trip costs %d and claims %v, want %d", test.name, fen, before, test.trip)
		}
		ride(test.exit+10*time.Minute, test.ride)
	}
}

func gateAt(t *testing.T, fares *tariff.Schedule, sam byte, at uint16) *gate.Gate {
	t.Helper()
	g, err := gate.New(terminalstest.Module(t, terminalstest.SAM(1, sam)), fares, terminalstest.Place(at))
	must(t, err)
	return g
}
