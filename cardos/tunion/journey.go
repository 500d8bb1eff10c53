package tunion

import (
	"encoding/binary"
	"fmt"
)

// Journey is a record of file 001E (48 bytes, cyclic, 30 records, newest
// first):
// type1 terminal8 industry1 line2 station2 operator2 rfu1 amount4 balance4
// time7 city2 institution8 rfu6.
type Journey struct {
	Type     byte
	Terminal [8]byte // usually 0000 and the SAM's terminal number
	Industry byte
	// Place is line2, station2, operator2 and one byte more; each city fills them in its own way
	// (see Line and Station for big-endian numbers).
	Place       [7]byte
	Amount      uint32
	Balance     uint32 // after the transaction
	Time        [7]byte
	City        uint16 // the acceptor's clearing centre
	Institution [8]byte
	Reserved    [6]byte
}

// Types of a journey record.
const (
	JourneyInitial    byte = 0x00
	JourneyCashEntry  byte = 0x01
	JourneyCashExit   byte = 0x02
	JourneyEntry      byte = 0x03 // purse
	JourneyExit       byte = 0x04
	JourneyCashSingle byte = 0x05
	JourneySingle     byte = 0x06
	JourneyCashAdjust byte = 0x07
	JourneyAdjust     byte = 0x08
	JourneyCashLoad   byte = 0x09
	JourneyLoad       byte = 0x0A
)

// Industries of a journey record. Sources disagree on 01 and 02; a dump of a real
// Beijing metro card and two independent tables have metro as 01.
const (
	IndustryMetro        byte = 0x01
	IndustryBus          byte = 0x02
	IndustryCityFerry    byte = 0x03
	IndustryTaxi         byte = 0x04
	IndustryRental       byte = 0x05
	IndustryBicycle      byte = 0x06
	IndustryParking      byte = 0x07
	IndustryCoach        byte = 0x08
	IndustryFerry        byte = 0x09
	IndustryIntercity    byte = 0x0A
	IndustryAir          byte = 0x0B
	IndustryHighway      byte = 0x0C
	IndustrySuburbanRail byte = 0x0E
)

// ParseJourney reads a record of file 001E.
func ParseJourney(b []byte) (Journey, error) {
	if len(b) != JourneySize {
		return Journey{}, fmt.Errorf("journey record: %d bytes, want %d: %w", len(b), JourneySize, ErrLayout)
	}
	return Journey{
		Type:        b[0],
		Terminal:    [8]byte(b[1:]),
		Industry:    b[9],
		Place:       [7]byte(b[10:]),
		Amount:      binary.BigEndian.Uint32(b[17:]),
		Balance:     binary.BigEndian.Uint32(b[21:]),
		Time:        [7]byte(b[25:]),
		City:        binary.BigEndian.Uint16(b[32:]),
		Institution: [8]byte(b[34:]),
		Reserved:    [6]byte(b[42:]),
	}, nil
}

// Encode is the inverse of ParseJourney.
func (j Journey) Encode() [JourneySize]byte {
	var b [JourneySize]byte
	b[0] = j.Type
	copy(b[1:], j.Terminal[:])
	b[9] = j.Industry
	copy(b[10:], j.Place[:])
	binary.BigEndian.PutUint32(b[17:], j.Amount)
	binary.BigEndian.PutUint32(b[21:], j.Balance)
	copy(b[25:], j.Time[:])
	binary.BigEndian.PutUint16(b[32:], j.City)
	copy(b[34:], j.Institution[:])
	copy(b[42:], j.Reserved[:])
	return b
}

// Empty reports a record that was never written.
func (j Journey) Empty() bool { return j.Type == JourneyInitial || j.Type == 0xFF }

// Line is the line as a big-endian number.
func (j Journey) Line() uint16 { return binary.BigEndian.Uint16(j.Place[0:]) }

// Station is the station as a big-endian number.
func (j Journey) Station() uint16 { return binary.BigEndian.Uint16(j.Place[2:]) }

// Operator is the operator as a big-endian number.
func (j Journey) Operator() uint16 { return binary.BigEndian.Uint16(j.Place[4:]) }

// Place fills line, station and operator as big-endian numbers, the way several
// cities do.
func Place(line, station, operator uint16) [7]byte {
	return [7]byte{
		byte(line >> 8), byte(line), byte(station >> 8), byte(station),
		byte(operator >> 8), byte(operator),
	}
}

// LongTerminal is a SAM's terminal number as journey and trip records hold it.
func LongTerminal(t [6]byte) [8]byte {
	return [8]byte{0, 0, t[0], t[1], t[2], t[3], t[4], t[5]}
}
