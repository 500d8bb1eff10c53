package message

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/bcd"
	"citycard/cardos/purse"
)

// Lengths of a debit's fields, in bytes.
const (
	cardLen        = 10
	issuerLen      = 8
	terminalLen    = 6
	sequenceLen    = 4
	intentKeyLen   = cardLen + terminalLen + sequenceLen
	maxCardCounter = 0xFFFF
)

// IntentKey is the key of an intent, on the topic and in a lane's outbox: the card's number, the
// SAM's number and its sequence, 20 bytes. No two debits have the same. The debit's fields must
// have their lengths.
func IntentKey(d *Debit) []byte {
	key := make([]byte, 0, intentKeyLen)
	key = append(append(key, d.GetCard()...), d.GetTerminal()...)
	s := d.GetTerminalSequence()
	return append(key, byte(s>>24), byte(s>>16), byte(s>>8), byte(s))
}

// IsIntentKey reports whether a key may be that of an intent. Other records that a lane keeps for
// itself have keys of other lengths.
func IsIntentKey(key []byte) bool { return len(key) == intentKeyLen }

// ParseIntent reads an intent under its key: a tap by the rules of CheckUnconfirmed, and a state.
func ParseIntent(key, value []byte) (*Intent, error) {
	m := new(Intent)
	if len(value) > RecordLimit {
		return nil, fmt.Errorf("an intent of %d bytes, at most %d", len(value), RecordLimit)
	}
	if err := proto.Unmarshal(value, m); err != nil {
		return nil, fmt.Errorf("no intent: %w", err)
	}
	if err := unconfirmed(m.GetTap()); err != nil {
		return nil, err
	}
	if string(key) != string(IntentKey(m.GetTap().GetDebit())) {
		return nil, errors.New("the key is not that of the intent's card, SAM and sequence")
	}
	switch m.GetState() {
	case IntentState_INTENT_STATE_BEGUN, IntentState_INTENT_STATE_OPEN, IntentState_INTENT_STATE_UNCONFIRMED,
		IntentState_INTENT_STATE_DOUBTED:
		return m, nil
	}
	return nil, fmt.Errorf("an intent in state %d", m.GetState())
}

// CheckUnconfirmed reads a record of topic taps.unconfirmed. It is a tap as of topic taps with all
// fields that the card would have signed, and no code: neither a TAC nor another nor a reason for
// one. Its identity is that of the tap which it may become, and no signature covers it: it may be
// kept beside the books, under a key that is not the tap's, and nothing may be booked from it.
func CheckUnconfirmed(value []byte) (*Tap, error) {
	if len(value) > RecordLimit {
		return nil, fmt.Errorf("a tap of %d bytes, at most %d", len(value), RecordLimit)
	}
	t := new(Tap)
	if err := proto.Unmarshal(value, t); err != nil {
		return nil, fmt.Errorf("no tap: %w", err)
	}
	return t, unconfirmed(t)
}

func unconfirmed(t *Tap) error {
	d := t.GetDebit()
	for _, f := range []struct {
		name  string
		value []byte
		want  int
	}{
		{"card", d.GetCard(), cardLen},
		{"issuer", d.GetIssuer(), issuerLen},
		{"terminal", d.GetTerminal(), terminalLen},
		{"time", d.GetTime(), TimeLen},
		{"tac", d.GetTac(), 0},
		{"other_tac", d.GetOtherTac(), 0},
	} {
		if len(f.value) != f.want {
			return fmt.Errorf("%s has %d bytes, want %d", f.name, len(f.value), f.want)
		}
	}
	switch {
	case !bcd.Valid(d.GetCard()):
		return errors.New("card is not a number in BCD")
	case d.GetType() != uint32(purse.TypeEPPurchase) && d.GetType() != uint32(purse.TypeCAPP):
		return fmt.Errorf("type is %d, want %d or %d", d.GetType(), purse.TypeEPPurchase, purse.TypeCAPP)
	case d.GetOtherTacReason() != Unsure_UNSURE_UNSPECIFIED:
		return errors.New("there is a reason for another code, and no code")
	case t.GetCardCounter() > maxCardCounter:
		return fmt.Errorf("card_counter is %d, at most %d", t.GetCardCounter(), maxCardCounter)
	case !FixedOrAbsent(t.GetEntryTime(), TimeLen):
		return fmt.Errorf("entry_time has %d bytes, want %d or none", len(t.GetEntryTime()), TimeLen)
	}
	_, err := ParseTime(d.GetTime(), time.UTC) // a date that is in the calendar
	return err
}
