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
	"slices"
	"time"

	"citycard/cardos/bcd"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/card"
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
	days     *message.Calendar // by which a day is in a band
	version  string
	from     string // the second from which it holds, in clock's format
	stations uint32
	class    []byte
	limit    time.Duration
	cards    map[uint32]fares
}

// fares are those of a card type.
type fares struct {
	highest uint32
	prices  []prices // outside all bands, then in each band
}

type prices struct {
	metro   []uint32 // by class
	bus     map[uint32]uint32
	reduced []reduced // after each transfer
}

// reduced are the prices after a transfer, in the mode to which it leads; none where it takes an
// amount off.
type reduced struct {
	metro []uint32
	bus   map[uint32]uint32
}

// New checks a published table: an error names what is wrong with it. The message must not be
// changed afterwards.
func New(m *message.FareTable) (*Table, error) {
	t := &Table{
		message: m, version: m.GetVersion(), from: m.GetEffectiveFrom(), stations: m.GetMetroStations(), class: m.GetMetroClass(),
		limit: time.Duration(m.GetMetroLimitMinutes()) * time.Minute, cards: make(map[uint32]fares),
	}
	switch {
	case t.version == "":
		return nil, language.Textf("fare table has no version")
	case !second(t.from):
		return nil, language.Textf("fare table %s begins at %q, want YYYYMMDDhhmmss", t.version, t.from)
	case t.stations > maxStations:
		return nil, language.Textf("fare table %s: %d stations, at most %d", t.version, t.stations, maxStations)
	case len(t.class) != int(t.stations*t.stations):
		return nil, language.Textf("fare table %s: %d metro prices, want %d × %d", t.version, len(t.class), t.stations, t.stations)
	case len(m.GetFares()) == 0:
		return nil, language.Textf("fare table %s has no card type", t.version)
	}
	if err := m.CheckBands(); err != nil {
		return nil, language.Textf("fare table %s: %w", t.version, err)
	}
	if err := m.CheckTransfers(); err != nil {
		return nil, language.Textf("fare table %s: %w", t.version, err)
	}
	for _, c := range m.GetFares() {
		if _, twice := t.cards[c.GetCardType()]; twice {
			return nil, language.Textf("fare table %s: card type %d stands twice", t.version, c.GetCardType())
		}
		f, err := t.read(c)
		if err != nil {
			return nil, err
		}
		if most := f.dearest(); most > m.GetMaximumFen() {
			return nil, language.Textf("fare table %s, card type %d: a price of %d fen, more than the %d that a purse may hold", t.version, c.GetCardType(), most, m.GetMaximumFen())
		}
		t.cards[c.GetCardType()] = f
	}
	return t, nil
}

// read arranges the prices of a card type.
func (t *Table) read(c *message.CardFares) (f fares, err error) {
	if n, want := len(c.GetPrices()), len(t.message.GetBands())+1; n != want {
		return f, language.Textf("fare table %s, card type %d: prices of %d times of day, want %d", t.version, c.GetCardType(), n, want)
	}
	classes := 0
	if len(t.class) > 0 {
		classes = int(slices.Max(t.class)) + 1
	}
	f.highest = c.GetMetroHighestFen()
	for _, in := range c.GetPrices() {
		if n := len(in.GetMetroFen()); n != classes {
			return f, language.Textf("fare table %s, card type %d: %d different metro prices, want %d", t.version, c.GetCardType(), n, classes)
		}
		p := prices{metro: in.GetMetroFen(), bus: make(map[uint32]uint32, len(in.GetBus()))}
		for _, b := range in.GetBus() {
			if _, twice := p.bus[b.GetLine()]; twice {
				return f, language.Textf("fare table %s, card type %d: bus line %d stands twice", t.version, c.GetCardType(), b.GetLine())
			}
			p.bus[b.GetLine()] = b.GetFen()
		}
		for _, list := range in.GetReduced() {
			r := reduced{metro: list.GetMetroFen(), bus: make(map[uint32]uint32, len(list.GetBus()))}
			for _, b := range list.GetBus() {
				r.bus[b.GetLine()] = b.GetFen()
			}
			p.reduced = append(p.reduced, r)
		}
		f.prices = append(f.prices, p)
	}
	return f, nil
}

