// Package tariff holds the fare tables of a terminal: those that the clearing centre published,
// each checked once and arranged for look-up. A terminal calculates no fares; every price in a
// table is final.
//
// A Table is what the centre published under one version. A Schedule is all tables that the
// terminal knows. At each second that table holds which has begun last, by the terminal's clock; so
// the terminal changes to new prices by itself, with or without a broker. A terminal asks once for
// each tap, with the time that the card will sign, and takes price and version from that one table.
package tariff

import (
	"time"

	"citycard/clearing/message"
	"citycard/language"
)

// maxStations limits a table; the clearing centre has the same limit.
const maxStations = 512

// ErrNoFare: the table has no price for this card type, station or line. The
// card must not be charged.
var ErrNoFare = language.Textf("the fare table has no price for this")

// Table is a published fare table. It is not changed after New and is safe for
// concurrent use.
type Table struct {
	message  *message.FareTable
	version  string
	from     string // the second from which it holds, in clock's format
	stations uint32
	limit    time.Duration
	cards    map[uint32]fares
}

type fares struct {
	metro   []uint32
	highest uint32
	bus     map[uint32]uint32
}

// New checks a published table: an error names what is wrong with it. The message must not be
// changed afterwards.
func New(m *message.FareTable) (*Table, error) {
	t := &Table{
		message: m, version: m.GetVersion(), from: m.GetEffectiveFrom(), stations: m.GetMetroStations(),
		limit: time.Duration(m.GetMetroLimitMinutes()) * time.Minute, cards: make(map[uint32]fares),
	}
	switch {
	case t.version == "":
		return nil, language.Textf("fare table has no version")
	case !second(t.from):
		return nil, language.Textf("fare table %s begins at %q, want YYYYMMDDhhmmss", t.version, t.from)
	case t.stations > maxStations:
		return nil, language.Textf("fare table %s: %d stations, at most %d", t.version, t.stations, maxStations)
	case len(m.GetFares()) == 0:
		return nil, language.Textf("fare table %s has no card type", t.version)
	}
	for _, c := range m.GetFares() {
		if _, twice := t.cards[c.GetCardType()]; twice {
			return nil, language.Textf("fare table %s: card type %d stands twice", t.version, c.GetCardType())
		}
		if n := len(c.GetMetroFen()); n != int(t.stations*t.stations) {
			return nil, language.Textf("fare table %s, card type %d: %d metro prices, want %d × %d", t.version, c.GetCardType(), n, t.stations, t.stations)
		}
		f := fares{metro: c.GetMetroFen(), highest: c.GetMetroHighestFen(), bus: make(map[uint32]uint32, len(c.GetBus()))}
		for _, b := range c.GetBus() {
			if _, twice := f.bus[b.GetLine()]; twice {
				return nil, language.Textf("fare table %s, card type %d: bus line %d stands twice", t.version, c.GetCardType(), b.GetLine())
			}
			f.bus[b.GetLine()] = b.GetFen()
		}
		if most := f.dearest(); most > m.GetMaximumFen() {
			return nil, language.Textf("fare table %s, card type %d: a price of %d fen, more than the %d that a purse may hold", t.version, c.GetCardType(), most, m.GetMaximumFen())
		}
		t.cards[c.GetCardType()] = f
	}
	return t, nil
}

// dearest is the highest price of a card type.
func (f *fares) dearest() uint32 {
	most := f.highest
	for _, fen := range f.metro {
		most = max(most, fen)
	}
	for _, fen := range f.bus {
		most = max(most, fen)
	}
	return most
}

// Version names the table, for the record of a tap.
func (t *Table) Version() string { return t.version }

// Begins is the second from which the table holds, in the city's zone.
func (t *Table) Begins(zone *time.Location) time.Time {
	begins, _ := time.ParseInLocation(clock, t.from, zone) // New has checked it
	return begins
}

// Message is the table as it was published. It must not be changed.
func (t *Table) Message() *message.FareTable { return t.message }

// Limit is how long a metro trip may take before the highest fare is due.
func (t *Table) Limit() time.Duration { return t.limit }

// Station checks that a station is in the table.
func (t *Table) Station(station uint32) error {
	if station < 1 || station > t.stations {
		return language.Textf("%w: station %d of %d (fares %s)", ErrNoFare, station, t.stations, t.version)
	}
	return nil
}

// Entry checks that a card type may enter at a station; entering costs nothing.
func (t *Table) Entry(cardType, station uint32) error {
	if _, ok := t.cards[cardType]; !ok {
		return language.Textf("%w: card type %d (fares %s)", ErrNoFare, cardType, t.version)
	}
	return t.Station(station)
}

// Highest is the highest fare of a card type, in fen: what a card must hold to
// enter at all in most cities, and the price past the time limit.
func (t *Table) Highest(cardType uint32) (uint32, error) {
	f, ok := t.cards[cardType]
	if !ok {
		return 0, language.Textf("%w: card type %d (fares %s)", ErrNoFare, cardType, t.version)
	}
	return f.highest, nil
}

// Lowest is the lowest price in fen of a trip of a card type that ends at a station.
func (t *Table) Lowest(cardType, exit uint32) (uint32, error) {
	if err := t.Entry(cardType, exit); err != nil {
		return 0, err
	}
	metro := t.cards[cardType].metro
	lowest := metro[exit-1]
	for entry := uint32(1); entry < t.stations; entry++ {
		lowest = min(lowest, metro[entry*t.stations+exit-1])
	}
	return lowest, nil
}

// Metro is the price in fen of a trip that took the given time.
func (t *Table) Metro(cardType, entry, exit uint32, took time.Duration) (uint32, error) {
	if err := t.Entry(cardType, entry); err != nil {
		return 0, err
	}
	if err := t.Entry(cardType, exit); err != nil {
		return 0, err
	}
	f := t.cards[cardType]
	if took > t.limit {
		return f.highest, nil
	}
	return f.metro[(entry-1)*t.stations+exit-1], nil
}

// Bus is the price in fen of a ride on a line.
func (t *Table) Bus(cardType, line uint32) (uint32, error) {
	f, ok := t.cards[cardType]
	if !ok {
		return 0, language.Textf("%w: card type %d (fares %s)", ErrNoFare, cardType, t.version)
	}
	fen, ok := f.bus[line]
	if !ok {
		return 0, language.Textf("%w: bus line %d (fares %s)", ErrNoFare, line, t.version)
	}
	return fen, nil
}

// BusLine checks that at least one card type has a price on the line.
func (t *Table) BusLine(line uint32) error {
	for _, f := range t.cards {
		if _, ok := f.bus[line]; ok {
			return nil
		}
	}
	return language.Textf("%w: bus line %d (fares %s)", ErrNoFare, line, t.version)
}
