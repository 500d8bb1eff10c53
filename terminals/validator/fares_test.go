package validator_test

import (
	"encoding/hex"
	"errors"
	"testing"
	"time"

	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
	"citycard/terminals/validator"
)

// TestPriceOfTheSignedSecond: a ride in the last second of the old fares costs the old one, and
// that second is what the card signs. The new fares are published while the validator runs. Before
// all fares begin no card is charged.
func TestPriceOfTheSignedSecond(t *testing.T) {
	dated := func(version, from string, fen uint32) *tariff.Table {
		table, err := tariff.New(&message.FareTable{
			Version: version, EffectiveFrom: from, MaximumFen: 100_000,
			Fares: []*message.CardFares{{CardType: 1, Prices: []*message.Prices{{Bus: []*message.BusFare{{Line: 901, Fen: fen}}}}}},
		})
		must(t, err)
		return table
	}
	schedule, old := &tariff.Schedule{}, dated("old", "20261124080000", 190)
	schedule.Set(nil, old)
	psam := chip.NewPSAM(terminal, store.SAMKeys())
	psam.PowerOn()
	module, err := sam.Open(t.Context(), psam)
	must(t, err)
	v, err := validator.New(module, schedule, validator.Place{City: 0x4910, Line: 901})
	must(t, err)
	held := newCard(t, 1000)
	change := time.Date(2026, 11, 25, 4, 0, 0, 0, morning.Location())
	ride := func(at time.Time, signed string, fen uint32, version string) {
		t.Helper()
		tap, err := v.Ride(t.Context(), held, at)
		must(t, err)
		if got := hex.EncodeToString(tap.GetDebit().GetTime()); got != signed || tap.GetDebit().GetAmountFen() != fen || tap.GetFareVersion() != version {
			t.Errorf("at %s: signed %s, %d fen by %s", at, got, tap.GetDebit().GetAmountFen(), tap.GetFareVersion())
		}
	}
	ride(change.Add(-time.Hour), "20261125030000", 190, "old")
	schedule.Set(nil, old, dated("new", "20261125040000", 200))
	ride(change.Add(-time.Nanosecond), "20261125035959", 190, "old")
	ride(change, "20261125040000", 200, "new")
	before := held.Describe().Transit
	if _, err := v.Ride(t.Context(), held, morning.Add(-time.Hour)); !errors.Is(err, tariff.ErrNone) || len(held.Describe().Transit.Log) != len(before.Log) {
		t.Errorf("before all fares: %v", err)
	}
}

// TestBandOfTheRide: the band counts to the second, on days of its kind. The 28th is a restday, and
// the calendar ends with it.
func TestBandOfTheRide(t *testing.T) {
	days, err := message.NewCalendar(&message.DayKinds{First: "20261127", Kinds: []byte{1, 2}})
	must(t, err)
	table, err := tariff.New(&message.FareTable{
		Version: "banded", EffectiveFrom: "20260101000000", MaximumFen: 100_000,
		Bands: []*message.Band{{Name: "night", Days: []message.DayKind{message.DayKind_DAY_KIND_WORKDAY}, FromMinute: 22 * 60, ToMinute: 24 * 60}},
		Fares: []*message.CardFares{{CardType: 1, Prices: []*message.Prices{{Bus: []*message.BusFare{{Line: 901, Fen: 190}}}, {Bus: []*message.BusFare{{Line: 901, Fen: 50}}}}}},
	})
	must(t, err)
	schedule := &tariff.Schedule{}
	schedule.Set(days, table)
	psam := chip.NewPSAM(terminal, store.SAMKeys())
	psam.PowerOn()
	module, err := sam.Open(t.Context(), psam)
	must(t, err)
	v, err := validator.New(module, schedule, validator.Place{City: 0x4910, Line: 901})
	must(t, err)
	held, ten := newCard(t, 1000), time.Date(2026, 11, 27, 22, 0, 0, 0, morning.Location())
	for _, test := range []struct {
		at  time.Time
		fen uint32
	}{
		{ten.Add(-time.Nanosecond), 190},
		{ten, 50},
		{ten.Add(2*time.Hour - time.Nanosecond), 50},
		{ten.Add(2 * time.Hour), 190},
		{ten.AddDate(0, 0, 1), 190},
		{ten.AddDate(0, 0, 2), 190},
	} {
		tap, err := v.Ride(t.Context(), held, test.at)
		must(t, err)
		if fen := tap.GetDebit().GetAmountFen(); fen != test.fen {
			t.Errorf("at %s: it took %d, want %d", test.at, fen, test.fen)
		}
	}
}