// dearest is the highest price of a card type.
func (f *fares) dearest() uint32 {
	most := f.highest
	for _, p := range f.prices {
		for _, fen := range p.metro {
			most = max(most, fen)
		}
		for _, fen := range p.bus {
			most = max(most, fen)
		}
	}
	return most
}

// on is the table with a calendar.
func (t *Table) on(days *message.Calendar) *Table {
	dated := *t
	dated.days = days
	return &dated
}

// band is the band in which a moment of the city's clock lies, 0 for none.
func (t *Table) band(at time.Time) int { return t.message.BandAt(bcd.Time(at), t.days) }

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

// ToEnter is what a purse must hold to get into the metro.
func (t *Table) ToEnter() card.Terms {
	minimum := t.message.GetMetroMinimumFen()
	return card.Terms{Minimum: &minimum}
}

// ToLeave are the terms of the fare at an exit: only a card of the city itself may go below zero.
func (t *Table) ToLeave(own bool) card.Terms {
	return card.Terms{Overdraft: own && t.message.GetMetroOverdraft()}
}

// ToRide are the terms of a ride by bus, likewise.
func (t *Table) ToRide(own bool) card.Terms {
	minimum := t.message.GetBusMinimumFen()
	return card.Terms{Minimum: &minimum, Overdraft: own && t.message.GetBusOverdraft()}
}

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

// Lowest is the lowest price in fen of a trip of a card type that ends at a station at a time.
func (t *Table) Lowest(cardType, exit uint32, at time.Time) (uint32, error) {
	if err := t.Entry(cardType, exit); err != nil {
		return 0, err
	}
	metro := t.cards[cardType].prices[t.band(at)].metro
	lowest := metro[t.class[exit-1]]
	for entry := uint32(1); entry < t.stations; entry++ {
		lowest = min(lowest, metro[t.class[entry*t.stations+exit-1]])
	}
	return lowest, nil
}

// Metro is the price in fen of a trip between two times of the city's clock. Where it does not
// count how long the trip took, both are the time at which it ends.
func (t *Table) Metro(cardType, entry, exit uint32, entered, left time.Time) (uint32, error) {
	if err := t.Entry(cardType, entry); err != nil {
		return 0, err
	}
	if err := t.Entry(cardType, exit); err != nil {
		return 0, err
	}
	f := t.cards[cardType]
	if t.overstays(entered, left) {
		return f.highest, nil
	}
	return f.prices[t.tripBand(entered, left)].metro[t.class[(entry-1)*t.stations+exit-1]], nil
}

// overstays reports whether a trip took longer than the time limit.
func (t *Table) overstays(entered, left time.Time) bool {
	return left.Truncate(time.Second).Sub(entered) > t.limit
}

// tripBand is the band of a trip, 0 for none.
func (t *Table) tripBand(entered, left time.Time) int {
	if t.message.GetMetroByEntry() {
		return t.band(entered)
	}
	return t.band(left)
}

// Bus is the price in fen of a ride on a line at a time of the city's clock.
func (t *Table) Bus(cardType, line uint32, at time.Time) (uint32, error) {
	f, ok := t.cards[cardType]
	if !ok {
		return 0, language.Textf("%w: card type %d (fares %s)", ErrNoFare, cardType, t.version)
	}
	fen, ok := f.prices[t.band(at)].bus[line]
	if !ok {
		return 0, language.Textf("%w: bus line %d (fares %s)", ErrNoFare, line, t.version)
	}
	return fen, nil
}

// BusLine checks that at least one card type has a price on the line.
func (t *Table) BusLine(line uint32) error {
	for _, f := range t.cards {
		if _, ok := f.prices[0].bus[line]; ok {
			return nil
		}
	}
	return language.Textf("%w: bus line %d (fares %s)", ErrNoFare, line, t.version)
}
