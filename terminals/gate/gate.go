package gate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/capp"
	"citycard/terminals/card"
	"citycard/terminals/hotlist"
	"citycard/terminals/modes"
	"citycard/terminals/sam"
	"citycard/terminals/tariff"
)

var (
	// ErrInside: the card's last journey is an entry within the time limit; its
	// holder has to leave before entering again.
	ErrInside = errors.New("the card is inside already")
	// ErrNotInside: the card's last journey is not a metro entry.
	ErrNotInside = errors.New("the card has not entered")
	// ErrClock: the card's entry lies in the future; this clock or the other
	// gate's is wrong.
	ErrClock = errors.New("the entry lies in the future")
	// ErrOpen: the gates are open, by an emergency release, and nothing is read from a card or
	// written to it.
	ErrOpen = errors.New("the gates are open")
)

// Place is where a gate stands.
type Place struct {
	City        uint16  // clearing centre of the operator, 4910 Zhengzhou
	Institution [8]byte // the operator's, for the card's records
	Operator    uint16  // the operator's number in the card's records
	Line        uint16
	Station     uint16 // 1..n across all lines, as the fare table counts
	Medium      message.Medium
}

// Gate is one gate. It serves one card at a time.
type Gate struct {
	module *sam.Module
	fares  *tariff.Schedule
	place  Place
	hot    *hotlist.List
	modes  *modes.List
	before func(*message.Tap) error
}

// New makes a gate. It fails when no fare table knows the station.
func New(module *sam.Module, fares *tariff.Schedule, place Place) (*Gate, error) {
	if err := fares.Station(uint32(place.Station)); err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	return &Gate{module: module, fares: fares, place: place}, nil
}

// Refuse makes the gate refuse the cards of a hotlist, with a *hotlist.ListedError,
// in and out.
func (g *Gate) Refuse(list *hotlist.List) { g.hot = list }

// Follow makes the gate act by service modes, in and out (docs/modes.md says what each does), and
// refuse cards of issuers that are not listed.
func (g *Gate) Follow(list *modes.List) { g.modes = list }

// Open reports whether the gates are open at a time, by an emergency release.
func (g *Gate) Open(at time.Time) bool {
	inForce := g.inForce(g.place.Line, g.place.Station, at)
	return inForce.Has(message.ServiceMode_SERVICE_MODE_EMERGENCY)
}

// inForce are the service modes at a station.
func (g *Gate) inForce(line, station uint16, at time.Time) modes.Set {
	return g.modes.At(modes.Place{Transport: message.Mode_MODE_METRO, Line: uint32(line), Station: uint32(station)}, at)
}

// Intend has each payment made durable before a card is told to make it; see [card.Payment].
func (g *Gate) Intend(before func(*message.Tap) error) { g.before = before }

// Enter takes a card in. at is the wall-clock time in the city's zone: the card signs its second,
// and the table that holds then is the one that counts.
func (g *Gate) Enter(ctx context.Context, c apdu.Card, at time.Time) (*message.Tap, error) {
	p, err := g.passage(ctx, c, at, false)
	if err != nil {
		return nil, err
	}
	if err := p.table.Entry(p.cardType, uint32(g.place.Station)); err != nil {
		return nil, err
	}
	entered, err := bcd.ParseTime(p.last.Time, at.Location())
	if err == nil && inside(p.last) && !p.modes.Has(message.ServiceMode_SERVICE_MODE_NO_ORDER) {
		if took := at.Sub(entered); took >= 0 && took <= p.table.Limit() {
			return nil, fmt.Errorf("%w: at station %d since %s", ErrInside, p.last.Station(), entered.Format(time.TimeOnly))
		}
	}
	now, terms := bcd.Time(at), p.table.ToEnter()
	if p.modes.Has(message.ServiceMode_SERVICE_MODE_NO_FARE) {
		terms = card.Terms{}
	}
	return p.Pay(ctx, g.module, capp.Sale{
		Before: g.before,
		Time:   now, Terms: terms, Journey: g.journey(tunion.JourneyEntry), Trip: g.entryTrip(now, p.highest).Encode(),
		Tap: g.tap(p, &message.Tap{Movement: message.Movement_MOVEMENT_ENTRY}),
	}.Payment())
}

// Exit lets a card out for the fare of its trip, by the table that holds at the second of the exit.
// A card whose days were over meanwhile may end its trip within the time limit.
func (g *Gate) Exit(ctx context.Context, c apdu.Card, at time.Time) (*message.Tap, error) {
	p, err := g.passage(ctx, c, at, true)
	if err != nil {
		return nil, err
	}
	fare, tap := uint32(0), &message.Tap{Movement: message.Movement_MOVEMENT_EXIT}
	if inside(p.last) {
		tap.EntryLine, tap.EntryStation, tap.EntryTime = uint32(p.last.Line()), uint32(p.last.Station()), p.last.Time[:]
		fare, tap.Before, err = g.fare(ctx, p, at)
	} else {
		fare, err = g.unentered(p, at)
		p.last = tunion.Journey{}
	}
	if err != nil {
		return nil, err
	}
	now := bcd.Time(at)
	return p.Pay(ctx, g.module, capp.Sale{
		Before: g.before,
		Amount: fare, Time: now, Terms: p.table.ToLeave(p.Region.City == g.place.City),
		Journey: g.journey(tunion.JourneyExit), Trip: g.exitTrip(p.last, now, p.highest).Encode(),
		Tap: g.tap(p, tap),
	}.Payment())
}

// passage is a card at the gate, and by what it is judged.
type passage struct {
	*card.Purse
	cardType uint32
	last     tunion.Journey
	table    *tariff.Table
	highest  uint32
	modes    modes.Set
}

