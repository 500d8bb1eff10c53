package capp

import (
	"context"
	"errors"
	"fmt"
	"time"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/keys"
	"citycard/cardos/tunion"
)

// Why a card is not taken. The passenger is told; nothing on the card changed.
var (
	// ErrNotTransit: no purse of the transit union is on the card.
	ErrNotTransit = errors.New("not a transit card")
	// ErrBlocked: the purse is blocked, for good or for now.
	ErrBlocked = errors.New("the card is blocked")
	// ErrNotEnabled: the issuer has not enabled the card.
	ErrNotEnabled = errors.New("the card is not in use yet")
	// ErrExpired: the card's last day is past, or its first has not come.
	ErrExpired = errors.New("the card is not valid on this day")
	// ErrElsewhere: the card may be used in its own city only, and that is another.
	ErrElsewhere = errors.New("the card is not valid in this city")
	// ErrInsufficient: the purse does not hold the fare.
	ErrInsufficient = errors.New("the balance does not suffice")
)

// Presented is a card held to the terminal, as far as it was read. Its purse is
// selected.
type Presented struct {
	Application tunion.Application // file 0015
	Region      tunion.Region      // file 0017
}

// ID is what the card's keys come from.
func (p Presented) ID() keys.CardID {
	return keys.CardID{Issuer: p.Application.Issuer, ASN: p.Application.ASN}
}

// regionRead is how much of file 0017 a terminal needs: up to the card type.
const regionRead = 11

// Present selects the purse and reads what is free to read. Errors: ErrNotTransit,
// ErrBlocked, a *apdu.StatusError, tunion.ErrLayout, or the transport's.
func Present(ctx context.Context, card apdu.Card) (Presented, error) {
	if _, err := apdu.Exchange(ctx, card, apdu.Select(tunion.AIDPurse.Bytes())); err != nil {
		return Presented{}, selectError(err)
	}
	var p Presented
	answer, err := apdu.Exchange(ctx, card, apdu.ReadBinary(tunion.ApplicationSFI, 0, tunion.ApplicationSize))
	if err == nil {
		p.Application, err = tunion.ParseApplication(answer)
	}
	if err != nil {
		return Presented{}, fmt.Errorf("read file 0015: %w", err)
	}
	if answer, err = apdu.Exchange(ctx, card, apdu.ReadBinary(tunion.RegionSFI, 0, regionRead)); err == nil {
		p.Region, err = tunion.ParseRegion(answer)
	}
	if err != nil {
		return Presented{}, fmt.Errorf("read file 0017: %w", err)
	}
	return p, nil
}

func selectError(err error) error {
	switch {
	case apdu.IsBlocked(err), apdu.FileInvalidated.Is(err), apdu.PermanentlyBlocked.Is(err):
		return fmt.Errorf("%w: %w", ErrBlocked, err)
	case apdu.IsNotFound(err):
		return fmt.Errorf("%w: %w", ErrNotTransit, err)
	}
	return fmt.Errorf("select the purse: %w", err)
}

// Accept says whether a terminal of a city takes the card at a time: nil, or
// ErrNotEnabled, ErrExpired, ErrElsewhere.
func (p Presented) Accept(city uint16, at time.Time) error {
	a := p.Application
	if a.Status != tunion.StatusEnabled {
		return ErrNotEnabled
	}
	today := bcd.Date(at) // packed dates compare as their bytes do
	if string(today[:]) < string(a.Start[:]) || string(today[:]) > string(a.Expiry[:]) {
		return fmt.Errorf("%w: %x, the card is valid from %x to %x", ErrExpired, today, a.Start, a.Expiry)
	}
	if p.Region.City != city && p.Region.Interoperable != 1 {
		return fmt.Errorf("%w: the card is of city %04x", ErrElsewhere, p.Region.City)
	}
	return nil
}

// LastJourney reads the newest record of file 001E; false on a card that was
// never used.
func LastJourney(ctx context.Context, card apdu.Card) (tunion.Journey, bool, error) {
	answer, err := apdu.Exchange(ctx, card, apdu.ReadRecord(tunion.JourneySFI, 1, tunion.JourneySize))
	if apdu.RecordNotFound.Is(err) {
		return tunion.Journey{}, false, nil
	}
	if err != nil {
		return tunion.Journey{}, false, fmt.Errorf("read the last journey: %w", err)
	}
	j, err := tunion.ParseJourney(answer)
	if err != nil {
		return tunion.Journey{}, false, fmt.Errorf("read the last journey: %w", err)
	}
	return j, !j.Empty(), nil
}
