package shadow

import (
	"context"
	"fmt"
	"slices"

	"citycard/ledger"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// effectiveDays lists the effective days on which a subject may have rows that were booked in the
// view's tail.
func (v *view) effectiveDays(ctx context.Context, tx pgx.Tx, subject ledger.Subject) ([]int32, error) {
	if len(v.tail) == 0 {
		return []int32{}, nil
	}
	late, err := days[int32](ctx, tx, "SELECT effective_day FROM late WHERE booking_day = ANY($1::INT4[]) AND subject = $2", v.tail, []byte(subject))
	return distinct(append(late, ledger.PromptDays(v.tail...)...)), err
}

func distinct(days []int32) []int32 {
	slices.Sort(days)
	return slices.Compact(days)
}

// Balance returns what a subject's transfers left on an account at a moment: credits - debits. For
// the float account and a card this is what the card should hold. It reads the last checkpoint and
// the few rows booked since.
func Balance(ctx context.Context, l *ledger.Ledger, account ledger.AccountID, subject ledger.Subject, moment AsOf) (ledger.Fen, error) {
	var balance ledger.Fen
	err := l.ReadByKey(ctx, func(tx pgx.Tx) (err error) {
		balance, err = balanceIn(ctx, tx, account, subject, moment)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("balance of a subject: %w", err)
	}
	return balance, nil
}

// BalanceIn is Balance now, inside a caller's transaction, so that two who book on its ground at
// the same time do not both book.
func BalanceIn(ctx context.Context, tx pgx.Tx, account ledger.AccountID, subject ledger.Subject) (ledger.Fen, error) {
	balance, err := balanceIn(ctx, tx, account, subject, AsOf{})
	if err != nil {
		return 0, fmt.Errorf("balance of a subject: %w", err)
	}
	return balance, nil
}

func balanceIn(ctx context.Context, tx pgx.Tx, account ledger.AccountID, subject ledger.Subject, moment AsOf) (balance ledger.Fen, err error) {
	v, err := moment.view(ctx, tx)
	if err != nil {
		return 0, err
	}
	since, err := v.effectiveDays(ctx, tx, subject)
	if err != nil {
		return 0, err
	}
	err = tx.QueryRow(ctx, `SELECT coalesce((SELECT balance FROM checkpoints WHERE account = $3 AND subject = $4 AND day <= $5 ORDER BY day DESC LIMIT 1), 0)::INT8
			+ coalesce((SELECT sum(CASE WHEN j.credit = $3 THEN j.amount ELSE -j.amount END) FROM journal j WHERE `+taken+`
				AND j.effective_day = ANY($6::INT4[]) AND j.subject = $4 AND j.booking_day > $5 AND (j.debit = $3 OR j.credit = $3) AND `+chain.MovesMoney+`), 0)::INT8`,
		v.last, v.at, account, []byte(subject), v.base, since).Scan(&balance)
	return balance, err
}

// What the last checkpoints of some subjects and an account say (see selectBalances), and what was
// booked since.
const selectBalancesOf = `SELECT subject, sum(fen)::INT8 FROM (
		SELECT s.subject, CASE WHEN s.day <= $2 THEN s.balance ELSE (SELECT c.balance FROM checkpoints c WHERE c.account = $1 AND c.subject = s.subject
			AND c.day <= $2 ORDER BY c.day DESC LIMIT 1) END AS fen FROM shadows s WHERE s.account = $1 AND s.subject = ANY($3::BYTEA[])
		UNION ALL SELECT j.subject, CASE WHEN j.credit = $1 THEN j.amount ELSE -j.amount END FROM journal j
			WHERE j.effective_day = ANY($4::INT4[]) AND j.subject = ANY($3::BYTEA[]) AND j.booking_day > $2 AND (j.debit = $1 OR j.credit = $1) AND ` + chain.MovesMoney + `) AS parts
	GROUP BY subject`

// BalancesOf is Balance of many subjects, now. Those of which nothing is left may be absent.
func BalancesOf(ctx context.Context, l *ledger.Ledger, account ledger.AccountID, subjects []ledger.Subject) (map[ledger.Subject]ledger.Fen, error) {
	keys := make([][]byte, len(subjects))
	for i, s := range subjects {
		keys[i] = []byte(s)
	}
	balances := map[ledger.Subject]ledger.Fen{}
	err := l.Look(ctx, func(tx pgx.Tx) error {
		clear(balances)
		v, err := AsOf{}.view(ctx, tx)
		if err != nil {
			return err
		}
		since := []int32{}
		if len(v.tail) > 0 {
			late, err := days[int32](ctx, tx, "SELECT DISTINCT effective_day FROM late WHERE booking_day = ANY($1::INT4[]) AND subject = ANY($2::BYTEA[])", v.tail, keys)
			if err != nil {
				return err
			}
			since = distinct(append(late, ledger.PromptDays(v.tail...)...))
		}
		rows, err := tx.Query(ctx, selectBalancesOf, account, v.base, keys, since)
		if err != nil {
			return err
		}
		var subject ledger.Subject
		var fen *ledger.Fen
		_, err = pgx.ForEachRow(rows, []any{&subject, &fen}, func() error {
			if fen != nil { // else its first checkpoint is being written
				balances[subject] = *fen
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("balances of subjects: %w", err)
	}
	return balances, nil
}

// LastActive is the last effective day of a subject's rows that a checkpoint knows; 0 if there is
// none.
func LastActive(ctx context.Context, l *ledger.Ledger, subject ledger.Subject) (day ledger.Day, err error) {
	err = l.Look(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "SELECT coalesce(max(effective_day), 0)::INT4 FROM activity WHERE subject = $1", []byte(subject)).Scan(&day)
	})
	if err != nil {
		return 0, fmt.Errorf("last day of a subject: %w", err)
	}
	return day, nil
}

// Statement calls fn for each row of a subject, transfers and memos, whose effective day is from
// first to last, in the order of day and id.
func Statement(ctx context.Context, l *ledger.Ledger, subject ledger.Subject, first, last ledger.Day, fn func(ledger.Row) error) error {
	return StatementAsOf(ctx, l, subject, first, last, AsOf{}, fn)
}

// StatementAsOf is Statement as it was at a past moment. It reads only the days on which the
// subject was active, and those that rows without checkpoints may have.
func StatementAsOf(ctx context.Context, l *ledger.Ledger, subject ledger.Subject, first, last ledger.Day, moment AsOf, fn func(ledger.Row) error) error {
	if !first.Valid() || !last.Valid() {
		return fmt.Errorf("statement: %d to %d are not days", first, last)
	}
	err := l.ReadByKey(ctx, func(tx pgx.Tx) error {
		v, err := moment.view(ctx, tx)
		if err != nil {
			return err
		}
		since, err := v.effectiveDays(ctx, tx, subject)
		if err != nil {
			return err
		}
		active, err := days[int32](ctx, tx, "SELECT effective_day FROM activity WHERE subject = $1 AND effective_day BETWEEN $2 AND $3", []byte(subject), first, last)
		if err != nil {
			return err
		}
		both := slices.DeleteFunc(distinct(append(since, active...)), func(day int32) bool { return day < int32(first) || day > int32(last) })
		return ledger.EachRow(ctx, tx, fn, "journal j WHERE "+taken+" AND j.effective_day = ANY($3::INT4[]) AND j.subject = $4 ORDER BY j.effective_day, j.id",
			v.last, v.at, both, []byte(subject))
	})
	if err != nil {
		return fmt.Errorf("statement: %w", err)
	}
	return nil
}

// The latest checkpoints of all subjects and an account (while those of a new day are being
// written, some are that day's already; then the one before counts), and what was booked since:
// rows of the prompt windows of all later days, and the late ones before.
const selectBalances = `WITH tail AS (
		SELECT subject, debit, amount FROM journal WHERE effective_day >= $3 AND booking_day > $2 AND (debit = $1 OR credit = $1) AND ` + chain.MovesMoney + `
		UNION ALL SELECT j.subject, j.debit, j.amount FROM late l JOIN journal j ON j.effective_day = l.effective_day AND j.subject = l.subject
			WHERE l.booking_day > $2 AND l.effective_day < $3 AND j.booking_day = l.booking_day AND (j.debit = $1 OR j.credit = $1) AND ` + chain.MovesMoney + `)
	SELECT coalesce(c.subject, t.subject) AS whose, (coalesce(c.balance, 0) + coalesce(t.fen, 0))::INT8
	FROM (SELECT s.subject, CASE WHEN s.day <= $2 THEN s.balance ELSE (SELECT c.balance FROM checkpoints c WHERE c.account = $1 AND c.subject = s.subject
		AND c.day <= $2 ORDER BY c.day DESC LIMIT 1) END AS balance FROM shadows s WHERE s.account = $1) AS c
	FULL JOIN (SELECT subject, sum(CASE WHEN debit = $1 THEN -amount ELSE amount END)::INT8 AS fen FROM tail GROUP BY subject) AS t ON t.subject = c.subject
	ORDER BY whose`

// Balances calls fn for each subject with what its transfers left on an account, credits - debits,
// in the order of subjects: the last checkpoint and what was booked since.
func Balances(ctx context.Context, l *ledger.Ledger, account ledger.AccountID, fn func(ledger.Subject, ledger.Fen) error) error {
	err := l.Read(ctx, func(tx pgx.Tx) error {
		v, err := AsOf{}.view(ctx, tx)
		if err != nil {
			return err
		}
		from := lastDay
		if len(v.tail) > 0 {
			from = ledger.Day(ledger.PromptDays(v.tail[0])[0])
		}
		rows, err := tx.Query(ctx, selectBalances, account, v.base, from)
		if err != nil {
			return err
		}
		var subject ledger.Subject
		var balance ledger.Fen
		_, err = pgx.ForEachRow(rows, []any{&subject, &balance}, func() error { return fn(subject, balance) })
		return err
	})
	if err != nil {
		return fmt.Errorf("shadow balances: %w", err)
	}
	return nil
}
