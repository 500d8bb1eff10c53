package tariff

import (
	"time"

	"citycard/cardos/bcd"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
)

// Boarding is a ride to which a transfer may lead.
type Boarding struct {
	Mode     message.Mode
	Operator uint16    // its number in cards' records
	City     uint16    // of the terminal: what other cities write to cards is not read
	Began    time.Time // by the city's clock: a trip as it entered
}

// Journeys reads the n-th newest journey that a card has from before a ride, from 1 on; what was
// never written is empty.
type Journeys func(n int) (tunion.Journey, error)

// transfer is what leads to a ride; the zero value is nothing.
type transfer struct {
	number int                 // in the table, from 1 on
	before *message.RideBefore // as a tap claims it
}

// transfer finds the transfer that leads to a ride. It reads no more journeys than it needs.
//
// The ride before is the newest journey: a bus ride or an exit from the metro, in this city, of
// a time that can be read and is not after the beginning of this ride. The first transfer that
// fits both rides in time holds. If that one holds once, the ride before must not itself be one
// to which a transfer of the table led from the ride before it.
func (t *Table) transfer(to Boarding, read Journeys) (none transfer, err error) {
	leg := message.Leg{Mode: to.Mode, Operator: uint32(to.Operator)}
	if !t.message.LeadsTo(leg) {
		return none, nil
	}
	last, err := read(1)
	if err != nil {
		return none, err
	}
	from, ok := ridden(&last, to.City)
	number := t.message.TransferAt(from, leg, last.Time, bcd.Time(to.Began))
	if !ok || number == 0 {
		return none, nil
	}
	if t.message.Transfers[number-1].Once {
		led, err := t.ledTo(&last, from, to.City, read)
		if err != nil || led {
			return none, err
		}
	}
	return transfer{number, &message.RideBefore{
		Mode: from.Mode, Operator: from.Operator, Time: last.Time[:], Here: leg.Operator,
	}}, nil
}

// ledTo reports whether a transfer led to the ride before, by the journeys before that. A trip
// began as it entered, where the journey before its exit is an entry.
func (t *Table) ledTo(last *tunion.Journey, leg message.Leg, city uint16, read Journeys) (bool, error) {
	began, next := last.Time, 2
	if last.Industry == tunion.IndustryMetro {
		entry, err := read(next)
		if err != nil {
			return false, err
		}
		if entry.Type == tunion.JourneyEntry && entry.Industry == tunion.IndustryMetro {
			began, next = entry.Time, next+1
		}
	}
	earlier, err := read(next)
	if err != nil {
		return false, err
	}
	from, ok := ridden(&earlier, city)
	return ok && t.message.TransferAt(from, leg, earlier.Time, began) != 0, nil
}

// ridden is a journey as a ride that was paid in a city; ok is false for every other journey.
func ridden(j *tunion.Journey, city uint16) (leg message.Leg, ok bool) {
	leg.Operator = uint32(j.Operator())
	switch {
	case j.City != city:
		return leg, false
	case j.Type == tunion.JourneySingle && j.Industry == tunion.IndustryBus:
		leg.Mode = message.Mode_MODE_BUS
	case j.Type == tunion.JourneyExit && j.Industry == tunion.IndustryMetro:
		leg.Mode = message.Mode_MODE_METRO
	default:
		return leg, false
	}
	return leg, true
}

// listed reports whether the prices to which a transfer leads are in lists.
func (t *Table) listed(x transfer) bool { return t.message.Transfers[x.number-1].Listed() }

// takes is what an amount leaves of a price.
func (t *Table) takes(x transfer, usual uint32) uint32 {
	return t.message.Transfers[x.number-1].Takes(usual)
}

// claim is what the tap says, where the transfer makes the ride cheaper.
func (x *transfer) claim(cheaper bool) *message.RideBefore {
	if !cheaper {
		return nil
	}
	return x.before
}

// TripAfter is the price of a trip that follows on the journeys of a card, between two times of
// the city's clock, and the claim that its tap has where a transfer makes it cheaper. To a trip
// past the time limit none leads.
func (t *Table) TripAfter(read Journeys, to Boarding, cardType, entry, exit uint32, left time.Time) (uint32, *message.RideBefore, error) {
	usual, err := t.Metro(cardType, entry, exit, to.Began, left)
	if err != nil || usual == 0 || t.overstays(to.Began, left) {
		return usual, nil, err
	}
	x, err := t.transfer(to, read)
	if err != nil || x.number == 0 {
		return usual, nil, err
	}
	fen := t.takes(x, usual)
	if t.listed(x) {
		in := &t.cards[cardType].prices[t.tripBand(to.Began, left)]
		fen = in.reduced[x.number-1].metro[t.class[(entry-1)*t.stations+exit-1]]
	}
	return fen, x.claim(fen < usual), nil
}

// RideAfter is the same of a ride on a bus line, which is paid as it begins.
func (t *Table) RideAfter(read Journeys, to Boarding, cardType, line uint32) (uint32, *message.RideBefore, error) {
	usual, err := t.Bus(cardType, line, to.Began)
	if err != nil || usual == 0 {
		return usual, nil, err
	}
	x, err := t.transfer(to, read)
	if err != nil || x.number == 0 {
		return usual, nil, err
	}
	fen := t.takes(x, usual)
	if t.listed(x) {
		fen = t.cards[cardType].prices[t.band(to.Began)].reduced[x.number-1].bus[line]
	}
	return fen, x.claim(fen < usual), nil
}
