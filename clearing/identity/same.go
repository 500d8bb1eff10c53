package identity

import (
	"bytes"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/clearing/message"
)

// SameTap reports whether two encoded taps are the same transaction: whether the card signed the
// same content and one code may be the TAC of both. Any other difference was made on the way, and
// no signature says which of the two records is right.
func SameTap(standing, now []byte) bool {
	var a, b message.Tap
	if proto.Unmarshal(standing, &a) != nil || proto.Unmarshal(now, &b) != nil {
		return false
	}
	x, y := a.GetDebit(), b.GetDebit()
	return x.GetType() == y.GetType() && x.GetAmountFen() == y.GetAmountFen() && x.GetTerminalSequence() == y.GetTerminalSequence() &&
		bytes.Equal(x.GetTerminal(), y.GetTerminal()) && bytes.Equal(x.GetTime(), y.GetTime()) && sameCard(x, y) && sameTAC(x, y, message.Unsure_UNSURE_TORN_TAP)
}

// SameLoad does so for two written loads.
func SameLoad(standing, now []byte) bool {
	var x, y message.Load
	if proto.Unmarshal(standing, &x) != nil || proto.Unmarshal(now, &y) != nil {
		return false
	}
	return x.GetType() == y.GetType() && x.GetAmountFen() == y.GetAmountFen() && x.GetOnlineSequence() == y.GetOnlineSequence() &&
		x.GetNewBalanceFen() == y.GetNewBalanceFen() && bytes.Equal(x.GetTerminal(), y.GetTerminal()) && bytes.Equal(x.GetTime(), y.GetTime()) &&
		sameCard(&x, &y) && sameTAC(&x, &y, message.Unsure_UNSURE_TORN_LOAD)
}

// signed is what taps and loads have in common.
type signed interface {
	GetCard() []byte
	GetIssuer() []byte
	GetTac() []byte
	GetOtherTac() []byte
	GetOtherTacReason() message.Unsure
}

func sameCard(x, y signed) bool {
	a, ok := cardOf(x)
	b, also := cardOf(y)
	return ok && also && a == b
}

func cardOf(m signed) (Card, bool) {
	var id keys.CardID
	ok := message.Fixed(id.ASN[:], m.GetCard()) && message.Fixed(id.Issuer[:], m.GetIssuer())
	return CardOf(id), ok
}

// sameTAC reports whether the two have a code in common. For a card of ours that is the verified
// one. For another city's card nobody here knows which code is right; two records without a common
// code are two claims, and its issuer may confirm one of them.
func sameTAC(x, y signed, unsure message.Unsure) bool {
	for _, a := range codes(x, unsure) {
		for _, b := range codes(y, unsure) {
			if bytes.Equal(a, b) {
				return true
			}
		}
	}
	return false
}

// codes returns the codes that may be the TAC. There is a second one if the terminal says why it
// did not know which is right.
func codes(m signed, unsure message.Unsure) [][]byte {
	list := [][]byte{m.GetTac()}
	if m.GetOtherTacReason() == unsure && len(m.GetOtherTac()) > 0 {
		list = append(list, m.GetOtherTac())
	}
	return list
}

// SameExitTicket reports whether two records of one exit ticket say the same. Nothing signs it, so
// all fields count.
func SameExitTicket(standing, now []byte) bool {
	a, err := message.CheckExitTicket(standing)
	b, also := message.CheckExitTicket(now)
	return err == nil && also == nil && proto.Equal(a, b)
}

// SameUnconfirmed reports whether two taps without a TAC say the same. No signature covers any of
// their fields, so all of them count.
func SameUnconfirmed(standing, now []byte) bool {
	a, err := message.CheckUnconfirmed(standing)
	b, also := message.CheckUnconfirmed(now)
	return err == nil && also == nil && proto.Equal(a, b)
}
