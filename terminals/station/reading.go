package station

import (
	"context"

	"citycard/cardos/apdu"
	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/terminals/card"
)

// Reading is what was read from a card, or why it could not be read.
type Reading struct {
	Err         error
	Application tunion.Application
	Region      tunion.Region
	Last        tunion.Journey          // the newest; empty on a card that was never used
	Earlier     [earlier]tunion.Journey // those before it, newest first
	Balance     int32                   // fen; below 0: overdrawn
	Overdraft   uint32                  // how far below zero the card lets itself go, fen
	Counter     uint16                  // payments that the card has made
}

// earlier is how many journeys say which transfer led to a trip.
const earlier = 3

// before reads the n-th of the journeys before the newest.
func (r *Reading) before(n int) (tunion.Journey, error) {
	if n > earlier {
		return tunion.Journey{}, nil
	}
	return r.Earlier[n-1], nil
}

// ID is the card's identity.
func (r *Reading) ID() keys.CardID {
	return keys.CardID{Issuer: r.Application.Issuer, ASN: r.Application.ASN}
}

// Read reads a card; nothing on it changes.
func Read(ctx context.Context, c apdu.Card) Reading {
	r, _ := read(ctx, c)
	return r
}

func read(ctx context.Context, c apdu.Card) (r Reading, p *card.Purse) {
	if p, r.Err = card.OpenPurse(ctx, c); r.Err != nil {
		return r, nil
	}
	r.Application, r.Region = p.Application, p.Region
	if _, r.Err = tunion.Number(p.Application.ASN); r.Err != nil {
		return r, nil
	}
	if r.Last, r.Err = p.LastJourney(ctx); r.Err != nil {
		return r, nil
	}
	for i := range r.Earlier {
		if r.Earlier[i], r.Err = p.Journey(ctx, i+2); r.Err != nil {
			return r, nil
		}
	}
	start, err := p.Start(ctx)
	if r.Err = err; err != nil {
		return r, nil
	}
	r.Balance, r.Overdraft, r.Counter = start.Own(), start.OverdraftLimit, start.OfflineSequence
	return r, p
}
