package load

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// Torn is a load that was authorised for a card, of which nobody knows whether the card has it.
type Torn struct {
	Order
	Fen    ledger.Fen
	Placer Placer // of one that had waited for its card; empty: the channel paid at once
	Number string // the placer's
}

// TornOf reads the torn loads of a card.
func TornOf(ctx context.Context, l *ledger.Ledger, card identity.Card) (list []Torn, err error) {
	var all []Torn
	refunded := map[identity.Load]bool{}
	err = shadow.Statement(ctx, l, card.Subject(), identity.NoDay, identity.NoDay, func(row ledger.Row) error {
		if back, ok := identity.RefundedLoad(row.ID); ok && !row.IsMemo() {
			refunded[back] = true
		}
		as, ok := identity.AuthorisedLoad(row.ID)
		if !ok || row.IsMemo() {
			return nil
		}
		var request message.LoadRequest
		if err := proto.Unmarshal(row.Evidence, &request); err != nil {
			return fmt.Errorf("order of card %s, sequence %d: %w", card, as.Sequence, err)
		}
		all = append(all, Torn{Order{row.Subject, as}, row.Amount, Placer(request.GetPlacer()), request.GetOrder()})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the torn loads of a card: %w", err)
	}
	for _, t := range all {
		if !refunded[t.Load] {
			list = append(list, t)
		}
	}
	orders := make([]*Order, len(list))
	for i := range list {
		orders[i] = &list[i].Order
	}
	days, err := WrittenIn(l)(ctx, orders)
	if err != nil {
		return nil, err
	}
	open := list[:0]
	for i, t := range list {
		if days[i] == 0 {
			open = append(open, t)
		}
	}
	return open, nil
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
	if err := KeepRefunded(ctx, tx, &t.Order); err != nil || t.Placer == "" {
		return false, err
	}
	w, found, err := WaitingIn(ctx, tx, t.Placer, t.Number, true)
	if err == nil && !found {
		err = fmt.Errorf("order %s of %s is not kept", t.Number, t.Placer)
	}
	if err != nil {
		return false, err
	}
	return false, w.Again(ctx, tx)
}

// KeepRefunded counts the refunds of a card's sequence, for the next order.
func KeepRefunded(ctx context.Context, tx pgx.Tx, o *Order) error {
	_, err := tx.Exec(ctx, `INSERT INTO load_refunds (card, type, sequence, refunds) VALUES ($1, $2, $3, $4)
		ON CONFLICT (card, type, sequence) DO UPDATE SET refunds = excluded.refunds`,
		[]byte(o.Card), int64(o.Load.Kind), int64(o.Load.Sequence), int64(o.Load.Attempt)+1)
	if err != nil {
		return fmt.Errorf("keep a refund: %w", err)
	}
	return nil
}

// WaitingFen adds up the loads that wait for a card, and those of them that are held.
func WaitingFen(ctx context.Context, q querier, card identity.Card) (waits, held ledger.Fen, err error) {
	rows, err := q.Query(ctx, `SELECT coalesce(sum(fen), 0)::INT8, coalesce(sum(CASE WHEN held THEN fen END), 0)::INT8 FROM waiting_loads
		WHERE card = $1 AND state = 'waiting'`, card[:])
	if err == nil {
		_, err = pgx.ForEachRow(rows, []any{&waits, &held}, func() error { return nil })
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read what waits for a card: %w", err)
	}
	return waits, held, nil
}
