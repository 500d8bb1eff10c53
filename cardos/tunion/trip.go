package tunion

import (
	"encoding/binary"
	"fmt"
)

// Numbers of the records of file 001A (variable records, 128 bytes each) that
// this package reads.
const (
	TripRail byte = 1
	TripBus  byte = 2
)

// Record identifiers, the first two bytes of a record, as they were seen in
// reader traffic (rail) and in a table (bus). The rule that links number and
// identifier was not found.
const (
	TripRailID uint16 = 0x2712
	TripBusID  uint16 = 0x2701
)

// States of a trip.
const (
	TripNone    byte = 0
	TripEntered byte = 1 // in, or on board
	TripLeft    byte = 2
)

// TripHeader begins every record of file 001A: id2 length1 valid1
// interoperation1 lock1 serial8 status1.
type TripHeader struct {
	ID             uint16
	Length         byte // 7D: what follows it
	Valid          byte
	Interoperation byte // 1 composite purchase, 2 pre-authorisation
	Lock           byte
	Serial         [8]byte // BCD
	Status         byte
}

const (
	tripHeaderSize = 15
	tripLength     = 0x7D
)

// NewTripHeader is the header of a record in use.
func NewTripHeader(id uint16, status byte) TripHeader {
	return TripHeader{ID: id, Length: tripLength, Valid: 1, Interoperation: 1, Status: status}
}

func parseTripHeader(b []byte) TripHeader {
	return TripHeader{
		ID: binary.BigEndian.Uint16(b), Length: b[2], Valid: b[3], Interoperation: b[4], Lock: b[5],
		Serial: [8]byte(b[6:]), Status: b[14],
	}
}

func (h TripHeader) put(b []byte) {
	binary.BigEndian.PutUint16(b, h.ID)
	b[2], b[3], b[4], b[5] = h.Length, h.Valid, h.Interoperation, h.Lock
	copy(b[6:], h.Serial[:])
	b[14] = h.Status
}

// RailTrip is a rail record of file 001A. Behind the header: entry and exit city2
// each, institution8, station8, terminal8, time7, highest amount4, entry line1,
// exit line1, and 41 bytes that are each city's own.
type RailTrip struct {
	TripHeader
	EntryCity, ExitCity               uint16
	EntryInstitution, ExitInstitution [8]byte
	EntryStation, ExitStation         [8]byte
	EntryTerminal, ExitTerminal       [8]byte
	EntryTime, ExitTime               [7]byte
	HighestAmount                     uint32
	EntryLine, ExitLine               byte
	Private                           [41]byte
}

// ParseRailTrip reads a rail record. A record that was never written parses as
// zeros: see TripHeader.ID.
func ParseRailTrip(b []byte) (RailTrip, error) {
	if len(b) != TripSize {
		return RailTrip{}, fmt.Errorf("rail record: %d bytes, want %d: %w", len(b), TripSize, ErrLayout)
	}
	return RailTrip{
		TripHeader:       parseTripHeader(b),
		EntryCity:        binary.BigEndian.Uint16(b[15:]),
		ExitCity:         binary.BigEndian.Uint16(b[17:]),
		EntryInstitution: [8]byte(b[19:]),
		ExitInstitution:  [8]byte(b[27:]),
		EntryStation:     [8]byte(b[35:]),
		ExitStation:      [8]byte(b[43:]),
		EntryTerminal:    [8]byte(b[51:]),
		ExitTerminal:     [8]byte(b[59:]),
		EntryTime:        [7]byte(b[67:]),
		ExitTime:         [7]byte(b[74:]),
		HighestAmount:    binary.BigEndian.Uint32(b[81:]),
		EntryLine:        b[85],
		ExitLine:         b[86],
		Private:          [41]byte(b[87:]),
	}, nil
}

// Encode is the inverse of ParseRailTrip.
func (t RailTrip) Encode() [TripSize]byte {
	var b [TripSize]byte
	t.put(b[:])
	binary.BigEndian.PutUint16(b[15:], t.EntryCity)
	binary.BigEndian.PutUint16(b[17:], t.ExitCity)
	copy(b[19:], t.EntryInstitution[:])
	copy(b[27:], t.ExitInstitution[:])
	copy(b[35:], t.EntryStation[:])
	copy(b[43:], t.ExitStation[:])
	copy(b[51:], t.EntryTerminal[:])
	copy(b[59:], t.ExitTerminal[:])
	copy(b[67:], t.EntryTime[:])
	copy(b[74:], t.ExitTime[:])
	binary.BigEndian.PutUint32(b[81:], t.HighestAmount)
	b[85], b[86] = t.EntryLine, t.ExitLine
	copy(b[87:], t.Private[:])
	return b
}
