package plan

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/simulators/forgery"
	"citycard/simulators/truth"
)

// Copy is what a letter about a record is.
type Copy uint8

// Copies. All but Original and Again differ from the record.
const (
	Original    Copy = iota
	Again            // the same bytes
	Undecodable      // no message
	Invalid          // a field of impossible length
	Altered          // one byte of one field is another
)

// Loads are those that befall loads.
func (s *Shares) Loads() Shares {
	return Shares{Duplicate: s.Duplicate, Tampered: s.Tampered, Fields: s.Fields}
}

// Claims are those that befall claims.
func (s *Shares) Claims() Shares { return Shares{Duplicate: s.Duplicate} }

// Wait draws how many other letters go before those of a record; 0 for most.
func (s *Shares) Wait(d Dice) int {
	if !d.Chance(s.OutOfOrder) {
		return 0
	}
	return Between(d, 5, 80)
}

// Copies draws which letters are sent about a record, in order: itself, and now and then spoilt
// copies beside it. forge makes the altered one and reports false where none can be made.
func (s *Shares) Copies(d Dice, forge func() bool, send func(Copy)) {
	altered := d.Chance(s.Tampered) && forge()
	before := altered && d.Below(2) == 0
	if before {
		send(Altered)
	}
	send(Original)
	if altered && !before {
		send(Altered)
	}
	if d.Chance(s.Invalid) {
		send(Invalid)
	}
	if d.Chance(s.Undecodable) {
		send(Undecodable)
	}
}

// Mark names what was done to a record, and what clearing must find of it. Forge does it for an
// altered one.
func (c Copy) Mark(e *truth.Entry) {
	switch c {
	case Again:
		e.Fault = "duplicate"
	case Invalid:
		e.Fault, e.Facts = "invalid_field", truth.Facts{Invalid: true}
	case Undecodable:
		e.Fault, e.Facts = "undecodable", truth.Facts{Broken: true}
	}
}

// Forge makes of a tap's or load's entry that of a copy of which one byte of one field is another.
// ok is false where the message has none of the fields that are tampered with, or where nobody
// here can say what the copy is.
func (s *Shares) Forge(d Dice, e truth.Entry, m proto.Message) (forged truth.Entry, ok bool, err error) {
	places := forgery.Places(m, s.Fields)
	if len(places) == 0 {
		return e, false, nil
	}
	place := places[d.Below(len(places))]
	m, now, err := forgery.Altered(m, place, byte(Between(d, 1, 0x7F)))
	if err != nil {
		return e, false, fmt.Errorf("forge a %s: %w", e.Topic, err)
	}
	forged = e
	if forged.Facts, ok, err = e.Facts.Altered(e.Topic, place.Field, place.Byte, now); err != nil || !ok {
		return e, false, err
	}
	forged.Fault = "tampered_" + place.String()
	if tap, is := m.(*message.Tap); is {
		forged.Fen, forged.Signed = int64(tap.GetDebit().GetAmountFen()), Signed(tap, forged.Facts.Foreign)
		// A metro record of 0 fen is an entry where it says that it is one, which nothing signs.
		if enters := tap.GetMovement() == message.Movement_MOVEMENT_ENTRY; forged.Fen == 0 && e.Purpose == truth.MetroEntry && !enters {
			forged.Purpose = truth.MetroExit
		} else if forged.Fen == 0 && e.Purpose == truth.MetroExit && enters {
			forged.Purpose = truth.MetroEntry
		}
	}
	forged.Value, err = Encode(m)
	return forged, err == nil, err
}

// Signed is what the card signed of a tap beside its key.
func Signed(m *message.Tap, foreign bool) []byte {
	d := m.GetDebit()
	return truth.SignedTap(d.GetAmountFen(), d.GetTime(), d.GetTac(), foreign)
}

// Encode gives a message the bytes that are sent.
func Encode(m proto.Message) ([]byte, error) {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", m, err)
	}
	return value, nil
}
