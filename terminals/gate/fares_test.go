package gate_test

import (
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/terminals/gate"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
	"citycard/terminals/terminalstest"
)

// dated are fares of one price that begin at a second.
func dated(version, from string, fen uint32) *message.FareTable {
	return &message.FareTable{
		Version: version, EffectiveFrom: from, MaximumFen: 100_000, MetroStations: 2, MetroClass: []byte{0, 1, 2, 3}, MetroLimitMinutes: 240,
		Fares: []*message.CardFares{{CardType: 1, MetroHighestFen: 900, Prices: []*message.Prices{{MetroFen: []uint32{fen, fen, fen, fen}}}}},
	}
}

// TestPriceOfTheSignedSecond: a card that leaves in the last second of the old fares pays the old
// one, and that second is what it signs; one that leaves in the next second pays the new one,
// whenever it entered. Before all fares begin no card is charged.
func TestPriceOfTheSignedSecond(t *testing.T) {
	schedule, err := tariff.Of(dated("old", "20261124080000", 300), dated("new", "20261125040000", 500))
	must(t, err)
	at := func(number [6]byte, station uint16) *gate.Gate {
		psam := chip.NewPSAM(number, store.SAMKeys())
		psam.PowerOn()
		module, err := sam.Open(t.Context(), psam)
		must(t, err)
		g, err := gate.New(module, schedule, gate.Place{City: 0x4910, Line: 1, Station: station})
		must(t, err)
		return g
	}
	in, out := at(terminal, 1), at(terminal2, 2)
	change := time.Date(2026, 11, 25, 4, 0, 0, 0, zone)
	for _, test := range []struct {
		exit    time.Time
		signed  string
		fen     uint32
		version string
	}{
		{change.Add(-time.Millisecond), "20261125035959", 300, "old"},
		{change, "20261125040000", 500, "new"},
		{change.Add(999 * time.Millisecond), "20261125040000", 500, "new"},
	} {
		held := terminalstest.Card(t, 1000)
		entry, err := in.Enter(t.Context(), held, change.Add(-10*time.Minute))
		must(t, err)
		tap, err := out.Exit(t.Context(), held, test.exit)
		must(t, err)
		signed := hex.EncodeToString(tap.GetDebit().GetTime())
		if signed != test.signed || tap.GetDebit().GetAmountFen() != test.fen || tap.GetFareVersion() != test.version || entry.GetFareVersion() != "old" {
			t.Errorf("at %s: signed %s, %d fen by %s; want %+v", test.exit, signed, tap.GetDebit().GetAmountFen(), tap.GetFareVersion(), test)
		}
	}
	held := terminalstest.Card(t, 1000)
	before, early := held.Describe().Transit, time.Date(2026, 11, 24, 7, 59, 59, 0, zone)
	_, entering := in.Enter(t.Context(), held, early)
	_, leaving := out.Exit(t.Context(), held, early)
	if !errors.Is(entering, tariff.ErrNone) || !errors.Is(leaving, tariff.ErrNone) || held.Describe().Transit.OfflineSequence != before.OfflineSequence {
		t.Errorf("before all fares: %v, %v", entering, leaving)
	}
}

// TestBandOfTheTrip: a trip goes by the second of its entry, or by that of its exit, on a workday;
// the 28th is none.
func TestBandOfTheTrip(t *testing.T) {
	days, err := message.NewCalendar(&message.DayKinds{First: "20261127", Kinds: []byte{1, 2}})
	must(t, err)
	for _, test := range []struct {
		byEntry bool
		day     int
		in, out time.Duration // since seven
		fen     uint32
	}{
		{true, 27, -time.Nanosecond, time.Hour, 300},
		{true, 27, 0, 3 * time.Hour, 400},
		{true, 27, 2*time.Hour - time.Nanosecond, 3 * time.Hour, 400},
		{true, 27, 2 * time.Hour, 3 * time.Hour, 300},
		{true, 28, 0, time.Hour, 300},
		{false, 27, -time.Hour, -time.Nanosecond, 300},
		{false, 27, -time.Hour, 0, 400},
		{false, 27, time.Hour, 2 * time.Hour, 300},
		{false, 28, time.Hour, time.Hour + time.Minute, 300},
	} {
		m := dated("banded", "20260101000000", 300)
		m.MetroByEntry = test.byEntry
		m.Bands = []*message.Band{{Name: "morning", Days: []message.DayKind{message.DayKind_DAY_KIND_WORKDAY}, FromMinute: 7 * 60, ToMinute: 9 * 60}}
		m.Fares[0].Prices = append(m.Fares[0].Prices, &message.Prices{MetroFen: []uint32{400, 400, 400, 400}})
		table, err := tariff.New(m)
		must(t, err)
		schedule := new(tariff.Schedule)
		schedule.Set(days, table)
		at := func(number [6]byte, station uint16) *gate.Gate {
			g, err := gate.New(terminalstest.Module(t, number), schedule, terminalstest.Place(station))
			must(t, err)
			return g
		}
		held, seven := terminalstest.Card(t, 1000), time.Date(2026, 11, test.day, 7, 0, 0, 0, zone)
		_, err = at(terminalstest.SAM(1, 1), 1).Enter(t.Context(), held, seven.Add(test.in))
		must(t, err)
		tap, err := at(terminalstest.SAM(1, 2), 2).Exit(t.Context(), held, seven.Add(test.out))
		must(t, err)
		if fen := tap.GetDebit().GetAmountFen(); fen != test.fen {
			t.Errorf("%+v: it took %d", test, fen)
		}
	}
}
