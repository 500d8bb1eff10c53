package plan

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"citycard/cardos/tunion"
)

// Fate is the state of a transit card in the registry.
type Fate uint8

// Fates.
const (
	Ordinary Fate = iota
	Unregistered
	Expired
	Blocked
	Listed // put on the hotlist on the city's first day
)

// Days as YYYYMMDD: the first and last day of validity of cards and of everything else in the
// registry, and the last day of an expired card in a city without chips, and of an issuer. The file
// on an expired card, which terminals read, was never rewritten.
const (
	ValidFrom = "20200101"
	ValidTo   = "20401231"
	expiredOn = "20231231"
)

// The first of the cards' serial numbers (11 digits, invented) in a city with chips and in one
// without.
const (
	firstChip   = 90_000_000_001
	firstDirect = 80_000_000_001
)

// LastDay is the last day of the expired cards, YYYYMMDD. With chips it is the one before the
// city's first day, so that they may still end a trip that began then.
func (c *City) LastDay() int {
	if first, err := time.Parse("20060102", strconv.Itoa(c.Day)); err == nil && !c.Direct() {
		return DayNumber(first.AddDate(0, 0, -1))
	}
	return 20231231
}

// Card is a transit card and its state in the registry.
type Card struct {
	ASN     [10]byte
	Type    byte // file 0017, offset 10
	Fate    Fate
	Opening uint32 // fen that were loaded before the ledger's first day
}

// Card computes the i-th transit card of a town, with separate dice for each card. Of three hundred
// cards one is unregistered, one expired, one blocked and one put on the hotlist.
//
// Without chips nobody tops up, so the purses of all riders were filled before the ledger's first
// day. With chips only the purses of cards that the load authority has to refuse were filled then.
func (c *City) Card(i int, t *Town, d Dice) (Card, error) {
	serial := uint64(firstChip)
	if c.Direct() {
		serial = firstDirect
	}
	asn, err := tunion.ZhengzhouNumber(serial + uint64(i))
	if err != nil {
		return Card{}, err
	}
	k := Card{ASN: asn, Type: t.cardType(d), Fate: c.fate(i)}
	switch {
	case i < c.Riders:
		k.Opening = c.opening(int64(Between(d, 200, 800)) * 100)
	case !c.Direct() && k.Fate != Ordinary:
		k.Opening = c.opening(20_000)
	}
	return k, nil
}

// opening is a sum with which a purse may begin.
func (c *City) opening(fen int64) uint32 {
	if c.Purse > 0 {
		fen = min(fen, c.Purse)
	}
	return uint32(fen)
}

func (c *City) fate(i int) Fate {
	switch i % 300 {
	case 101:
		return Unregistered
	case 201:
		return Expired
	case 299:
		return Blocked
	case 57:
		if c.Day != 0 {
			return Listed
		}
	}
	return Ordinary
}

// Number is the card's number, 20 digits.
func (k *Card) Number() string { return hex.EncodeToString(k.ASN[:]) }

// ListedSecond is the second of the city's day from which the i-th card, if it is to be listed,
// is on the hotlist: around noon.
func ListedSecond(i int) int { return 12*3600 + i%3600 }

// listedFrom is that second as the registry has it.
func (c *City) listedFrom(i int) string {
	second := ListedSecond(i)
	return fmt.Sprintf("%08d%02d%02d%02d", c.Day, second/3600, second/60%60, second%60)
}
