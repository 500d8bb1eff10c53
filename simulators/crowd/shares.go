package crowd

import (
	"fmt"

	"citycard/simulators/city"
)

// Shares says how much goes wrong, each 0 to 1.
type Shares struct {
	Duplicate  float64 // of taps
	OutOfOrder float64 // of taps
	Late       float64 // of cards

	Tampered    float64  // of taps: a copy of which one byte of one field differs
	Fields      []string // that are tampered with; empty for all
	Undecodable float64  // of taps
	Invalid     float64  // of taps

	UnknownTerminal float64 // of bus rides
	WrongClock      float64 // of bus rides
	Foreign         float64 // of cards: each is joined by another city's card for a ride

	CounterGap float64 // of taps
	SAMGap     float64 // of taps

	Hot float64 // of rides, that the hot operator has before the others share the rest
}

// DefaultShares touch about five records in a hundred.
func DefaultShares() Shares {
	return Shares{
		Duplicate: 0.02, OutOfOrder: 0.01, Late: 0.01, Tampered: 0.006, Undecodable: 0.0003, Invalid: 0.0002,
		UnknownTerminal: 0.002, WrongClock: 0.0005, Foreign: 0.005, CounterGap: 0.001, SAMGap: 0.001,
	}
}

// Check refuses shares outside 0 to 1, and fields that a tap has not.
func (s Shares) Check() error {
	for _, v := range []float64{
		s.Duplicate, s.OutOfOrder, s.Late, s.Tampered, s.Undecodable, s.Invalid, s.UnknownTerminal, s.WrongClock, s.Foreign,
		s.CounterGap, s.SAMGap, s.Hot,
	} {
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("share of a fault is %g, want 0 to 1", v)
		}
	}
	return city.CheckFields(s.Fields)
}
