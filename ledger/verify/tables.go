package verify

import (
	"context"
	"fmt"

	"citycard/ledger"

	"github.com/jackc/pgx/v5"
)

// tables is one run of the checks that only the database can make, because they need its keys or
// are of what only makes reading fast.
type tables struct {
	tx     pgx.Tx
	codes  map[ledger.AccountID]string
	report func(Fault)
}

// check makes all of them.
func (t *tables) check(ctx context.Context, tx pgx.Tx) error {
	t.tx, t.codes = tx, make(map[ledger.AccountID]string)
	for _, check := range []func(context.Context) error{t.checkShardRows, t.checkHolds, t.checkHeads, t.checkCheckpoints} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (t *tables) fault(kind Kind, where, format string, args ...any) {
	t.report(newFault(kind, where, format, args...))
}

// each runs a query, scans each of its rows into the values and calls fn.
func (t *tables) each(ctx context.Context, query string, values []any, fn func(), args ...any) error {
	rows, err := t.tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, values, func() error { fn(); return nil })
	return err
}

// checkShardRows compares rows of balances with the shards of their accounts, whose names it notes.
// That an account has none is told by all books.
func (t *tables) checkShardRows(ctx context.Context) error {
	var id ledger.AccountID
	var code string
	var shards, count, first, last int
	return t.each(ctx, `SELECT a.account, a.code, a.shards, count(b.shard)::INT4, coalesce(min(b.shard), 0)::INT4, coalesce(max(b.shard), -1)::INT4
		FROM accounts a LEFT JOIN balances b ON b.account = a.account GROUP BY a.account, a.code, a.shards`,
		[]any{&id, &code, &shards, &count, &first, &last}, func() {
			t.codes[id] = code
			if count > 0 && (count != shards || first != 0 || last != shards-1) {
				t.fault(ShardRows, "account "+code, "it has %d rows, of shards %d to %d, expected one for each of its %d", count, first, last, shards)
			}
		})
}

// The head with which a stream left a day must be that of the last batch that it booked in the day.
// A stream that has left a day may book nothing more in it, and no stream may book in a day that
// was closed without it.
const (
	wrongHeads = `SELECT h.day, h.stream, h.sequence FROM day_heads h LEFT JOIN streams s ON s.stream = h.stream
		LEFT JOIN batches b ON b.stream = s.number AND b.sequence = h.sequence
		WHERE h.stream <> '' AND (s.stream IS NULL OR h.sequence > 0 AND (b.head IS NULL OR b.head <> h.head)
			OR h.sequence = 0 AND h.head <> '\x0000000000000000000000000000000000000000000000000000000000000000')`

	lateBatches = `SELECT b.day, coalesce(s.stream, ''), b.sequence FROM batches b LEFT JOIN streams s ON s.number = b.stream
		LEFT JOIN day_heads h ON h.day = b.day AND h.stream = s.stream
		LEFT JOIN days d ON d.day = b.day
		WHERE b.sequence > h.sequence OR h.sequence IS NULL AND (d.state IS NULL OR d.state IN ('closed', 'sealed'))`
)

// checkHeads checks where the streams left each day.
func (t *tables) checkHeads(ctx context.Context) error {
	for query, detail := range map[string]string{
		wrongHeads:  "batch %d, with which the stream left the day, is not there or has another head",
		lateBatches: "batch %d is booked in the day, which had ended for the stream or never began",
	} {
		var day ledger.Day
		var name string
		var sequence int64
		err := t.each(ctx, query, []any{&day, &name, &sequence}, func() {
			t.fault(DayHead, fmt.Sprintf("day %v, stream %s", day, name), detail, sequence)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// What the journal says about holds: flags hold the act times four (1 hold, 2 post, 3 void,
// 4 expire, 5 reverse); what ends a hold or reverses a transfer stands beside it under its id after
// one byte.
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
)

// checkHolds compares holds, and what acts on earlier rows, with the journal.
func (t *tables) checkHolds(ctx context.Context) error {
	var k ledger.Key
	var state, want string
	var posted, wantPosted int64
	err := t.each(ctx, differingHolds, []any{&k.Day, &k.Subject, &k.ID, &state, &posted, &want, &wantPosted}, func() {
		t.fault(HoldState, keyName("hold", k), "it is %s with %d posted, or has other terms; the journal says %s with %d posted",
			state, posted, want, wantPosted)
	})
	if err != nil {
		return err
	}
	for query, what := range map[string]string{wrongEnds: noHold, wrongReversals: "there is no such transfer to reverse"} {
		err = t.each(ctx, query, []any{&k.Day, &k.Subject, &k.ID}, func() { t.fault(ActUnfounded, keyName("transfer", k), "%s", what) })
		if err != nil {
			return err
		}
	}
	return nil
}
