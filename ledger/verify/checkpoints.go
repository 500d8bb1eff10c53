package verify

import (
	"bytes"
	"context"
	"fmt"

	"citycard/ledger"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// promptDays is how many days before its booking day a row may lie without being noted as late, as package ledger has it.
const promptDays = 3

const (
	differingCheckpoints = `SELECT coalesce(j.account, c.account), coalesce(j.subject, c.subject), coalesce(j.day, c.day), c.balance, j.balance
		FROM (SELECT account, subject, day, (sum(fen) OVER (PARTITION BY account, subject ORDER BY day))::INT8 AS balance FROM (
			SELECT account, subject, day, sum(fen)::INT8 AS fen FROM (
				SELECT credit AS account, subject, booking_day AS day, amount AS fen FROM journal WHERE kind IS NULL AND ` + chain.MovesMoney + `
				UNION ALL SELECT debit, subject, booking_day, -amount FROM journal WHERE kind IS NULL AND ` + chain.MovesMoney + `) AS sides
			WHERE day <= $1 OR day = $2 AND subject <= $3 GROUP BY account, subject, day) AS daily) AS j
		FULL JOIN (SELECT account, subject, day, balance FROM checkpoints) AS c
			ON c.account = j.account AND c.subject = j.subject AND c.day = j.day
		WHERE c.balance IS NULL OR j.balance IS NULL OR c.balance <> j.balance`

	differingShadows = `SELECT coalesce(c.account, s.account), coalesce(c.subject, s.subject), coalesce(c.day, s.day), s.balance, c.balance
		FROM (SELECT DISTINCT ON (account, subject) account, subject, day, balance FROM checkpoints ORDER BY account, subject, day DESC) AS c
		FULL JOIN shadows s ON s.account = c.account AND s.subject = c.subject
		WHERE s.day IS NULL OR c.day IS NULL OR s.day <> c.day OR s.balance <> c.balance`

	missingActivity = `SELECT j.subject, j.effective_day FROM (SELECT DISTINCT subject, effective_day FROM journal WHERE booking_day <= $1) AS j
		LEFT JOIN activity a ON a.subject = j.subject AND a.effective_day = j.effective_day WHERE a.subject IS NULL`

	missingLate = `SELECT DISTINCT j.subject, j.effective_day FROM journal j
		JOIN unnest($1::INT4[], $2::INT4[]) AS w (day, first) ON w.day = j.booking_day
		LEFT JOIN late l ON l.booking_day = j.booking_day AND l.subject = j.subject AND l.effective_day = j.effective_day
		WHERE (j.effective_day < w.first OR j.effective_day > w.day) AND l.subject IS NULL`
)

// checkCheckpoints compares the checkpoints that are complete with the transfers, and what helps to find a subject's rows with the rows.
func (b *books) checkCheckpoints(ctx context.Context) error {
	done, under, reached, err := b.checkpointed(ctx)
	if err != nil {
		return err
	}
	if err := b.each(ctx, differingCheckpoints, b.checkpointFault("account ", "the transfers make"), done, under, reached); err != nil {
		return err
	}
	// The latest ones are a copy: they are held against the checkpoints only.
	if err := b.each(ctx, differingShadows, b.checkpointFault("latest of account ", "the last checkpoint says")); err != nil {
		return err
	}
	unfindable := func(rows pgx.Rows) error {
		var subject []byte
		var day ledger.Day
		if err := rows.Scan(&subject, &day); err != nil {
			return err
		}
		b.fault(Unfindable, keyName("rows", day, subject, nil), "the subject's statement will not show them")
		return nil
	}
	if err := b.each(ctx, missingActivity, unfindable, done); err != nil {
		return err
	}
	days, firsts := []int32{}, []int32{}
	err = b.each(ctx, "SELECT day FROM days", func(rows pgx.Rows) error {
		var day ledger.Day
		err := rows.Scan(&day)
		days, firsts = append(days, int32(day)), append(firsts, int32(day.Add(-promptDays)))
		return err
	})
	if err != nil {
		return err
	}
	return b.each(ctx, missingLate, unfindable, days, firsts)
}

// checkpointed returns the last day whose checkpoints are complete, and the one under way with the last subject that it has. Days are taken in their order, each
// once it is sealed, and one is under way at most.
func (b *books) checkpointed(ctx context.Context) (done, under ledger.Day, reached []byte, err error) {
	reached = []byte{}
	err = b.each(ctx, `SELECT d.day, d.state, c.reached, c.done, c.day IS NOT NULL FROM days d LEFT JOIN checkpointing c ON c.day = d.day
		UNION ALL SELECT c.day, '', c.reached, c.done, true FROM checkpointing c LEFT JOIN days d ON d.day = c.day WHERE d.day IS NULL
		ORDER BY day`, func(rows pgx.Rows) error {
		var day ledger.Day
		var state ledger.DayState
		var to []byte
		var whole *bool
		var begun bool
		if err := rows.Scan(&day, &state, &to, &whole, &begun); err != nil || !begun {
			if err == nil && under == 0 {
				under = -1
			}
			return err
		}
		all := bytes.Equal(to, ledger.LastSubject())
		if state != ledger.DaySealed || under != 0 || *whole != all {
			b.fault(Checkpoint, fmt.Sprintf("progress in day %v", day), "it is %s, has come to %x (complete: %v), after days that are not complete: %v", state, to,
				*whole, under != 0)
		}
		if *whole {
			done = day
		} else {
			under, reached = day, to
		}
		return nil
	})
	return done, max(under, 0), reached, err
}

// checkpointFault names a checkpoint that differs from what it should say, by the source that tells that.
func (b *books) checkpointFault(what, source string) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var account ledger.AccountID
		var subject []byte
		var day ledger.Day
		var has, want *int64
		if err := rows.Scan(&account, &subject, &day, &has, &want); err != nil {
			return err
		}
		where := keyName(what+b.accountName(account), day, subject, nil)
		switch {
		case has == nil:
			b.fault(Checkpoint, where, "there is none; %s %d", source, *want)
		case want == nil:
			b.fault(Checkpoint, where, "it says %d; %s nothing", *has, source)
		default:
			b.fault(Checkpoint, where, "it says %d; %s %d", *has, source, *want)
		}
		return nil
	}
}
