package identity

import (
	"encoding/hex"

	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/ledger"
)

// Card identifies a card in the books: the twelve bytes from which its keys are derived
// (keys.CardID.Derived). No signature covers the other bytes of its number and issuer id, so
// records that differ only there belong to one card.
type Card [12]byte

// CardOf is the card of a number and an issuer.
func CardOf(id keys.CardID) Card { return id.Derived() }

// Subject is the subject of the card's records in the journal.
func (c Card) Subject() ledger.Subject { return ledger.Subject(c[:]) }

// String shows the last four digits of the card's number.
func (c Card) String() string { return tunion.Masked(c.Digits()) }

// Digits is the whole card in hexadecimal, for who may see it: eight digits of the issuer,
// then the last sixteen of the number.
func (c Card) Digits() string { return hex.EncodeToString(c[:]) }

// ParseCard reads the subject of a card's rows. A subject of another length is no card's.
func ParseCard(subject []byte) (c Card, ok bool) {
	return c, copy(c[:], subject) == len(c) && len(subject) == len(c)
}
