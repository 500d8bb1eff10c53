package verify

import (
	"context"
	"fmt"

	"citycard/ledger"

	"github.com/jackc/pgx/v5"
)

// What the journal says about holds: flags hold the act times four (1 hold, 2 post, 3 void, 4 expire, 5 reverse); what ends a hold or reverses a transfer stands
// beside it under its id after one byte.
const (
	differingHolds = `SELECT coalesce(j.day, t.day), coalesce(j.subject, t.subject), coalesce(j.id, t.id), coalesce(t.state, 'none'), coalesce(t.posted, 0),
		coalesce(j.state, 'none'), coalesce(j.posted, 0)
		FROM (SELECT h.effective_day AS day, h.subject, h.id, h.debit, h.credit, h.amount, coalesce(h.expires, 0) AS expires,
			CASE WHEN (e.flags & 28) = 8 THEN 'posted' WHEN (e.flags & 28) = 12 THEN 'voided' WHEN (e.flags & 28) = 16 THEN 'expired' ELSE 'held' END AS state,
			CASE WHEN (e.flags & 28) = 8 THEN e.amount ELSE 0 END AS posted
			FROM journal h LEFT JOIN journal e ON e.effective_day = h.effective_day AND e.subject = h.subject AND e.id = '\xfe'::BYTEA || h.id
			WHERE h.kind IS NULL AND (h.flags & 28) = 4) AS j
		FULL JOIN holds t ON t.day = j.day AND t.subject = j.subject AND t.id = j.id
		WHERE j.day IS NULL OR t.day IS NULL OR t.state <> j.state OR t.posted <> j.posted OR t.debit <> j.debit OR t.credit <> j.credit
			OR t.amount <> j.amount OR t.expires <> j.expires`

	wrongEnds = `SELECT e.effective_day, e.subject, e.id FROM journal e
		LEFT JOIN journal h ON h.effective_day = e.effective_day AND h.subject = e.subject AND e.id = '\xfe'::BYTEA || h.id AND (h.flags & 28) = 4
		WHERE e.kind IS NULL AND (e.flags & 28) IN (8, 12, 16) AND (h.id IS NULL OR h.debit <> e.debit OR h.credit <> e.credit
			OR e.amount > h.amount OR (e.flags & 28) <> 8 AND e.amount <> 0)`

	wrongReversals = `SELECT e.effective_day, e.subject, e.id FROM journal e
		LEFT JOIN journal h ON h.effective_day = e.effective_day AND h.subject = e.subject AND e.id = '\xfd'::BYTEA || h.id AND (h.flags & 28) IN (0, 8)
		WHERE e.kind IS NULL AND (e.flags & 28) = 20 AND (h.id IS NULL OR h.kind IS NOT NULL OR h.debit <> e.credit OR h.credit <> e.debit OR e.amount <> h.amount)`

	differingHeld = `SELECT coalesce(h.account, b.account), coalesce(b.debits, 0), coalesce(b.credits, 0), coalesce(h.debits, 0), coalesce(h.credits, 0)
		FROM (SELECT account, sum(debits)::INT8 AS debits, sum(credits)::INT8 AS credits FROM (
			SELECT debit AS account, amount AS debits, 0::INT8 AS credits FROM holds WHERE state = 'held'
			UNION ALL SELECT credit, 0::INT8, amount FROM holds WHERE state = 'held') AS s GROUP BY account) AS h
		FULL JOIN (SELECT account, sum(debits_held)::INT8 AS debits, sum(credits_held)::INT8 AS credits FROM balances GROUP BY account) AS b ON b.account = h.account
		WHERE coalesce(b.debits, 0) <> coalesce(h.debits, 0) OR coalesce(b.credits, 0) <> coalesce(h.credits, 0)`
)

// checkHolds compares holds with the journal, and what accounts have held with the holds.
func (b *books) checkHolds(ctx context.Context) error {
	err := b.each(ctx, differingHolds, func(rows pgx.Rows) error {
		var k ledger.Key
		var subject, id []byte
		var state, want string
		var posted, wantPosted int64
		if err := rows.Scan(&k.Day, &subject, &id, &state, &posted, &want, &wantPosted); err != nil {
			return err
		}
		b.fault(HoldState, keyName("hold", k.Day, subject, id), "it is %s with %d posted, or has other terms; the journal says %s with %d posted",
			state, posted, want, wantPosted)
		return nil
	})
	if err != nil {
		return err
	}
	for query, what := range map[string]string{wrongEnds: "there is no such hold, or not with these accounts and as much", wrongReversals: "there is no such transfer to reverse"} {
		err = b.each(ctx, query, func(rows pgx.Rows) error {
			var day ledger.Day
			var subject, id []byte
			if err := rows.Scan(&day, &subject, &id); err != nil {
				return err
			}
			b.fault(ActUnfounded, keyName("transfer", day, subject, id), "%s", what)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return b.each(ctx, differingHeld, func(rows pgx.Rows) error {
		var id ledger.AccountID
		var has, want ledger.Sums
		if err := rows.Scan(&id, &has.Debits, &has.Credits, &want.Debits, &want.Credits); err != nil {
			return err
		}
		b.fault(HeldSum, "account "+b.accountName(id), "debits %d, credits %d; its holds make %d and %d", int64(has.Debits), int64(has.Credits),
			int64(want.Debits), int64(want.Credits))
		return nil
	})
}

func keyName(what string, day ledger.Day, subject, id []byte) string {
	return fmt.Sprintf("%s (day %v, subject %x, id %x)", what, day, subject, id)
}
