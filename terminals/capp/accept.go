package capp

import (
	"errors"
	"fmt"
	"time"

	"citycard/cardos/bcd"
	"citycard/cardos/tunion"
	"citycard/terminals/card"
)

// The reasons why a card is not taken, besides [card.ErrExpired]. The passenger is told; nothing on
// the card has changed.
var (
	// ErrNotEnabled: the issuer has not enabled the card.
	ErrNotEnabled = errors.New("the card is not in use yet")
	// ErrElsewhere: the card may be used in its own city only, and that is another.
	ErrElsewhere = errors.New("the card is not valid in this city")
)

// Accept says whether a terminal of a city takes the card at a time: nil, or ErrNotEnabled,
// card.ErrExpired, ErrElsewhere.
func Accept(p *card.Purse, city uint16, at time.Time) error {
	a := p.Application
	if a.Status != tunion.StatusEnabled {
		return ErrNotEnabled
	}
	today := bcd.Date(at) // packed dates compare as their bytes do
	if string(today[:]) < string(a.Start[:]) || string(today[:]) > string(a.Expiry[:]) {
		return fmt.Errorf("%w: %x, the card is valid from %x to %x", card.ErrExpired, today, a.Start, a.Expiry)
	}
	if p.Region.City != city && p.Region.Interoperable != 1 {
		return fmt.Errorf("%w: the card is of city %04x", ErrElsewhere, p.Region.City)
	}
	return nil
}
