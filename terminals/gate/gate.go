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

// Intend has each payment made durable before a card is told to make it; see [card.Payment].
func (g *Gate) Intend(before func(*message.Tap) error) { g.before = before }

// Enter takes a card in. at is the wall-clock time in the city's zone: the card signs its second,
// and the table that holds then is the one that counts.
func (g *Gate) Enter(ctx context.Context, c apdu.Card, at time.Time) (*message.Tap, error) {
	table, err := g.fares.At(at)
	if err != nil {
		return nil, err
	}
	p, last, err := g.read(ctx, c, at)
	if err != nil {
		return nil, err
	}
	if err := table.Entry(uint32(p.Region.CardType), uint32(g.place.Station)); err != nil {
		return nil, err
	}
	if entered, err := bcd.ParseTime(last.Time, at.Location()); inside(last) && err == nil {
		if took := at.Sub(entered); took >= 0 && took <= table.Limit() {
			return nil, fmt.Errorf("%w: at station %d since %s", ErrInside, last.Station(), entered.Format(time.TimeOnly))
		}
	}
	highest, err := table.Highest(uint32(p.Region.CardType))
	if err != nil {
		return nil, err
	}
	now := bcd.Time(at)
	return p.Pay(ctx, g.module, capp.Sale{
		Before: g.before,
		Time:   now, Journey: g.journey(tunion.JourneyEntry), Trip: g.entryTrip(now, highest).Encode(),
		Tap: g.tap(p, table, &message.Tap{Movement: message.Movement_MOVEMENT_ENTRY}),
	}.Payment())
}

// Exit lets a card out for the fare of its trip, by the table that holds at the second of the exit.
func (g *Gate) Exit(ctx context.Context, c apdu.Card, at time.Time) (*message.Tap, error) {
	table, err := g.fares.At(at)
	if err != nil {
		return nil, err
	}
	p, last, err := g.read(ctx, c, at)
	if err != nil {
		return nil, err
	}
	if !inside(last) {
		return nil, ErrNotInside
	}
	entered, err := bcd.ParseTime(last.Time, at.Location())
	if err != nil {
		return nil, fmt.Errorf("%w: its entry has no time: %w", ErrNotInside, err)
	}
	if entered.After(at) {
		return nil, fmt.Errorf("%w: %s, it is %s", ErrClock, entered.Format(time.DateTime), at.Format(time.DateTime))
	}
	cardType, entry := uint32(p.Region.CardType), uint32(last.Station())
	fare, err := table.Metro(cardType, entry, uint32(g.place.Station), at.Truncate(time.Second).Sub(entered))
	if err != nil {
		return nil, err
	}
	highest, err := table.Highest(cardType)
	if err != nil {
		return nil, err
	}
	now := bcd.Time(at)
	return p.Pay(ctx, g.module, capp.Sale{
		Before: g.before,
		Amount: fare, Time: now, Journey: g.journey(tunion.JourneyExit), Trip: g.exitTrip(last, now, highest).Encode(),
		Tap: g.tap(p, table, &message.Tap{Movement: message.Movement_MOVEMENT_EXIT, EntryStation: entry, EntryTime: last.Time[:]}),
	}.Payment())
}

// Resolve finds the outcome of a payment that is not known, with the same card. It returns the
// tap when the card has paid: record it and let the passenger through. It returns nil when it has
// not: then treat the card as if it came for the first time. Errors: see [card.Resolve].
func (g *Gate) Resolve(ctx context.Context, c apdu.Card, open *card.UnknownError) (*message.Tap, error) {
	return card.Resolve(ctx, c, g.module, open)
}

// read opens the card's purse and reads its last journey.
func (g *Gate) read(ctx context.Context, c apdu.Card, at time.Time) (*card.Purse, tunion.Journey, error) {
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return nil, tunion.Journey{}, err
	}
	if err := capp.Accept(p, g.place.City, at); err != nil {
		return nil, tunion.Journey{}, err
	}
	if err := g.hot.Check(p.ID().Digits(), at); err != nil {
		return nil, tunion.Journey{}, err
	}
	last, err := p.LastJourney(ctx)
	return p, last, err
}

// inside reports whether a card's last journey is an entry into the metro.
func inside(last tunion.Journey) bool {
	return last.Type == tunion.JourneyEntry && last.Industry == tunion.IndustryMetro
}

// tap adds to the record of a passage the fields that all passages share.
func (g *Gate) tap(p *card.Purse, table *tariff.Table, t *message.Tap) *message.Tap {
	t.Medium, t.Mode, t.Line, t.Station = g.place.Medium, message.Mode_MODE_METRO, uint32(g.place.Line), uint32(g.place.Station)
	t.CardType, t.FareVersion = uint32(p.Region.CardType), table.Version()
	return t
}
