package owed

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/cards"
	"citycard/clearing/identity"
	"citycard/clearing/transit/load"
	"citycard/ledger"
)

// readOrders reads paid orders that no card has. The key has the placer, a NUL and the number.
func readOrders(ctx context.Context, tx pgx.Tx, f Figures, from place, limit int) (all []found, err error) {
	placer, number, _ := strings.Cut(from.key, "\x00")
	list, err := load.ListUnclaimed(ctx, tx, f.Today.Add(-f.Days), load.After{Booked: from.day, Placer: load.Placer(placer), Number: number}, limit)
	for i := range list {
		w := &list[i]
		why := Waits
		switch {
		case w.State == load.StateHeld:
			why = Held
		case w.Ended:
			why = Ended
		}
		all = append(all, found{
			place: place{w.Booked, orders, string(w.Placer) + "\x00" + w.Number},
			Line:  Line{Since: w.Booked, Why: why, Card: w.Card, Fen: w.Fen, Placer: w.Placer, Order: w.Number},
		})
	}
	return all, err
}

// readUnconfirmed reads loads without their cards' words. The key has the card and the load's id.
func readUnconfirmed(ctx context.Context, tx pgx.Tx, f Figures, from place, limit int) (all []found, err error) {
	after := load.Unconfirmed{Booked: from.day}
	if size := len(identity.Card{}); len(from.key) > size {
		as, ok := identity.AuthorisedLoad(ledger.ID(from.key[size:]))
		if !ok {
			return nil, ErrAfter
		}
		after.Order = load.Order{Card: ledger.Subject(from.key[:size]), Load: as}
	}
	list, err := load.ListUnconfirmed(ctx, tx, f.Today.Add(-f.Days), after, limit)
	if err != nil {
		return nil, err
	}
	for i := range list {
		u := &list[i]
		card, ok := identity.ParseCard([]byte(u.Card))
		if !ok {
			return nil, fmt.Errorf("%x is no card", u.Card)
		}
		all = append(all, found{
			place: place{u.Booked, unconfirmed, string(u.Card) + string(identity.LoadAuthorised(u.Load))},
			Line:  Line{Since: u.Booked, Why: Unconfirmed, Card: card}, load: u,
		})
	}
	return all, nil
}

// readCards reads cards whose money is due. The key is the card.
func readCards(ctx context.Context, tx pgx.Tx, f Figures, from place, limit int) (all []found, err error) {
	list, err := cards.ListMoneyDue(ctx, tx, f.Today, from.day, []byte(from.key), limit)
	for i := range list {
		m := &list[i]
		all = append(all, found{place: place{m.Since, ofCards, string(m.Card[:])}, Line: Line{Since: m.Since, Why: Due, Card: m.Card}, deposit: m.Deposit})
	}
	return all, err
}
