package load

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/verdict"
)

// outOfUse are the states of package cards in which a card takes no money: it was not sold, or has
// come back. A card of before has none.
func outOfUse() []string { return append(endedStates(), "issued") }

// endedStates are those of cards that nobody uses any more.
func endedStates() []string { return []string{"spoilt", "returned", "refunded", "replaced"} }

// place is where cash is taken: a channel, and its terminal.
type place struct {
	channel  string
	terminal []byte
}

// mayTake refuses the first of some cards that is not with a customer, and cash that no open shift
// would have.
func (a *Authority) mayTake(ctx context.Context, at place, cards ...identity.Card) error {
	digits := make([][]byte, len(cards))
	for i := range cards {
		digits[i] = cards[i][:]
	}
	rows, err := a.Books.Pool().Query(ctx, `(SELECT card, state FROM cards WHERE card = ANY($1) AND state = ANY($2) ORDER BY card LIMIT 1)
		UNION ALL SELECT ''::BYTEA, 'open' FROM shift_terminals WHERE terminal = $3 AND unit = $4`,
		digits, outOfUse(), append([]byte{}, at.terminal...), chart.Channel(at.channel))
	if err != nil {
		return fmt.Errorf("load authority: read a card's state: %w", err)
	}
	var card []byte
	var state string
	var refusal error
	open := false
	_, err = pgx.ForEachRow(rows, []any{&card, &state}, func() error {
		if len(card) == 0 {
			open = true
			return nil
		}
		refusal = &Refusal{verdict.CardNotInUse, fmt.Sprintf("card %s is %s", identity.Card(card), state)}
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("load authority: read whether its cash may be taken: %w", err)
	case refusal == nil && !open && a.counted(at.channel):
		return &Refusal{verdict.NoShift, fmt.Sprintf("terminal %x is in no open shift of channel %q", at.terminal, at.channel)}
	}
	return refusal
}

// counted reports whether a channel's cash is counted in shifts.
func (a *Authority) counted(channel string) bool {
	return CountedBy(a.Contracts, a.Now)(channel)
}
