package city

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/simulators/forgery"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
)

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
func tampered[M proto.Message](s plan.Shares, r dice, original letter, m M) ([]letter, error) {
	if !r.Chance(s.Tampered) {
		return []letter{original}, nil
	}
	places := forgery.Places(m, s.Fields)
	if len(places) == 0 {
		return []letter{original}, nil
	}
	place := places[r.IntN(len(places))]
	c, now, err := forgery.Altered(m, place, byte(plan.Between(r, 1, 0x7F)))
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
func spoiled(s plan.Shares, r dice, original letter, m *message.Tap) ([]letter, error) {
	out, err := tampered(s, r, original, m)
	if err != nil {
		return nil, err
	}
	if r.Chance(s.Invalid) {
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
	if r.Chance(s.Undecodable) {
		l := original
		l.entry.Value, l.entry.Fault, l.entry.Facts = noise(r), "undecodable", truth.Facts{Broken: true}
		out = append(out, l)
	}
	return out, nil
}

// noise is bytes that are no protobuf message: the first asks for wire type 7,
// which does not exist.
func noise(r dice) []byte {
	b := make([]byte, plan.Between(r, 16, 120))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	b[0] |= 0x07
	b[0] &= 0x7F
	return b
}
