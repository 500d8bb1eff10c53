package city

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/simulators/forgery"
	"citycard/simulators/truth"
)

// Shares says how much goes wrong: each the share of taps, rides, cards or
// persons that the fault befalls, 0 to 1.
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
	Foreign         float64 // of cards: each is joined by another city's card for a ride

	Claim   float64 // of claims, each: unknown hospital, amounts that disagree
	Pension float64 // of pension lines, each: other amount, not entitled, returned
}

// DefaultShares are the shares of a demonstration: of 200,000 records about 3,000
// are touched.
func DefaultShares() Shares {
	return Shares{
		Duplicate: 0.004, OutOfOrder: 0.01, Late: 0.03,
		Tampered:    0.003,
		Undecodable: 0.0003, Invalid: 0.0002, UnknownTerminal: 0.002, WrongClock: 0.0005, Foreign: 0.002,
		Claim: 0.005, Pension: 0.005,
	}
}

// Check refuses shares outside 0 to 1.
func (s Shares) Check() error {
	for _, v := range []float64{
		s.Duplicate, s.OutOfOrder, s.Late, s.Tampered, s.Invalid, s.UnknownTerminal, s.WrongClock, s.Foreign, s.Claim, s.Pension,
	} {
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("share of a fault is %g, want 0 to 1", v)
		}
	}
	return CheckFields(s.Fields)
}

// CheckFields refuses fields that neither taps nor loads have.
func CheckFields(fields []string) error {
	known := append(forgery.Fields(&message.Tap{}), forgery.Fields(&message.Load{})...)
	for _, f := range fields {
		if !slices.Contains(known, f) {
			return fmt.Errorf("no field %q can be tampered with, want some of %s", f, strings.Join(known, ", "))
		}
	}
	return nil
}

// encode gives a message the bytes that are sent.
func encode(m proto.Message) ([]byte, error) {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("city: encode %T: %w", m, err)
	}
	return value, nil
}

// tampered gives a record's letter and, now and then, a copy beside it of which one byte of
// one field differs, before or after the original by chance.
func tampered[M proto.Message](s Shares, r *rand.Rand, original letter, m M) ([]letter, error) {
	if !chance(r, s.Tampered) {
		return []letter{original}, nil
	}
	places := forgery.Places(m, s.Fields)
	if len(places) == 0 {
		return []letter{original}, nil
	}
	place := places[r.IntN(len(places))]
	c, now, err := forgery.Altered(m, place, byte(between(r, 1, 0x7F)))
	if err != nil {
		return nil, fmt.Errorf("city: %w", err)
	}
	l := original
	facts, sure, err := l.entry.Facts.Altered(l.entry.Topic, place.Field, place.Byte, now)
	if err != nil || !sure {
		return []letter{original}, err
	}
	if l.entry.Value, err = encode(c); err != nil {
		return nil, err
	}
	l.entry.Facts, l.entry.Fault = facts, "tampered_"+place.String()
	if tap, ok := any(c).(*message.Tap); ok {
		l.entry.Fen, l.entry.Signed = int64(tap.GetDebit().GetAmountFen()), signedTap(tap, facts.Foreign)
	}
	if r.IntN(2) == 0 {
		return []letter{l, original}, nil
	}
	return []letter{original, l}, nil
}

// signedTap is what the card signed of a tap beside its key.
func signedTap(m *message.Tap, foreign bool) []byte {
	d := m.GetDebit()
	return truth.SignedTap(d.GetAmountFen(), d.GetTime(), d.GetTac(), foreign)
}

// spoiled gives the tap's letter and, now and then, altered copies beside it.
func (s Shares) spoiled(r *rand.Rand, original letter, m *message.Tap) ([]letter, error) {
	out, err := tampered(s, r, original, m)
	if err != nil {
		return nil, err
	}
	if chance(r, s.Invalid) {
		c := proto.CloneOf(m)
		c.Debit.Tac = c.Debit.Tac[:3]
		value, err := encode(c)
		if err != nil {
			return nil, err
		}
		l := original
		l.entry.Value, l.entry.Fault, l.entry.Facts = value, "invalid_field", truth.Facts{Invalid: true}
		out = append(out, l)
	}
	if chance(r, s.Undecodable) {
		l := original
		l.entry.Value, l.entry.Fault, l.entry.Facts = noise(r), "undecodable", truth.Facts{Broken: true}
		out = append(out, l)
	}
	return out, nil
}

// noise is bytes that are no protobuf message: the first asks for wire type 7,
// which does not exist.
func noise(r *rand.Rand) []byte {
	b := make([]byte, between(r, 16, 120))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	b[0] |= 0x07
	b[0] &= 0x7F
	return b
}
