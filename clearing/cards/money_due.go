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
	Key     []byte // of its row
	Card    identity.Card
	Deposit ledger.Fen // what is held of it, beside what its purse has
	Altered string     // what is wrong with its row
}

// ListMoneyDue reads those behind one, oldest first, up to limit.
func ListMoneyDue(ctx context.Context, tx pgx.Tx, today, since ledger.Day, card []byte, limit int) ([]MoneyDue, error) {
	rows, err := dueOf(ctx, tx, today, []State{Lost, HandedIn}, dueCard{Lapses: since, Card: card}, limit)
	if err != nil {
		return nil, err
	}
	list := make([]MoneyDue, len(rows))
	for i, row := range rows {
		m := &list[i]
		m.Since, m.Key = row.Lapses, row.Card
		var stands Standing
		known := false
		if m.Card, known = identity.ParseCard(row.Card); !known || json.Unmarshal([]byte(row.Stands), &stands) != nil {
			m.Altered = fmt.Sprintf("card %x: that is none, or how it stands cannot be read", row.Card)
		}
		m.Deposit = stands.Deposit
	}
	return list, nil
}
