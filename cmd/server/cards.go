package server

import (
	"context"
	"sync"
	"time"

	"citycard/clearing/cards"
	"citycard/clearing/persons"
	"citycard/clearing/rules"
	"citycard/language"
	"citycard/ledger"
)

// inForce keeps the edition of rules that was in force at the last look, since to read all of it
// takes longer than an act at a counter may.
type inForce struct {
	mu  sync.Mutex
	set *rules.Set
}

// read gives the edition in force.
func (f *inForce) read(ctx context.Context, store *rules.Store) (*rules.Set, error) {
	edition, err := store.Edition(ctx)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.set != nil && f.set.Edition == edition {
		return f.set, nil
	}
	set, err := store.InForce(ctx)
	if err == nil {
		f.set = set
	}
	return set, err
}

// cardsOffice makes the room of cards over a ledger.
func cardsOffice(l *ledger.Ledger, known *inForce, zone func(context.Context) (*time.Location, error), data func(context.Context, *ledger.Ledger) (*persons.Store, error)) *cards.Office {
	return &cards.Office{
		Ledger: l, Owner: OwnerName(),
		InForce: func(ctx context.Context) (*cards.Figures, error) {
			zone, err := zone(ctx)
			if err != nil {
				return nil, err
			}
			set, err := known.read(ctx, &rules.Store{Ledger: l})
			if err != nil {
				return nil, err
			}
			return &cards.Figures{Products: set.Products, Calendar: set.Calendar, Now: time.Now().In(zone)}, nil
		},
		Token: func(ctx context.Context, number string) (token [16]byte, err error) {
			certificate, wrong := persons.ParseCertificate(number)
			if wrong != nil {
				return token, &cards.OrderError{Field: "certificate", What: language.Textf("%w", wrong)}
			}
			store, err := data(ctx, l)
			if err != nil {
				return token, err
			}
			return store.Of(certificate), nil
		},
	}
}
