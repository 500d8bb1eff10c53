package load

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/ledger"
)

// Torn is a load that was authorised for a card, of which nobody knows whether the card has it.
type Torn struct {
	Order
	Fen     ledger.Fen
	Channel string
	Placer  Placer     // of one that had waited for its card; empty: the channel paid at once
	Number  string     // the placer's, or else the channel's
	Booked  ledger.Day // the clearing day of its authorisation
}

// TornOf reads the torn loads of a card.
func TornOf(ctx context.Context, l *ledger.Ledger, card identity.Card) (list []Torn, err error) {
	var all []Torn
	err = EachAuthorised(ctx, l, card, func(row ledger.Row, as identity.Load, request *message.LoadRequest) error {
		all = append(all, Torn{Order{row.Subject, as}, row.Amount, request.GetChannel(), Placer(request.GetPlacer()), request.GetOrder(), row.BookingDay})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the torn loads of a card: %w", err)
	}
	orders := make([]*Order, len(all))
	for i := range all {
		orders[i] = &all[i].Order
	}
	over := make([]bool, len(all))
	if err := ended(ctx, l, orders, func(i int, _ State, _ ledger.Day) { over[i] = true }); err != nil {
		return nil, err
	}
	for i := range all {
		if !over[i] {
			list = append(list, all[i])
		}
	}
	return list, nil
}

// To is where the money of a torn load goes that no card can have any more: it waits again, or is
// on the float, as if its card had it.
func (t *Torn) To() string {
	if t.Placer != "" {
		return chart.Waiting
	}
	return chart.Float
}

// Refund is the transfer that does it.
func (t *Torn) Refund() ledger.Transfer {
	key := t.Refunded()
	return ledger.Transfer{
		Day: key.Day, Subject: key.Subject, ID: key.ID, Debit: ledger.IDOfCode(chart.Unwritten), Credit: ledger.IDOfCode(t.To()),
		Amount: t.Fen, Purpose: chart.PurposeLoadRefund,
	}
}

// KeepRefund stores that in the transaction which books it. It reports whether the card's word came
// meanwhile; then nothing may be booked.
func (t *Torn) KeepRefund(ctx context.Context, tx pgx.Tx) (written bool, err error) {
	days, err := WrittenOn(ctx, tx, []*Order{&t.Order})
	if err != nil || days[0] != 0 {
		return err == nil, err
	}
	return false, KeepRefund(ctx, tx, &t.Order, t.Placer, t.Number)
}

// KeepRefund stores, in the transaction that books it, that an authorised order is refunded: it
// counts the refunds of the card's sequence, for the next order, and lets one that had waited wait
// again.
func KeepRefund(ctx context.Context, tx pgx.Tx, o *Order, placer Placer, number string) error {
	_, err := tx.Exec(ctx, `INSERT INTO load_refunds (card, type, sequence, refunds) VALUES ($1, $2, $3, $4)
		ON CONFLICT (card, type, sequence) DO UPDATE SET refunds = excluded.refunds`,
		[]byte(o.Card), int64(o.Load.Kind), int64(o.Load.Sequence), int64(o.Load.Attempt)+1)
	if err != nil {
		return fmt.Errorf("keep a refund: %w", err)
	}
	if err := givenBack(ctx, tx, o); err != nil || placer == "" {
		return err
	}
	w, found, err := WaitingIn(ctx, tx, placer, number, true)
	if err == nil && !found {
		err = fmt.Errorf("order %s of %s is not kept", number, placer)
	}
	if err != nil {
		return err
	}
	return w.Again(ctx, tx)
}

// GoingOver says of which cards loads wait that go over to a card that takes their place
// ([MovingOf]).
func GoingOver(ctx context.Context, q querier, cards []identity.Card) (map[identity.Card]bool, error) {
	subjects := make([][]byte, len(cards))
	for i := range cards {
		subjects[i] = cards[i][:]
	}
	waits := map[identity.Card]bool{}
	var card []byte
	rows, err := q.Query(ctx, "SELECT DISTINCT card FROM waiting_loads WHERE card = ANY($1) AND "+goesOver, subjects)
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&card}, func() error { waits[identity.Card(card)] = true; return nil })
	}
	if err != nil {
		return nil, fmt.Errorf("read what waits for cards: %w", err)
	}
	return waits, nil
}

// WaitingFen adds up the loads that wait for a card.
func WaitingFen(ctx context.Context, q querier, card identity.Card) (waits ledger.Fen, err error) {
	rows, err := q.Query(ctx, "SELECT coalesce(sum(fen), 0)::INT8 FROM waiting_loads WHERE card = $1 AND state = 'waiting'", card[:])
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&waits}, func() error { return nil })
	}
	if err != nil {
		return 0, fmt.Errorf("read what waits for a card: %w", err)
	}
	return waits, nil
}
