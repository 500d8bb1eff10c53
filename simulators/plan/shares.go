package plan

import (
	"slices"
	"strings"

	"citycard/clearing/message"
	"citycard/language"
	"citycard/simulators/forgery"
)

// Shares says how often faults occur: each field is the share, 0 to 1, of the taps, cards or other
// items that have the fault.
type Shares struct {
	Duplicate  float64 // of taps, loads and claims
	OutOfOrder float64 // of taps
	Late       float64 // of cards

	Tampered float64  // of taps and loads: a copy of which one byte of one field differs
	Fields   []string // that are tampered with; empty for all

	Undecodable     float64 // of taps
	Invalid         float64 // of taps
	UnknownTerminal float64 // of bus rides
	WrongClock      float64 // of bus rides
	Foreign         float64 // of cards: for each, another city's card also takes a ride

	Torn    float64 // chips: of bus rides: the card has paid, and its TAC comes late or never
	Claim   float64 // chips: of claims, for each fault: unknown hospital, amounts that disagree
	Pension float64 // chips: of pension lines, for each fault: other amount, not entitled, returned

	CounterGap float64 // arithmetic: of taps
	SAMGap     float64 // arithmetic: of taps
	Hot        float64 // arithmetic: of rides that the hot operator gets; all operators share the rest
}

// DefaultShares are the shares of a demonstration: of 200,000 records about 3,000
// are touched.
func DefaultShares() Shares {
	return Shares{
		Duplicate: 0.004, OutOfOrder: 0.01, Late: 0.03,
		Tampered:    0.003,
		Undecodable: 0.0003, Invalid: 0.0002, UnknownTerminal: 0.002, WrongClock: 0.0005, Foreign: 0.002, Torn: 0.001,
		Claim: 0.005, Pension: 0.005, CounterGap: 0.001, SAMGap: 0.001,
	}
}

// Check refuses shares outside 0 to 1, and fields that neither taps nor loads have.
func (s *Shares) Check() error {
	for _, v := range []float64{
		s.Duplicate, s.OutOfOrder, s.Late, s.Tampered, s.Undecodable, s.Invalid, s.UnknownTerminal, s.WrongClock, s.Foreign,
		s.Torn, s.Claim, s.Pension, s.CounterGap, s.SAMGap, s.Hot,
	} {
		if !(v >= 0 && v <= 1) {
			return language.Textf("share of a fault is %g, want 0 to 1", v)
		}
	}
	known := append(forgery.Fields(&message.Tap{}), forgery.Fields(&message.Load{})...)
	for _, f := range s.Fields {
		if !slices.Contains(known, f) {
			return language.Textf("no field %q can be tampered with, want some of %s", f, strings.Join(known, " "))
		}
	}
	return nil
}
