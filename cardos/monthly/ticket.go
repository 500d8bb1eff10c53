package monthly

import (
	"encoding/binary"
	"errors"
	"fmt"

	"citycard/cardos/bcd"
)

// The places of the tickets.
const (
	File    uint16 = 0x000C
	SFI     byte   = 0x0C
	Records        = 4
	Size           = 32
	version byte   = 1
)

// ErrLayout is wrapped by every error about bytes that are no ticket.
var ErrLayout = errors.New("malformed monthly ticket")

// Modes is a set of industry codes 0..15 as file 001E uses them.
type Modes uint16

// ModesOf makes a set; codes above 15 are left out.
func ModesOf(industries ...byte) Modes {
	var m Modes
	for _, i := range industries {
		if i < 16 {
			m |= 1 << i
		}
	}
	return m
}

// Ticket is one record.
type Ticket struct {
	Modes       Modes
	First, Last [4]byte // YYYYMMDD
	Sold, Left  uint16  // rides
	LastRide    [7]byte
}

// Parse reads a record; false for one without a ticket.
func Parse(b []byte) (Ticket, bool, error) {
	if len(b) != Size {
		return Ticket{}, false, fmt.Errorf("record of %d bytes, want %d: %w", len(b), Size, ErrLayout)
	}
	switch b[0] {
	case 0:
		return Ticket{}, false, nil
	case version:
	default:
		return Ticket{}, false, fmt.Errorf("version %d, want %d: %w", b[0], version, ErrLayout)
	}
	t := Ticket{
		Modes: Modes(binary.BigEndian.Uint16(b[1:])), First: [4]byte(b[3:]), Last: [4]byte(b[7:]),
		Sold: binary.BigEndian.Uint16(b[11:]), Left: binary.BigEndian.Uint16(b[13:]), LastRide: [7]byte(b[15:]),
	}
	if t.Left > t.Sold {
		return Ticket{}, false, fmt.Errorf("%d rides left of %d: %w", t.Left, t.Sold, ErrLayout)
	}
	if !bcd.Valid(b[3:11]) || !bcd.Valid(b[15:22]) {
		return Ticket{}, false, fmt.Errorf("days %x to %x: %w", t.First, t.Last, ErrLayout)
	}
	return t, true, nil
}

// Encode is the inverse of Parse.
func (t Ticket) Encode() [Size]byte {
	var b [Size]byte
	b[0] = version
	binary.BigEndian.PutUint16(b[1:], uint16(t.Modes))
	copy(b[3:], t.First[:])
	copy(b[7:], t.Last[:])
	binary.BigEndian.PutUint16(b[11:], t.Sold)
	binary.BigEndian.PutUint16(b[13:], t.Left)
	copy(b[15:], t.LastRide[:])
	return b
}