// passage opens the card's purse, on its way in or out, and reads its last journey.
func (g *Gate) passage(ctx context.Context, c apdu.Card, at time.Time, out bool) (p passage, err error) {
	p.modes = g.inForce(g.place.Line, g.place.Station, at)
	if p.modes.Has(message.ServiceMode_SERVICE_MODE_EMERGENCY) {
		return p, ErrOpen
	}
	if p.table, err = g.fares.At(at); err != nil {
		return p, err
	}
	if p.Purse, err = card.OpenPurse(ctx, c); err != nil {
		return p, err
	}
	refused := g.accepts(&p, at)
	if refused != nil && !(out && capp.Outlived(refused)) {
		return p, refused
	}
	if err := g.hot.Check(p.ID().Digits(), at); err != nil {
		return p, err
	}
	if p.last, err = p.LastJourney(ctx); err != nil {
		return p, err
	}
	if refused != nil {
		if began, on := capp.Began(p.last, p.table.Limit(), at); on {
			refused = g.accepts(&p, began)
		}
		if refused != nil {
			return p, refused
		}
	}
	p.cardType = uint32(p.Region.CardType)
	p.highest, err = p.table.Highest(p.cardType)
	return p, err
}

// accepts says whether the gate takes the card at a time.
func (g *Gate) accepts(p *passage, at time.Time) error {
	if err := capp.AcceptUnder(p.Purse, g.place.City, at, p.modes); err != nil {
		return err
	}
	return capp.Issued(p.Purse, g.modes, at)
}

// fare is what the trip of a card costs that is inside, and the ride before where a transfer
// from it makes the trip cheaper. Where times do not count, none does.
func (g *Gate) fare(ctx context.Context, p passage, at time.Time) (uint32, *message.RideBefore, error) {
	began, timed := at, !p.modes.Has(message.ServiceMode_SERVICE_MODE_NO_TIME)
	if timed {
		entered, err := bcd.ParseTime(p.last.Time, at.Location())
		if err != nil {
			return 0, nil, fmt.Errorf("%w: its entry has no time: %w", ErrNotInside, err)
		}
		if entered.After(at) {
			return 0, nil, fmt.Errorf("%w: %s, it is %s", ErrClock, entered.Format(time.DateTime), at.Format(time.DateTime))
		}
		began = entered
	}
	if g.free(p, at) {
		return 0, nil, nil
	}
	entry, exit := uint32(p.last.Station()), uint32(g.place.Station)
	if !timed {
		fare, err := p.table.Metro(p.cardType, entry, exit, began, at)
		return fare, nil, err
	}
	read := func(n int) (tunion.Journey, error) { return p.Journey(ctx, n+1) } // the newest is the entry
	return p.table.TripAfter(read, g.place.Boarding(began), p.cardType, entry, exit, at)
}

// free reports whether the trip of a card costs nothing: fares are not charged here, or trains do
// not run here nor where it began.
func (g *Gate) free(p passage, at time.Time) bool {
	if p.modes.Has(message.ServiceMode_SERVICE_MODE_NO_FARE) {
		return true
	}
	if !p.modes.Has(message.ServiceMode_SERVICE_MODE_TRAIN_FAULT) || p.last.City != g.place.City {
		return false
	}
	began := g.inForce(p.last.Line(), p.last.Station(), at)
	return began.Has(message.ServiceMode_SERVICE_MODE_TRAIN_FAULT)
}

// justLeft reports whether the card's last journey is an exit at this station, so lately that the
// time of a trip has not passed since: it is held again because the gate did not open, and must not
// pay twice.
func (g *Gate) justLeft(p passage, at time.Time) bool {
	left, err := bcd.ParseTime(p.last.Time, at.Location())
	since := at.Sub(left)
	return err == nil && p.last.Type == tunion.JourneyExit && p.last.Industry == tunion.IndustryMetro &&
		p.last.City == g.place.City && p.last.Station() == g.place.Station && since.Abs() <= p.table.Limit()
}

// unentered is what a card pays that is not inside; the error is ErrNotInside.
func (g *Gate) unentered(p passage, at time.Time) (uint32, error) {
	refused := p.modes.Unentered <= message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_REFUSED
	switch {
	case refused, g.justLeft(p, at):
		return 0, ErrNotInside
	case p.modes.Has(message.ServiceMode_SERVICE_MODE_NO_FARE), p.modes.Unentered == message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_FREE:
		return 0, nil
	case p.modes.Unentered == message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_LOWEST:
		return p.table.Lowest(p.cardType, uint32(g.place.Station), at)
	}
	return p.highest, nil
}

// Resolve finds the outcome of a payment that is not known, with the same card. It returns the
// tap when the card has paid: record it and let the passenger through. It returns nil when it has
// not: then treat the card as if it came for the first time. Errors: see [card.Resolve].
func (g *Gate) Resolve(ctx context.Context, c apdu.Card, open *card.UnknownError) (*message.Tap, error) {
	return card.Resolve(ctx, c, g.module, open)
}

// inside reports whether a card's last journey is an entry into the metro.
func inside(last tunion.Journey) bool {
	return last.Type == tunion.JourneyEntry && last.Industry == tunion.IndustryMetro
}

// tap adds to the record of a passage the fields that all passages share.
func (g *Gate) tap(p passage, t *message.Tap) *message.Tap {
	t.Medium, t.Mode, t.Line, t.Station = g.place.Medium, message.Mode_MODE_METRO, uint32(g.place.Line), uint32(g.place.Station)
	t.CardType, t.FareVersion, t.ServiceMode = p.cardType, p.table.Version(), p.modes.Kinds
	return t
}
