package verify

import (
	"context"
	"fmt"

	"citycard/ledger"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// The sums are made and compared in the database, which has room to sort; only what differs comes back. A row of the journal counts
// once as a debit and once as a credit.
const (
	journalSides = `SELECT debit AS account, booking_day AS day, amount AS debits, 0::INT8 AS credits FROM journal WHERE kind IS NULL AND ` + chain.MovesMoney + `
		UNION ALL SELECT credit, booking_day, 0::INT8, amount FROM journal WHERE kind IS NULL AND ` + chain.MovesMoney

	differingBalances = `SELECT coalesce(j.account, b.account), coalesce(b.debits, 0), coalesce(b.credits, 0), coalesce(j.debits, 0), coalesce(j.credits, 0)
		FROM (SELECT account, sum(debits)::INT8 AS debits, sum(credits)::INT8 AS credits FROM (` + journalSides + `) AS s GROUP BY account) AS j
		FULL JOIN (SELECT account, sum(debits)::INT8 AS debits, sum(credits)::INT8 AS credits FROM balances GROUP BY account) AS b ON b.account = j.account
		WHERE coalesce(b.debits, 0) <> coalesce(j.debits, 0) OR coalesce(b.credits, 0) <> coalesce(j.credits, 0)`

	differingTurnovers = `SELECT coalesce(j.account, t.account), coalesce(j.day, t.day), coalesce(t.debits, 0), coalesce(t.credits, 0),
		coalesce(j.debits, 0), coalesce(j.credits, 0)
		FROM (SELECT account, day, sum(debits)::INT8 AS debits, sum(credits)::INT8 AS credits FROM (` + journalSides + `) AS s GROUP BY account, day) AS j
		FULL JOIN (SELECT account, day, sum(debits)::INT8 AS debits, sum(credits)::INT8 AS credits FROM turnovers GROUP BY account, day) AS t
			ON t.account = j.account AND t.day = j.day
		WHERE coalesce(t.debits, 0) <> coalesce(j.debits, 0) OR coalesce(t.credits, 0) <> coalesce(j.credits, 0)`

	totals = "SELECT coalesce(sum(debits), 0)::INT8, coalesce(sum(credits), 0)::INT8 FROM balances"
)

// checkSums compares balances and turnovers with the transfers.
func (b *books) checkSums(ctx context.Context) error {
	err := b.each(ctx, differingBalances, func(rows pgx.Rows) error {
		var id ledger.AccountID
		var has, want ledger.Sums
		if err := rows.Scan(&id, &has.Debits, &has.Credits, &want.Debits, &want.Credits); err != nil {
			return err
		}
		where := "account " + b.accountName(id)
		b.named[where] = true
		b.fault(BalanceSum, where, "debits %d, credits %d; its transfers make %d and %d", int64(has.Debits),
			int64(has.Credits), int64(want.Debits), int64(want.Credits))
		return nil
	})
	if err != nil {
		return err
	}
	err = b.each(ctx, differingTurnovers, func(rows pgx.Rows) error {
		var id ledger.AccountID
		var day ledger.Day
		var has, want ledger.Sums
		if err := rows.Scan(&id, &day, &has.Debits, &has.Credits, &want.Debits, &want.Credits); err != nil {
			return err
		}
		where := fmt.Sprintf("account %s, day %v", b.accountName(id), day)
		b.named[where] = true
		b.fault(TurnoverSum, where, "debits %d, credits %d; its transfers make %d and %d",
			int64(has.Debits), int64(has.Credits), int64(want.Debits), int64(want.Credits))
		return nil
	})
	if err != nil {
		return err
	}
	var debits, credits int64
	if err = b.tx.QueryRow(ctx, totals).Scan(&debits, &credits); err != nil {
		return err
	}
	if debits != credits {
		b.fault(Unbalanced, "all accounts", "debits are %d, credits %d", debits, credits)
	}
	return b.checkShards(ctx)
}

func (b *books) accountName(id ledger.AccountID) string {
	if account, ok := b.accounts[id]; ok {
		return account.code
	}
	return fmt.Sprintf("number %d", id)
}
