package tunion

import (
	"encoding/binary"
	"fmt"
)

// BusStop is where and when a bus passenger got on or off.
type BusStop struct {
	City        uint16
	Institution [8]byte
	Operator    uint16
	Line        uint16
	Stop        byte
	Vehicle     [8]byte // ASCII
	Terminal    [8]byte
	Time        [7]byte
}

const busStopSize = 38

func parseBusStop(b []byte) BusStop {
	return BusStop{
		City:        binary.BigEndian.Uint16(b),
		Institution: [8]byte(b[2:]),
		Operator:    binary.BigEndian.Uint16(b[10:]),
		Line:        binary.BigEndian.Uint16(b[12:]),
		Stop:        b[14],
		Vehicle:     [8]byte(b[15:]),
		Terminal:    [8]byte(b[23:]),
		Time:        [7]byte(b[31:]),
	}
}

func (s BusStop) put(b []byte) {
	binary.BigEndian.PutUint16(b, s.City)
	copy(b[2:], s.Institution[:])
	binary.BigEndian.PutUint16(b[10:], s.Operator)
	binary.BigEndian.PutUint16(b[12:], s.Line)
	b[14] = s.Stop
	copy(b[15:], s.Vehicle[:])
	copy(b[23:], s.Terminal[:])
	copy(b[31:], s.Time[:])
}

// BusTrip is a bus record of file 001A. Behind the header: boarding (city2
// institution8 operator2 line2 stop1 vehicle8 terminal8 time7), marked amount4,
// direction1, the same for alighting, amount4, kilometres2, and 26 bytes kept as
// they are.
type BusTrip struct {
	TripHeader
	On           BusStop
	MarkedAmount uint32
	Direction    byte // AB or BA
	Off          BusStop
	Amount       uint32
	Kilometres   uint16
	Reserved     [26]byte
}

// ParseBusTrip reads a bus record.
func ParseBusTrip(b []byte) (BusTrip, error) {
	if len(b) != TripSize {
		return BusTrip{}, fmt.Errorf("bus record: %d bytes, want %d: %w", len(b), TripSize, ErrLayout)
	}
	return BusTrip{
		TripHeader:   parseTripHeader(b),
		On:           parseBusStop(b[15:]),
		MarkedAmount: binary.BigEndian.Uint32(b[53:]),
		Direction:    b[57],
		Off:          parseBusStop(b[58:]),
		Amount:       binary.BigEndian.Uint32(b[96:]),
		Kilometres:   binary.BigEndian.Uint16(b[100:]),
		Reserved:     [26]byte(b[102:]),
	}, nil
}

// Encode is the inverse of ParseBusTrip.
func (t BusTrip) Encode() [TripSize]byte {
	var b [TripSize]byte
	t.put(b[:])
	t.On.put(b[15 : 15+busStopSize])
	binary.BigEndian.PutUint32(b[53:], t.MarkedAmount)
	b[57] = t.Direction
	t.Off.put(b[58 : 58+busStopSize])
	binary.BigEndian.PutUint32(b[96:], t.Amount)
	binary.BigEndian.PutUint16(b[100:], t.Kilometres)
	copy(b[102:], t.Reserved[:])
	return b
}
