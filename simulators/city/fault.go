package city

import (
	"fmt"
	"math/rand/v2"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/simulators/truth"
)

// Shares says how much goes wrong: each the share of taps, rides, cards or
// persons that the fault befalls, 0 to 1.
type Shares struct {
	Duplicate  float64 // of taps, loads and claims
	OutOfOrder float64 // of taps
	Late       float64 // of cards

	Amount  float64 // of taps, each
	TAC     float64 // of taps and loads
	Counter float64
	Balance float64
	Station float64

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
		Amount: 0.0005, TAC: 0.0005, Counter: 0.0005, Balance: 0.0005, Station: 0.0005,
		Undecodable: 0.0003, Invalid: 0.0002, UnknownTerminal: 0.002, WrongClock: 0.0005, Foreign: 0.002,
		Claim: 0.005, Pension: 0.005,
	}
}

// Check refuses shares outside 0 to 1.
func (s Shares) Check() error {
	for _, v := range []float64{
		s.Duplicate, s.OutOfOrder, s.Late, s.Amount, s.TAC, s.Counter, s.Balance, s.Station,
		s.Undecodable, s.Invalid, s.UnknownTerminal, s.WrongClock, s.Foreign, s.Claim, s.Pension,
	} {
		if !(v >= 0 && v <= 1) {
			return fmt.Errorf("share of a fault is %g, want 0 to 1", v)
		}
	}
	return nil
}

// spoil is a way to make another record of a tap.
type spoil struct {
	fault  string
	share  float64
	signed bool // the TAC covers what is changed
	change func(*message.Tap)
}

func (s Shares) spoils() []spoil {
	return []spoil{
		{"tampered_amount", s.Amount, true, func(m *message.Tap) { m.Debit.AmountFen += 100 }},
		{"tampered_tac", s.TAC, true, func(m *message.Tap) { m.Debit.Tac[0] ^= 0x01 }},
		{"tampered_counter", s.Counter, false, func(m *message.Tap) { m.CardCounter += 7 }},
		{"tampered_balance", s.Balance, false, func(m *message.Tap) { m.BalanceFen += 5_000 }},
		{"tampered_station", s.Station, false, func(m *message.Tap) { m.Station += 3 }},
	}
}

// encode gives a message the bytes that are sent.
func encode(m proto.Message) ([]byte, error) {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("city: encode %T: %w", m, err)
	}
	return value, nil
}

// spoiled gives the tap's letter and, now and then, altered copies beside it. A
// copy with altered unsigned fields comes before or after the original by chance.
func (s Shares) spoiled(r *rand.Rand, original letter, m *message.Tap) ([]letter, error) {
	out := []letter{original}
	for _, way := range s.spoils() {
		if !chance(r, way.share) {
			continue
		}
		c := proto.CloneOf(m)
		way.change(c)
		value, err := encode(c)
		if err != nil {
			return nil, err
		}
		l := original
		l.entry.Value, l.entry.Fault, l.entry.Fen = value, way.fault, int64(c.GetDebit().GetAmountFen())
		l.entry.Facts.Forged = way.signed
		if r.IntN(2) == 0 {
			out = append([]letter{l}, out...)
		} else {
			out = append(out, l)
		}
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
