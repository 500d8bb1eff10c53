package station

import (
	"context"
	"fmt"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/capp"
	"citycard/terminals/card"
	"citycard/terminals/sam"
)

// Desk is one desk. It serves one card at a time.
type Desk struct {
	Here
	module *sam.Module
	before func(*message.Tap) error
}

// New makes a desk. It fails when no fare table knows the station.
func New(module *sam.Module, here Here) (*Desk, error) {
	if err := here.Fares.Station(uint32(here.Place.Station)); err != nil {
		return nil, language.Textf("station desk: %w", err)
	}
	return &Desk{Here: here, module: module}, nil
}

// Intend has each payment made durable before a card is told to make it; see [card.Payment].
func (d *Desk) Intend(before func(*message.Tap) error) { d.before = before }

// Resolve finds the outcome of a payment that is not known, with the same card: the tap when the
// card has paid, nil when it has not. Errors: see [card.Resolve].
func (d *Desk) Resolve(ctx context.Context, c apdu.Card, open *card.UnknownError) (*message.Tap, error) {
	return card.Resolve(ctx, c, d.module, open)
}

// Update carries an offer out, at a time in the city's zone, on the card for which it was made, in
// the state which it had then. ErrChanged: it is another card, or has been used since, or the price
// is another one; nothing on it has changed. The other errors, and a tap together with an error,
// are those of a gate.
func (d *Desk) Update(ctx context.Context, c apdu.Card, o Offer, at time.Time) (*message.Tap, error) {
	r, p := read(ctx, c)
	if r.Err != nil {
		return nil, r.Err
	}
	if r.ID() != o.Card {
		return nil, ErrChanged
	}
	now, err := d.Offer(&r, o.Request, at)
	if err != nil {
		return nil, language.Textf("%w: %w", ErrChanged, err)
	}
	if now != o {
		return nil, ErrChanged
	}
	table, err := d.Fares.At(at)
	if err != nil || table.Version() != o.Fares {
		return nil, ErrChanged
	}
	highest, err := table.Highest(cardType(&r))
	if err != nil {
		return nil, err
	}
	sale := d.sale(&r, o, bcd.Time(at), highest)
	inForce := d.inForce(d.Place.Line, d.Place.Station, at)
	sale.Tap.ServiceMode = inForce.Kinds
	sale.Before = d.agreed(o)
	return p.Pay(ctx, d.module, sale.Payment())
}

// agreed lets the card pay only what was agreed to.
func (d *Desk) agreed(o Offer) func(*message.Tap) error {
	return func(tap *message.Tap) error {
		if tap.GetCardCounter() != uint32(o.Counter) || tap.GetBalanceFen() != o.Left() || tap.GetDebit().GetAmountFen() != o.Fen {
			return ErrChanged
		}
		if d.before == nil {
			return nil
		}
		return d.before(tap)
	}
}

// sale is what the card is to pay and to store.
func (d *Desk) sale(r *Reading, o Offer, now [7]byte, highest uint32) capp.Sale {
	s := capp.Sale{Amount: o.Fen, Time: now, Tap: &message.Tap{
		Medium: d.Place.Medium, Mode: message.Mode_MODE_METRO, Movement: message.Movement_MOVEMENT_UPDATE,
		Line: uint32(d.Place.Line), Station: uint32(d.Place.Station), EntryStation: o.Entry,
		CardType: cardType(r), FareVersion: o.Fares,
		Update: &message.Update{Reason: o.Reason, CashFen: o.Cash, Staff: o.Staff},
	}}
	if !o.Ends() {
		s.Tap.EntryLine = o.FromLine
		there := d.Place
		there.Line, there.Station = uint16(o.FromLine), uint16(o.From)
		s.Journey, s.Trip = there.Journey(tunion.JourneyEntry), there.EntryTrip(d.module.Terminal(), now, highest).Encode()
		return s
	}
	entry := r.Last
	if o.Reason == message.UpdateReason_UPDATE_REASON_NO_ENTRY {
		entry = tunion.Journey{}
	} else {
		s.Tap.EntryLine, s.Tap.EntryTime, s.Tap.Before = uint32(r.Last.Line()), o.Entered[:], o.Before.Claim()
	}
	s.Journey, s.Trip = d.Place.Journey(tunion.JourneyAdjust), d.Place.ExitTrip(d.module.Terminal(), entry, now, highest).Encode()
	return s
}

// String names the offer in a log, without the card.
func (o *Offer) String() string {
	return fmt.Sprintf("update %s, %d fen from the card, %d in cash", o.Reason.Code(), o.Fen, o.Cash)
}
