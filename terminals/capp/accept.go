package capp

import (
	"errors"
	"fmt"
	"time"

	"citycard/cardos/bcd"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/card"
	"citycard/terminals/modes"
)

// The reasons why a card is not taken, besides [card.ErrExpired]. The passenger is told; nothing on
// the card has changed.
var (
	// ErrNotEnabled: the issuer has not enabled the card.
	ErrNotEnabled = errors.New("the card is not in use yet")
	// ErrElsewhere: the card may be used in its own city only, and that is another.
	ErrElsewhere = errors.New("the card is not valid in this city")
	// ErrIssuer: cards of this issuer are not taken here.
	ErrIssuer = errors.New("cards of this issuer are not taken here")
)

// Accept says whether a terminal of a city takes the card at a time: nil, or ErrNotEnabled,
// card.ErrExpired, ErrElsewhere.
func Accept(p *card.Purse, city uint16, at time.Time) error {
	return AcceptUnder(p, city, at, modes.Set{})
}

// AcceptUnder says so while service modes are in force: of those, one leaves out the dates from and
// to which the card is valid.
func AcceptUnder(p *card.Purse, city uint16, at time.Time, inForce modes.Set) error {
	a := p.Application
	if a.Status != tunion.StatusEnabled {
		return ErrNotEnabled
	}
	today := bcd.Date(at) // packed dates compare as their bytes do
	valid := string(today[:]) >= string(a.Start[:]) && string(today[:]) <= string(a.Expiry[:])
	if !valid && !inForce.Has(message.ServiceMode_SERVICE_MODE_NO_DATE) {
		return fmt.Errorf("%w: %x, the card is valid from %x to %x", card.ErrExpired, today, a.Start, a.Expiry)
	}
	if p.Region.City != city && p.Region.Interoperable != 1 {
		return fmt.Errorf("%w: the card is of city %04x", ErrElsewhere, p.Region.City)
	}
	return nil
}

// Outlived reports whether what keeps a card out is only that its days, or those of its issuer, are
// over: a trip that began before may end.
func Outlived(refused error) bool {
	return errors.Is(refused, card.ErrExpired) || errors.Is(refused, ErrIssuer)
}

// Began is when the trip began that a card is on, by its last journey; ok is false where it is on
// none, or on one past the time limit. at is in the zone of the card's clock.
func Began(last tunion.Journey, limit time.Duration, at time.Time) (entered time.Time, ok bool) {
	if last.Type != tunion.JourneyEntry || last.Industry != tunion.IndustryMetro {
		return entered, false
	}
	entered, err := bcd.ParseTime(last.Time, at.Location())
	took := at.Truncate(time.Second).Sub(entered)
	return entered, err == nil && took >= 0 && took <= limit
}

// Issued says whether cards of the issuer are taken, by what the clearing centre publishes: nil, or
// ErrIssuer.
func Issued(p *card.Purse, list *modes.List, at time.Time) error {
	if !list.Takes(p.Application.Issuer, at) {
		return fmt.Errorf("%w: issuer %x", ErrIssuer, p.Application.Issuer)
	}
	return nil
}
