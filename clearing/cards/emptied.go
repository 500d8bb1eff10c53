package cards

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/ledger"
)

// claimed is a tap as a claim names it.
type claimed struct {
	card ledger.Subject
	unit ledger.AccountID
	fen  ledger.Fen
	tap  string
}

// tapsThat reports of which claims the taps are booked: each is that of its card, terminal and
// time, and took just that to the channel. Another tap, of an act that was given up, is none of
// them.
func (o *Office) tapsThat(ctx context.Context, claims []emptied) ([]bool, error) {
	keys, there := make([]ledger.Key, len(claims)), map[claimed]bool{}
	for i, of := range claims {
		keys[i] = ledger.Key{Day: identity.NoDay, Subject: of.Card}
		if _, at, ok := strings.Cut(of.Tap, "-"); ok && len(at) > 8 {
			if day, err := ledger.ParseDay(at[:8]); err == nil {
				keys[i].Day = day
			}
		}
	}
	// Look may run it again, and then it only finds more.
	err := o.Ledger.RowsOf(ctx, keys, chart.PurposeEmptied, func(row ledger.Row) error {
		if !row.IsMemo() {
			there[claimed{row.Subject, row.Credit, row.Amount, TapOf(row.Evidence)}] = true
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the taps that emptied purses: %w", err)
	}
	booked := make([]bool, len(claims))
	for i, of := range claims {
		booked[i] = there[claimed{of.Card, ledger.IDOfCode(of.Unit), of.Fen, of.Tap}]
	}
	return booked, nil
}

// TapOf is the name of the tap of which a row of the journal has the evidence; empty where that is
// no tap.
func TapOf(evidence []byte) string {
	var tap message.Tap
	if proto.Unmarshal(evidence, &tap) != nil || tap.GetDebit() == nil {
		return ""
	}
	return TapName(tap.GetDebit().GetTerminal(), tap.GetDebit().GetTime())
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
	Card ledger.Subject
	Step int64
	Unit string
	Fen  ledger.Fen
	Tap  string
}

// Emptied looks for the taps that emptied the next page of purses, and reports how many it found.
func (o *Office) Emptied(ctx context.Context, at *Rounds, page int) (n int, err error) {
	figures, err := o.InForce(ctx)
	if err != nil {
		return 0, err
	}
	rows, err := o.Ledger.Pool().Query(ctx, "SELECT card, step, unit, fen, tap FROM emptied_purses WHERE booked = 0 AND (card, step) > ($1, $2) ORDER BY card, step LIMIT $3",
		[]byte(at.emptied.Card), at.emptied.Step, page)
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
	booked, err := o.tapsThat(ctx, list)
	if err != nil {
		return 0, err
	}
	var cards [][]byte
	var steps []int64
	for i, of := range list {
		if booked[i] {
			cards, steps = append(cards, []byte(of.Card)), append(steps, of.Step)
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
