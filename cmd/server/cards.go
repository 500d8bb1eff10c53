package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/cards"
	"citycard/clearing/people"
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
			return &cards.Figures{Products: set.Products, Calendar: set.Calendar, Contracts: set.Contracts, Now: time.Now().In(zone)}, nil
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
		Supervises: func(ctx context.Context, tx pgx.Tx, by ledger.Approval, unit people.Unit) error {
			store, err := people.NewStore(l)
			if err != nil {
				return err
			}
			if len(by.Signed) == 0 {
				return &people.DeniedError{Person: people.Person{ID: by.First}, Act: cards.ActAnothers, Unit: unit}
			}
			return store.MayFor(ctx, tx, by.Signed[0], cards.ActAnothers, unit)
		},
	}
}

// followEvery is how often what is due of cards is looked for.
const followEvery = 10 * time.Second

// byRulePage is how many of the cards that are due are done each time, and lookPage how many of the
// ended ones, and of those with customers, are looked at: most of them need nothing.
const (
	byRulePage = 100
	lookPage   = 500
)

// FollowIssued brings the cards that were issued into the registry, once.
func FollowIssued(ctx context.Context, l *ledger.Ledger) error {
	office := cardsOffice(l, new(inForce), func(ctx context.Context) (*time.Location, error) { return Zone(ctx, l) }, nil)
	_, err := office.FollowIssued(ctx)
	return err
}

// followCards does, until ctx ends, what is due of cards by rule, and has the registry follow what
// counters do.
func followCards(ctx context.Context, l *ledger.Ledger, every time.Duration, log *slog.Logger) {
	zone := func(ctx context.Context) (*time.Location, error) { return Zone(ctx, l) }
	office := cardsOffice(l, new(inForce), zone, nil)
	tick := time.NewTicker(every)
	defer tick.Stop()
	at := new(cards.Rounds)
	for {
		followed, err := office.Follow(ctx) // lost cards first, whatever else fails
		issued, refused := office.FollowIssued(ctx)
		done, failed := office.ByRule(ctx, at, byRulePage)
		_, failedEmptied := office.Emptied(ctx, at, lookPage)
		late, failedLate := office.Late(ctx, at, lookPage)
		changed, failedLook := office.Disused(ctx, at, lookPage)
		err = errors.Join(err, refused, failed, failedEmptied, failedLate, failedLook)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Warn("what is due of cards is not done; it will be", "error", err)
		case done+late+changed+followed+issued > 0:
			log.Info("what is due of cards is done", "by_rule", done+late+changed, "in_registry", followed+issued)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
