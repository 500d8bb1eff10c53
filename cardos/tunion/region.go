package tunion

import (
	"encoding/binary"
	"fmt"
)

// Region is file 0017 (60 bytes): country4 province2 city2 interoperable2 card
// type1 reserved49.
type Region struct {
	Country       [4]byte // 00000156
	Province      uint16  // GB/T 13497
	City          uint16
	Interoperable uint16 // 1: valid in other cities
	CardType      byte
	Reserved      [49]byte
}

// Card types, offset 10 of file 0017.
const (
	CardOrdinary byte = 1
	CardStudent  byte = 2
	CardSenior   byte = 3
	CardTest     byte = 4
	CardMilitary byte = 5
)

// ZhengzhouRegion is the file of an interoperable Zhengzhou card.
func ZhengzhouRegion(cardType byte) Region {
	return Region{
		Country:       [4]byte{0, 0, 1, 0x56},
		Province:      HenanProvince,
		City:          ZhengzhouCity,
		Interoperable: 1,
		CardType:      cardType,
	}
}

// regionFields is the part before the reserved bytes, all that some readers ask for.
const regionFields = 11

// ParseRegion reads file 0017, whole or its first 11 bytes and more.
func ParseRegion(b []byte) (Region, error) {
	if len(b) < regionFields || len(b) > RegionSize {
		return Region{}, fmt.Errorf("file 0017: %d bytes, want %d..%d: %w", len(b), regionFields, RegionSize, ErrLayout)
	}
	r := Region{
		Country:       [4]byte(b),
		Province:      binary.BigEndian.Uint16(b[4:]),
		City:          binary.BigEndian.Uint16(b[6:]),
		Interoperable: binary.BigEndian.Uint16(b[8:]),
		CardType:      b[10],
	}
	copy(r.Reserved[:], b[regionFields:])
	return r, nil
}

// Encode is the inverse of ParseRegion.
func (r Region) Encode() [RegionSize]byte {
	var b [RegionSize]byte
	copy(b[:], r.Country[:])
	binary.BigEndian.PutUint16(b[4:], r.Province)
	binary.BigEndian.PutUint16(b[6:], r.City)
	binary.BigEndian.PutUint16(b[8:], r.Interoperable)
	b[10] = r.CardType
	copy(b[regionFields:], r.Reserved[:])
	return b
}
