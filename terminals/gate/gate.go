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
	fares  *tariff.Table
	place  Place
	hot    *hotlist.List
}

// New makes a gate. It fails when the fare table does not know the station.
func New(module *sam.Module, fares *tariff.Table, place Place) (*Gate, error) {
	if err := fares.Station(uint32(place.Station)); err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	return &Gate{module: module, fares: fares, place: place}, nil
}

// Refuse makes the gate refuse the cards of a hotlist, with a *hotlist.ListedError,
// in and out.
func (g *Gate) Refuse(list *hotlist.List) { g.hot = list }

// Terminal is the number of the gate's SAM.
func (g *Gate) Terminal() [6]byte { return g.module.Terminal() }

// Enter takes a card in. at is the wall-clock time in the city's zone.
func (g *Gate) Enter(ctx context.Context, card apdu.Card, at time.Time) (*message.Tap, error) {
	p, last, err := g.read(ctx, card, at)
	if err != nil {
		return nil, err
	}
	if err := g.fares.Entry(uint32(p.Region.CardType), uint32(g.place.Station)); err != nil {
		return nil, err
	}
	if entered, err := bcd.ParseTime(last.Time, at.Location()); inside(last) && err == nil {
		if took := at.Sub(entered); took >= 0 && took <= g.fares.Limit() {
			return nil, fmt.Errorf("%w: at station %d since %s", ErrInside, last.Station(), entered.Format(time.TimeOnly))
		}
	}
	sale := capp.Sale{Time: bcd.Time(at), Journey: g.journey(tunion.JourneyEntry)}
	highest, err := g.fares.Highest(uint32(p.Region.CardType))
	if err != nil {
		return nil, err
	}
	sale.Trip = g.entryTrip(sale.Time, highest).Encode()
	return g.pay(ctx, card, p, sale, movement{kind: message.Movement_MOVEMENT_ENTRY})
}

// Exit lets a card out for the fare of its trip.
func (g *Gate) Exit(ctx context.Context, card apdu.Card, at time.Time) (*message.Tap, error) {
	p, last, err := g.read(ctx, card, at)
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
	cardType := uint32(p.Region.CardType)
	fare, err := g.fares.Metro(cardType, uint32(last.Station()), uint32(g.place.Station), at.Truncate(time.Second).Sub(entered))
	if err != nil {
		return nil, err
	}
	highest, err := g.fares.Highest(cardType)
	if err != nil {
		return nil, err
	}
	sale := capp.Sale{Amount: fare, Time: bcd.Time(at), Journey: g.journey(tunion.JourneyExit)}
	sale.Trip = g.exitTrip(last, sale.Time, highest).Encode()
	return g.pay(ctx, card, p, sale, movement{message.Movement_MOVEMENT_EXIT, uint32(last.Station()), last.Time[:]})
}

// Resolve settles an unknown outcome with the same card. It returns the tap when
// the card has paid: record it and let the passenger through. It returns nil
// when it has not: take the card as if it came for the first time. Errors: see
// capp.Resolve.
func (g *Gate) Resolve(ctx context.Context, card apdu.Card, open *Unknown) (*message.Tap, error) {
	r, err := capp.Resolve(ctx, card, g.module, open.Unknown)
	if err != nil || r == nil {
		return nil, err
	}
	return g.tap(r, open.cardType, open.moved), nil
}

// Unknown is a *capp.UnknownError with what the gate knows of the trip.
type Unknown struct {
	Unknown  *capp.UnknownError
	cardType uint32
	moved    movement
}

func (u *Unknown) Error() string { return u.Unknown.Error() }

// Unwrap returns the *capp.UnknownError.
func (u *Unknown) Unwrap() error { return u.Unknown }

// movement is what the passenger does, and where the trip began.
type movement struct {
	kind         message.Movement
	entryStation uint32
	entryTime    []byte
}

// read presents the card and reads its last journey.
func (g *Gate) read(ctx context.Context, card apdu.Card, at time.Time) (capp.Presented, tunion.Journey, error) {
	p, err := capp.Present(ctx, card)
	if err != nil {
		return p, tunion.Journey{}, err
	}
	if err := p.Accept(g.place.City, at); err != nil {
		return p, tunion.Journey{}, err
	}
	if err := g.hot.Check(p.ID().Digits(), at); err != nil {
		return p, tunion.Journey{}, err
	}
	last, _, err := capp.LastJourney(ctx, card)
	return p, last, err
}

// inside reports whether a card's last journey is an entry into the metro.
func inside(last tunion.Journey) bool {
	return last.Type == tunion.JourneyEntry && last.Industry == tunion.IndustryMetro
}

func (g *Gate) pay(ctx context.Context, card apdu.Card, p capp.Presented, sale capp.Sale, moved movement) (*message.Tap, error) {
	r, err := capp.Pay(ctx, card, g.module, p.ID(), sale)
	if unknown, ok := errors.AsType[*capp.UnknownError](err); ok {
		return nil, &Unknown{Unknown: unknown, cardType: uint32(p.Region.CardType), moved: moved}
	}
	if r == nil {
		return nil, err
	}
	return g.tap(r, uint32(p.Region.CardType), moved), err
}

func (g *Gate) tap(r *capp.Receipt, cardType uint32, moved movement) *message.Tap {
	return &message.Tap{
		Medium: g.place.Medium, Debit: r.Debit(), CardCounter: uint32(r.Counter), BalanceFen: r.Balance,
		Mode: message.Mode_MODE_METRO, Movement: moved.kind, Line: uint32(g.place.Line), Station: uint32(g.place.Station),
		EntryStation: moved.entryStation, EntryTime: moved.entryTime, CardType: cardType, FareVersion: g.fares.Version(),
	}
}
