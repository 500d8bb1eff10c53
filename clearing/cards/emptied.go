package cards

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/registry/index"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// emptiedBy is what taps at a channel's counters took from a purse to empty it, as far as they are
// booked.
func (o *Office) emptiedBy(ctx context.Context, card identity.Card, channel string) (fen ledger.Fen, err error) {
	at := ledger.IDOfCode(channel)
	err = shadow.Statement(ctx, o.Ledger, card.Subject(), identity.NoDay, index.LastDay, func(row ledger.Row) error {
		if !row.IsMemo() && row.Purpose == chart.PurposeEmptied && row.Credit == at {
			fen += row.Amount
		}
		return nil
	})
	return fen, err
}

// emptying is what a tap took from the purse of a card that was returned, by the counter's word,
// and that has not been found in the books.
func emptying(ctx context.Context, q querier, card identity.Card) (fen ledger.Fen, err error) {
	if err = q.QueryRow(ctx, "SELECT coalesce(sum(fen), 0)::INT8 FROM emptied_purses WHERE card = $1 AND booked = 0", card[:]).Scan(&fen); err != nil {
		err = fmt.Errorf("read what was taken from a purse: %w", err)
	}
	return fen, err
}

// emptied is a row of emptied_purses.
type emptied struct {
	Card []byte
	Step int64
	Unit string
	Fen  ledger.Fen
}

// Emptied looks for the taps that emptied the next page of purses, and reports how many it found.
func (o *Office) Emptied(ctx context.Context, at *Rounds, page int) (n int, err error) {
	figures, err := o.InForce(ctx)
	if err != nil {
		return 0, err
	}
	rows, err := o.Ledger.Pool().Query(ctx, "SELECT card, step, unit, fen FROM emptied_purses WHERE booked = 0 AND (card, step) > ($1, $2) ORDER BY card, step LIMIT $3",
		append([]byte{}, at.emptied.Card...), at.emptied.Step, page)
	var list []emptied
	if err == nil {
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[emptied])
	}
	if err != nil {
		return 0, fmt.Errorf("read which purses were emptied: %w", err)
	}
	if at.emptied = (emptied{}); len(list) == page {
		at.emptied = list[page-1]
	}
	var cards [][]byte
	var steps []int64
	for _, of := range list {
		booked, err := o.emptiedBy(ctx, identity.Card(of.Card), of.Unit)
		if err != nil {
			return 0, err
		}
		if booked >= of.Fen {
			cards, steps = append(cards, of.Card), append(steps, of.Step)
		}
	}
	if len(cards) == 0 {
		return 0, nil
	}
	err = o.Ledger.Write(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE emptied_purses SET booked = $1 FROM unnest($2::BYTEA[], $3::INT8[]) AS found (card, step)
			WHERE booked = 0 AND emptied_purses.card = found.card AND emptied_purses.step = found.step`, figures.today(), cards, steps)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("keep which taps came: %w", err)
	}
	return len(cards), nil
}

// missing reads of shifts what taps took from purses, by the counters' word, and is not booked.
func missing(ctx context.Context, q querier, shifts []Shift) error {
	numbers := make([]int64, len(shifts))
	for i := range shifts {
		numbers[i] = shifts[i].Number
	}
	rows, err := q.Query(ctx, "SELECT shift, sum(fen)::INT8 FROM emptied_purses WHERE booked = 0 AND shift = ANY($1) GROUP BY shift", numbers)
	sums := map[int64]ledger.Fen{}
	if err == nil {
		var number int64
		var fen ledger.Fen
		_, err = pgx.ForEachRow(rows, []any{&number, &fen}, func() error { sums[number] = fen; return nil })
	}
	if err != nil {
		return fmt.Errorf("read which taps are missing: %w", err)
	}
	for i := range shifts {
		shifts[i].Missing = sums[shifts[i].Number]
	}
	return nil
}
