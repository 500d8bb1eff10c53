package owed

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/cards"
	"citycard/clearing/identity"
	"citycard/clearing/transit/load"
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
		all[i].altered(w.Altered)
	}
	return all, err
}

// readUnconfirmed reads loads without their cards' words. The key has the columns of the row's.
func readUnconfirmed(ctx context.Context, tx pgx.Tx, f Figures, from place, limit int) (all []found, err error) {
	const columns = "%d %d %d %x"
	after := load.UnconfirmedPlace{Booked: from.day}
	if from.key != "" {
		if n, _ := fmt.Sscanf(from.key, columns, &after.Kind, &after.Sequence, &after.Attempt, &after.Card); n < 3 {
			return nil, ErrAfter
		}
	}
	list, err := load.ListUnconfirmed(ctx, tx, f.Today.Add(-f.Days), after, limit)
	if err != nil {
		return nil, err
	}
	for i := range list {
		u := &list[i]
		p := &u.Place
		card, _ := identity.ParseCard(p.Card)
		all = append(all, found{
			place: place{p.Booked, unconfirmed, fmt.Sprintf(columns, p.Kind, p.Sequence, p.Attempt, p.Card)},
			Line:  Line{Since: p.Booked, Why: Unconfirmed, Card: card}, load: u,
		})
	}
	return all, nil
}

// readCards reads cards whose money is due. The key is the card.
func readCards(ctx context.Context, tx pgx.Tx, f Figures, from place, limit int) (all []found, err error) {
	list, err := cards.ListMoneyDue(ctx, tx, f.Today, from.day, []byte(from.key), limit)
	for i := range list {
		m := &list[i]
		all = append(all, found{place: place{m.Since, ofCards, string(m.Key)}, Line: Line{Since: m.Since, Why: Due, Card: m.Card}, deposit: m.Deposit})
		all[i].altered(m.Altered)
	}
	return all, err
}
