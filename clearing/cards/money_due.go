package cards

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/identity"
	"citycard/ledger"
)

// MoneyDue is a lost card, or one that was handed in, whose holder may have its money by now: at a
// counter, or on another card.
type MoneyDue struct {
	Since   ledger.Day
	Card    identity.Card
	Deposit ledger.Fen // what is held of it, beside what its purse has
}

// ListMoneyDue reads those behind one, oldest first, up to limit.
func ListMoneyDue(ctx context.Context, tx pgx.Tx, today, since ledger.Day, card []byte, limit int) ([]MoneyDue, error) {
	rows, err := tx.Query(ctx, `SELECT lapses, card, stands FROM cards WHERE lapses > 0 AND lapses <= $1 AND state = ANY($2) AND (lapses, card) > ($3, $4)
		ORDER BY lapses, card LIMIT $5`, today, []string{string(Lost), string(HandedIn)}, since, append([]byte{}, card...), limit)
	var list []MoneyDue
	if err == nil {
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m MoneyDue, err error) {
			var card []byte
			var text string
			var stands Standing
			if err := row.Scan(&m.Since, &card, &text); err != nil {
				return m, err
			}
			known := false
			if m.Card, known = identity.ParseCard(card); !known {
				return m, fmt.Errorf("%x is no card", card)
			}
			err = json.Unmarshal([]byte(text), &stands)
			m.Deposit = stands.Deposit
			return m, err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("list cards whose money is due: %w", err)
	}
	return list, nil
}
