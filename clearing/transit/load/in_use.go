package load

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/identity"
	"citycard/clearing/verdict"
)

// outOfUse are the states of package cards in which a card takes no money: it was not sold, or has
// come back. A card of before has none.
func outOfUse() []string { return append(endedStates(), "issued") }

// endedStates are those of cards that nobody uses any more.
func endedStates() []string { return []string{"spoilt", "returned", "refunded", "replaced"} }

// inUse refuses the first of some cards that is not with a customer.
func (a *Authority) inUse(ctx context.Context, cards ...identity.Card) error {
	digits := make([][]byte, len(cards))
	for i := range cards {
		digits[i] = cards[i][:]
	}
	rows, err := a.Books.Pool().Query(ctx, "SELECT card, state FROM cards WHERE card = ANY($1) AND state = ANY($2) ORDER BY card LIMIT 1", digits, outOfUse())
	if err != nil {
		return fmt.Errorf("load authority: read a card's state: %w", err)
	}
	var card []byte
	var state string
	var refusal error
	_, err = pgx.ForEachRow(rows, []any{&card, &state}, func() error {
		refusal = &Refusal{verdict.CardNotInUse, fmt.Sprintf("card %s is %s", identity.Card(card), state)}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load authority: read a card's state: %w", err)
	}
	return refusal
}
