// Package validator is a bus validator: one tap, one ride, paid at once at the
// price of the line. The dialogue with the card is package card's.
//
// Green means that the card has paid and its proof was verified: Ride returned a
// tap. What the other outcomes mean:
//
//	Ride returns                light   the card    do
//	tap                         green   has paid    record the tap
//	tap and *sam.Error          green   has paid    record the tap, go out of service
//	*card.UnknownError          red     is unknown  "tap again"; Resolve with the same card
//	card.ErrInsufficient, …     red     has not     say why
//	*hotlist.ListedError        red     has not     keep out; nothing was written to it
//	any other error             red     has not     "tap again"
package validator

import (
	"context"
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

// Place says where a validator is installed.
type Place struct {
	City        uint16  // clearing centre of the operator, 4910 Zhengzhou
	Institution [8]byte // the operator's, for the card's records
	Operator    uint16  // the operator's number in the card's records
	Line        uint16
	Vehicle     string // at most 8 ASCII characters
	Medium      message.Medium
}

// Validator is one validator. It serves one card at a time.
type Validator struct {
	module  *sam.Module
	fares   *tariff.Schedule
	place   Place
	vehicle [8]byte
	hot     *hotlist.List
	modes   *modes.List
	before  func(*message.Tap) error
}

// New makes a validator. It fails when no table has a fare on the line, and on a vehicle name that
// does not fit the card.
func New(module *sam.Module, fares *tariff.Schedule, place Place) (*Validator, error) {
	v := &Validator{module: module, fares: fares, place: place}
	if len(place.Vehicle) > len(v.vehicle) {
		return nil, fmt.Errorf("validator: vehicle %q has more than %d characters", place.Vehicle, len(v.vehicle))
	}
	copy(v.vehicle[:], place.Vehicle)
	if err := fares.BusLine(uint32(place.Line)); err != nil {
		return nil, fmt.Errorf("validator: %w", err)
	}
	return v, nil
}

// Refuse makes the validator refuse the cards of a hotlist, with a
// *hotlist.ListedError.
func (v *Validator) Refuse(list *hotlist.List) { v.hot = list }

// Follow makes the validator act by service modes (docs/modes.md says what each does), and refuse
// cards of issuers that are not listed.
func (v *Validator) Follow(list *modes.List) { v.modes = list }

// Intend has each payment made durable before a card is told to make it; see [card.Payment].
func (v *Validator) Intend(before func(*message.Tap) error) { v.before = before }

// Ride takes one fare. at is the wall-clock time in the city's zone: the card signs its second, and
// the fare is that of the table which holds then.
func (v *Validator) Ride(ctx context.Context, c apdu.Card, at time.Time) (*message.Tap, error) {
	table, err := v.fares.At(at)
	if err != nil {
		return nil, err
	}
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return nil, err
	}
	inForce := v.modes.At(modes.Place{Transport: message.Mode_MODE_BUS, Line: uint32(v.place.Line)}, at)
	if err := capp.AcceptUnder(p, v.place.City, at, inForce); err != nil {
		return nil, err
	}
	if err := capp.Issued(p, v.modes, at); err != nil {
		return nil, err
	}
	if err := v.hot.Check(p.ID().Digits(), at); err != nil {
		return nil, err
	}
	cardType := uint32(p.Region.CardType)
	boarding := tariff.Boarding{Mode: message.Mode_MODE_BUS, Operator: v.place.Operator, City: v.place.City, Began: at}
	read := func(n int) (tunion.Journey, error) { return p.Journey(ctx, n) }
	fare, before, err := table.RideAfter(read, boarding, cardType, uint32(v.place.Line))
	if err != nil {
		return nil, err
	}
	terms := table.ToRide(p.Region.City == v.place.City)
	if inForce.Has(message.ServiceMode_SERVICE_MODE_NO_FARE) {
		fare, before = 0, nil
	}
	if fare == 0 {
		terms = card.Terms{}
	}
	now := bcd.Time(at)
	return p.Pay(ctx, v.module, capp.Sale{
		Before: v.before,
		Amount: fare, Time: now, Terms: terms, Trip: v.trip(fare, now).Encode(),
		Journey: tunion.Journey{
			Type: tunion.JourneySingle, Industry: tunion.IndustryBus, Place: tunion.Place(v.place.Line, 0, v.place.Operator),
			City: v.place.City, Institution: v.place.Institution,
		},
		Tap: &message.Tap{
			Medium: v.place.Medium, Mode: message.Mode_MODE_BUS, Movement: message.Movement_MOVEMENT_SINGLE,
			Line: uint32(v.place.Line), Vehicle: v.place.Vehicle, CardType: cardType, FareVersion: table.Version(), ServiceMode: inForce.Kinds,
			Before: before,
		},
	}.Payment())
}

// Resolve finds the outcome of a payment that is not known, with the same card: the tap when the
// card has paid, nil when it has not and should be taken again. Errors: see [card.Resolve].
func (v *Validator) Resolve(ctx context.Context, c apdu.Card, open *card.UnknownError) (*message.Tap, error) {
	return card.Resolve(ctx, c, v.module, open)
}

// trip is the bus record of file 001A. A ride is paid when the passenger boards, so the alighting
// stop is not known.
func (v *Validator) trip(fare uint32, at [7]byte) tunion.BusTrip {
	return tunion.BusTrip{
		TripHeader: tunion.NewTripHeader(tunion.TripBusID, tunion.TripEntered),
		On: tunion.BusStop{
			City: v.place.City, Institution: v.place.Institution, Operator: v.place.Operator, Line: v.place.Line,
			Vehicle: v.vehicle, Terminal: tunion.LongTerminal(v.module.Terminal()), Time: at,
		},
		MarkedAmount: fare, Amount: fare,
	}
}
