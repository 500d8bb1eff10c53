package specimen

import (
	"context"
	"encoding/binary"
	"time"

	"citycard/cardos/bcd"
	"citycard/cardos/tunion"
	"citycard/terminals/capp"
)

// Lines of a specimen's rides.
const (
	metroLine = 1
	busLine   = 206
	operator  = 1
)

func date(t time.Time) [4]byte { return bcd.Date(t) }

// station is a station as trip records hold it, eight bytes.
func station(n uint16) [8]byte {
	var b [8]byte
	binary.BigEndian.PutUint16(b[6:], n)
	return b
}

func (l *life) journey(kind, industry byte, line, at uint16) tunion.Journey {
	return tunion.Journey{
		Type: kind, Industry: industry, Place: tunion.Place(line, at, operator), City: tunion.ZhengzhouCity, Institution: l.id.Issuer,
	}
}

// enter goes through a metro gate, for nothing.
func (l *life) enter(ctx context.Context, at time.Time, from uint16) error {
	terminal := tunion.LongTerminal(l.terminal(metroIn, 0))
	l.inside = tunion.RailTrip{
		TripHeader: tunion.NewTripHeader(tunion.TripRailID, tunion.TripEntered), EntryCity: tunion.ZhengzhouCity,
		EntryInstitution: l.id.Issuer, EntryStation: station(from), EntryTerminal: terminal, EntryTime: bcd.Time(at), EntryLine: metroLine,
	}
	return l.pay(ctx, metroIn, capp.Sale{
		Time: bcd.Time(at), Trip: l.inside.Encode(), Journey: l.journey(tunion.JourneyEntry, tunion.IndustryMetro, metroLine, from),
	})
}

// leave goes out for the fare.
func (l *life) leave(ctx context.Context, at time.Time, to uint16, fare uint32) error {
	trip := l.inside
	trip.Status, trip.ExitCity, trip.ExitInstitution = tunion.TripLeft, tunion.ZhengzhouCity, l.id.Issuer
	trip.ExitStation, trip.ExitTerminal, trip.ExitTime, trip.ExitLine = station(to), tunion.LongTerminal(l.terminal(metroOut, 0)), bcd.Time(at), metroLine
	return l.pay(ctx, metroOut, capp.Sale{
		Amount: fare, Time: bcd.Time(at), Trip: trip.Encode(), Journey: l.journey(tunion.JourneyExit, tunion.IndustryMetro, metroLine, to),
	})
}

func (l *life) busRide(ctx context.Context, at time.Time) error {
	trip := tunion.BusTrip{
		TripHeader: tunion.NewTripHeader(tunion.TripBusID, tunion.TripEntered),
		On: tunion.BusStop{
			City: tunion.ZhengzhouCity, Institution: l.id.Issuer, Operator: operator, Line: busLine,
			Vehicle: [8]byte([]byte("B0000206")), Terminal: tunion.LongTerminal(l.terminal(bus, 0)), Time: bcd.Time(at),
		},
		MarkedAmount: busFare, Amount: busFare,
	}
	return l.pay(ctx, bus, capp.Sale{
		Amount: busFare, Time: bcd.Time(at), Trip: trip.Encode(), Journey: l.journey(tunion.JourneySingle, tunion.IndustryBus, busLine, 0),
	})
}
