package gate

import (
	"encoding/binary"

	"citycard/cardos/tunion"
)

// journey is the record of file 001E; the payment fills in its own fields.
func (g *Gate) journey(kind byte) tunion.Journey {
	return tunion.Journey{
		Type: kind, Industry: tunion.IndustryMetro, Place: tunion.Place(g.place.Line, g.place.Station, g.place.Operator),
		City: g.place.City, Institution: g.place.Institution,
	}
}

// station encodes a station in the eight bytes of a rail record: line2 station2 and zeros. The
// coding is ours; cities differ.
func station(line, number uint16) [8]byte {
	var b [8]byte
	binary.BigEndian.PutUint16(b[0:], line)
	binary.BigEndian.PutUint16(b[2:], number)
	return b
}

// entryTrip is the rail record of file 001A at an entry.
func (g *Gate) entryTrip(at [7]byte, highest uint32) tunion.RailTrip {
	return tunion.RailTrip{
		TripHeader: tunion.NewTripHeader(tunion.TripRailID, tunion.TripEntered),
		EntryCity:  g.place.City, EntryInstitution: g.place.Institution, EntryStation: station(g.place.Line, g.place.Station),
		EntryTerminal: tunion.LongTerminal(g.module.Terminal()), EntryTime: at,
		HighestAmount: highest, EntryLine: byte(g.place.Line),
	}
}

// exitTrip is the rail record at an exit; its entry is the card's last journey.
func (g *Gate) exitTrip(entry tunion.Journey, at [7]byte, highest uint32) tunion.RailTrip {
	return tunion.RailTrip{
		TripHeader: tunion.NewTripHeader(tunion.TripRailID, tunion.TripLeft),
		EntryCity:  entry.City, EntryInstitution: entry.Institution, EntryStation: station(entry.Line(), entry.Station()),
		EntryTerminal: entry.Terminal, EntryTime: entry.Time, EntryLine: byte(entry.Line()),
		ExitCity: g.place.City, ExitInstitution: g.place.Institution, ExitStation: station(g.place.Line, g.place.Station),
		ExitTerminal: tunion.LongTerminal(g.module.Terminal()), ExitTime: at, ExitLine: byte(g.place.Line),
		HighestAmount: highest,
	}
}
