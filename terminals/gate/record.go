package gate

import (
	"encoding/binary"
	"time"

	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/tariff"
)

func (g *Gate) journey(kind byte) tunion.Journey { return g.place.Journey(kind) }

func (g *Gate) entryTrip(at [7]byte, highest uint32) tunion.RailTrip {
	return g.place.EntryTrip(g.module.Terminal(), at, highest)
}

func (g *Gate) exitTrip(entry tunion.Journey, at [7]byte, highest uint32) tunion.RailTrip {
	return g.place.ExitTrip(g.module.Terminal(), entry, at, highest)
}

// Journey is the record of file 001E of a passage here; the payment fills in its own fields.
func (p Place) Journey(kind byte) tunion.Journey {
	return tunion.Journey{
		Type: kind, Industry: tunion.IndustryMetro, Place: tunion.Place(p.Line, p.Station, p.Operator),
		City: p.City, Institution: p.Institution,
	}
}

// Boarding is a trip that ends here, to which a transfer may lead.
func (p Place) Boarding(began time.Time) tariff.Boarding {
	return tariff.Boarding{Mode: message.Mode_MODE_METRO, Operator: p.Operator, City: p.City, Began: began}
}

// station encodes a station in the eight bytes of a rail record: line2 station2 and zeros. The
// coding is ours; cities differ.
func station(line, number uint16) [8]byte {
	var b [8]byte
	binary.BigEndian.PutUint16(b[0:], line)
	binary.BigEndian.PutUint16(b[2:], number)
	return b
}

// EntryTrip is the rail record of file 001A at an entry here.
func (p Place) EntryTrip(terminal [6]byte, at [7]byte, highest uint32) tunion.RailTrip {
	return tunion.RailTrip{
		TripHeader: tunion.NewTripHeader(tunion.TripRailID, tunion.TripEntered),
		EntryCity:  p.City, EntryInstitution: p.Institution, EntryStation: station(p.Line, p.Station),
		EntryTerminal: tunion.LongTerminal(terminal), EntryTime: at,
		HighestAmount: highest, EntryLine: byte(p.Line),
	}
}

// ExitTrip is the rail record at an exit here; its entry is the card's last journey.
func (p Place) ExitTrip(terminal [6]byte, entry tunion.Journey, at [7]byte, highest uint32) tunion.RailTrip {
	return tunion.RailTrip{
		TripHeader: tunion.NewTripHeader(tunion.TripRailID, tunion.TripLeft),
		EntryCity:  entry.City, EntryInstitution: entry.Institution, EntryStation: station(entry.Line(), entry.Station()),
		EntryTerminal: entry.Terminal, EntryTime: entry.Time, EntryLine: byte(entry.Line()),
		ExitCity: p.City, ExitInstitution: p.Institution, ExitStation: station(p.Line, p.Station),
		ExitTerminal: tunion.LongTerminal(terminal), ExitTime: at, ExitLine: byte(p.Line),
		HighestAmount: highest,
	}
}
