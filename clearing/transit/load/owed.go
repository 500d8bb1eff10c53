package load

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/ledger"
)

// Unclaimed is a paid order that waits and that a person looks after: it waits for long, it is
// held, or its card is ended, so no counter can write it.
type Unclaimed struct {
	Waiting
	Ended   bool
	Altered string // what is wrong with its row, of which placer, number and day alone are told
}

// ListUnclaimed reads those behind one, oldest first, up to limit. One that is neither held nor of
// an ended card waits for long if it was booked on the day long or before.
func ListUnclaimed(ctx context.Context, tx pgx.Tx, long ledger.Day, after After, limit int) ([]Unclaimed, error) {
	const ended = "EXISTS (SELECT 1 FROM cards AS c WHERE c.card = waiting_loads.card AND c.state = ANY($5))"
	rows, err := tx.Query(ctx, "SELECT "+waitingColumns+", "+ended+` FROM waiting_loads WHERE state IN ('waiting', 'authorised') AND state = 'waiting'
			AND (booked, placer, number) > ($1, $2, $3) AND (booked <= $4 OR held OR `+ended+`) ORDER BY booked, placer, number LIMIT $6`,
		after.Booked, string(after.Placer), after.Number, long, endedStates(), limit)
	var list []Unclaimed
	if err == nil {
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (u Unclaimed, err error) {
			u.Waiting, err = scanWaiting(row, &u.Ended)
			if altered, ok := errors.AsType[*AlteredError](err); ok {
				u.Altered, err = altered.Row, nil
			}
			return u, err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("list what waits for long: %w", err)
	}
	return list, nil
}

// Unconfirmed is a load of which MAC2 was given out, with neither its card's word nor a refund in
// the books.
type Unconfirmed struct {
	Place UnconfirmedPlace
	Order
	Altered string // what is wrong with its row, or with the one that authorised it
}

// UnconfirmedPlace is the place of a row among those of loads without their cards' words.
type UnconfirmedPlace struct {
	Booked                  ledger.Day // the clearing day of its authorisation
	Card                    []byte
	Kind, Sequence, Attempt int64
}

// ListUnconfirmed reads those behind one that were booked on the day long or before, oldest first,
// up to limit.
func ListUnconfirmed(ctx context.Context, tx pgx.Tx, long ledger.Day, after UnconfirmedPlace, limit int) ([]Unconfirmed, error) {
	rows, err := tx.Query(ctx, `SELECT booked, card, type, sequence, attempt FROM authorised_loads
			WHERE booked <= $1 AND (booked, card, type, sequence, attempt) > ($2, $3, $4, $5, $6) ORDER BY booked, card, type, sequence, attempt LIMIT $7`,
		long, after.Booked, append([]byte{}, after.Card...), after.Kind, after.Sequence, after.Attempt, limit)
	var list []Unconfirmed
	if err == nil {
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (u Unconfirmed, err error) {
			p := &u.Place
			err = row.Scan(&p.Booked, &p.Card, &p.Kind, &p.Sequence, &p.Attempt)
			as := identity.Load{Kind: byte(p.Kind), Sequence: uint16(p.Sequence), Attempt: uint8(p.Attempt)}
			u.Order = Order{ledger.Subject(p.Card), as}
			if _, ok := identity.ParseCard(p.Card); !ok || int64(as.Kind) != p.Kind || int64(as.Sequence) != p.Sequence || int64(as.Attempt) != p.Attempt {
				u.Altered = fmt.Sprintf("authorised load of %x: no card has one of type %d, sequence %d, attempt %d", p.Card, p.Kind, p.Sequence, p.Attempt)
			}
			return u, err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("list loads without their cards' words: %w", err)
	}
	return list, nil
}

// Requests reads what the journal has of unconfirmed loads, in their order. It notes where that
// cannot be.
func Requests(ctx context.Context, l *ledger.Ledger, list []Unconfirmed) ([]Torn, error) {
	keys := make([]ledger.Key, len(list))
	for i := range list {
		keys[i] = list[i].Paid()
	}
	rows, err := l.FindAll(ctx, keys)
	if err != nil {
		return nil, err
	}
	all := make([]Torn, len(list))
	for i, row := range rows {
		var request message.LoadRequest
		switch {
		case list[i].Altered != "":
			continue
		case row == nil:
			list[i].Altered = fmt.Sprintf("authorised load %x of %x: it is not booked", keys[i].ID, list[i].Place.Card)
			continue
		case proto.Unmarshal(row.Evidence, &request) != nil:
			list[i].Altered = fmt.Sprintf("load %x of %x in the journal: its evidence cannot be read", keys[i].ID, list[i].Place.Card)
			continue
		}
		all[i] = Torn{list[i].Order, row.Amount, request.GetChannel(), Placer(request.GetPlacer()), request.GetOrder(), row.BookingDay}
	}
	return all, nil
}
