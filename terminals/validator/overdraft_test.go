package validator_test

import (
	"errors"
	"testing"

	"citycard/clearing/message"
	"citycard/terminals/card"
	"citycard/terminals/counter"
	"citycard/terminals/tariff"
	"citycard/terminals/terminalstest"
	"citycard/terminals/validator"
)

// TestRideIntoOverdraft: a bus takes 190 fen, and lets a card go below zero only where the fares
// say it, once.
func TestRideIntoOverdraft(t *testing.T) {
	limited := func(o *counter.TransitOrder) { o.OverdraftFen = 800 }
	for _, test := range []struct {
		name          string
		minimum       uint32
		overdraft     bool
		fen           uint32
		first, second error
		left          int32
	}{
		{"no rule", 0, false, 100, card.ErrInsufficient, card.ErrInsufficient, 100},
		{"100 - 190 = -90, once", 0, true, 100, nil, card.ErrMinimum, -90},
		{"just below the minimum", 200, true, 199, card.ErrMinimum, card.ErrMinimum, 199},
		{"the minimum", 200, true, 200, nil, card.ErrMinimum, 10},
	} {
		table, err := tariff.New(&message.FareTable{
			Version: "1", EffectiveFrom: "20200101000000", MaximumFen: 100_000, BusMinimumFen: test.minimum, BusOverdraft: test.overdraft,
			Fares: []*message.CardFares{{CardType: 1, Prices: []*message.Prices{{Bus: []*message.BusFare{{Line: 901, Fen: 190}}}}}},
		})
		must(t, err)
		schedule := &tariff.Schedule{}
		schedule.Set(nil, table)
		v, err := validator.New(terminalstest.Module(t, terminal), schedule, validator.Place{City: 0x4910, Operator: 3, Line: 901})
		must(t, err)
		held := terminalstest.Card(t, test.fen, limited)
		_, first := v.Ride(t.Context(), held, morning)
		_, second := v.Ride(t.Context(), held, morning)
		if left := held.Describe().Transit.BalanceFen; !errors.Is(first, test.first) || !errors.Is(second, test.second) || left != test.left {
			t.Errorf("%s: %v, then %v, %d fen left; want %+v", test.name, first, second, left, test)
		}
	}
}
