package cards

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/identity"
	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// givesBack gives a customer the cash of a load that two people have given back to the channel. The
// drawer that pays it is that of the shift which is open, at whatever counter of the channel.
func (s *shifting) givesBack(ctx context.Context, tx pgx.Tx) error {
	o, of := s.order, &s.shift
	if of.Number == 0 || !of.Closed.IsZero() {
		return refusal(language.Textf("no shift is open at counter %s of %s", o.Counter, string(o.Unit())), language.Textf("open one: cash is counted in a shift"))
	}
	if err := s.office.owns(ctx, tx, s.by, of); err != nil {
		return err
	}
	now := *of
	if err := now.addLoads(ctx, tx); err != nil {
		return err
	}
	if left := now.Left(); o.Given > left {
		return refusal(language.Textf("%s yuan should be in the drawer, and not %s", left.String(), o.Given.String()), language.Textf("count again"))
	}
	err := tx.QueryRow(ctx, "SELECT card, id FROM terminal_loads WHERE unit = $1 AND number = $2 AND fen = $3 AND shift = 0 ORDER BY card, id LIMIT 1"+locking,
		string(o.Unit()), o.Load, -o.Given).Scan(&s.back.card, &s.back.id)
	if errors.Is(err, pgx.ErrNoRows) {
		return refusal(language.Textf("no cash of %s yuan is to be given to a customer for load order %s, or it was given before", o.Given.String(), o.Load),
			language.Textf("give nothing; what is to be given, citycard shift list --owed lists"))
	}
	if err != nil {
		return fmt.Errorf("read what is to be given back: %w", err)
	}
	return nil
}

// gaveBack notes that the shift has given it.
func (s *shifting) gaveBack(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, "UPDATE terminal_loads SET shift = $3 WHERE card = $1 AND id = $2 AND shift = 0", s.back.card, s.back.id, s.shift.Number); err != nil {
		return fmt.Errorf("give cash back: %w", err)
	}
	return nil
}

// OwedCash is cash of a load that its channel has got back, and its customer has not.
type OwedCash struct {
	Key  OwedKey
	Unit people.Unit
	Load string // number of its order
	Card identity.Card
	Fen  ledger.Fen
}

// OwedKey is the place of such cash in its list.
type OwedKey struct {
	Unit     people.Unit
	Card, ID []byte
}

// OwedCash lists cash that counters are to give back, behind a place: of a unit, where it is not
// empty.
func (o *Office) OwedCash(ctx context.Context, unit people.Unit, after OwedKey, limit int) (list []OwedCash, err error) {
	if after.Card == nil {
		after.Card, after.ID = []byte{}, []byte{}
	}
	err = o.Ledger.Look(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT unit, card, id, number, -fen FROM terminal_loads AS l
			WHERE fen < 0 AND shift = 0 AND ($1 = '' OR unit = $1) AND (unit, card, id) > ($2, $3, $4) AND EXISTS (SELECT 1 FROM shifts AS s WHERE s.unit = l.unit)
			ORDER BY unit, card, id LIMIT $5`, string(unit), string(after.Unit), after.Card, after.ID, limit)
		if err == nil {
			list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c OwedCash, err error) {
				err = row.Scan(&c.Unit, &c.Key.Card, &c.Key.ID, &c.Load, &c.Fen)
				c.Key.Unit = c.Unit
				c.Card, _ = identity.ParseCard(c.Key.Card)
				return c, err
			})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list cash that is to be given back: %w", err)
	}
	return list, nil
}
