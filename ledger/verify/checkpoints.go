package verify

import (
	"bytes"
	"context"
	"fmt"

	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/export"
	"citycard/ledger/shadow"
)

// differingCheckpoints has the parameters $1, the last day whose checkpoints are complete, and $2
// and $3, the day under way and its last subject so far.
func differingCheckpoints() string {
	return `SELECT coalesce(j.account, c.account), coalesce(j.subject, c.subject), coalesce(j.day, c.day), c.balance, j.balance
		FROM (SELECT account, subject, day, ` + export.Bounded("sum(fen) OVER (PARTITION BY account, subject ORDER BY day)") + ` AS balance FROM (
			SELECT account, subject, day, sum(fen) AS fen FROM (
				SELECT coalesce(credit, 0) AS account, subject, booking_day AS day, amount AS fen FROM journal WHERE kind IS NULL AND ` + chain.MovesMoney + `
				UNION ALL SELECT coalesce(debit, 0), subject, booking_day, -amount FROM journal WHERE kind IS NULL AND ` + chain.MovesMoney + `) AS sides
			WHERE day <= $1 OR day = $2 AND subject <= $3 GROUP BY account, subject, day) AS daily) AS j
		FULL JOIN (SELECT account, subject, day, balance FROM checkpoints) AS c
			ON c.account = j.account AND c.subject = j.subject AND c.day = j.day
		WHERE c.balance IS NULL OR j.balance IS NULL OR c.balance <> j.balance`
}

const (
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

// checkCheckpoints compares the checkpoints that are complete with the transfers, and what helps to
// find a subject's rows with the rows.
func (t *tables) checkCheckpoints(ctx context.Context) error {
	done, under, reached, err := t.checkpointed(ctx)
	if err != nil {
		return err
	}
	if err := t.compareCheckpoints(ctx, "account ", "the transfers make", differingCheckpoints(), done, under, reached); err != nil {
		return err
	}
	// The latest ones are a copy: they are held against the checkpoints only.
	if err := t.compareCheckpoints(ctx, "latest of account ", "the last checkpoint says", differingShadows); err != nil {
		return err
	}
	var k ledger.Key
	unfindable := func() { t.fault(Unfindable, keyName("rows", k), "the subject's statement will not show them") }
	if err := t.each(ctx, missingActivity, []any{&k.Subject, &k.Day}, unfindable, done); err != nil {
		return err
	}
	days, firsts := []int32{}, []int32{}
	var day ledger.Day
	err = t.each(ctx, "SELECT day FROM days", []any{&day}, func() {
		days, firsts = append(days, int32(day)), append(firsts, ledger.PromptDays(day)[0])
	})
	if err != nil {
		return err
	}
	return t.each(ctx, missingLate, []any{&k.Subject, &k.Day}, unfindable, days, firsts)
}

// checkpointed returns the last day whose checkpoints are complete, and the day under way with its
// last subject so far. Checkpoints are written day by day in order, each day once it is sealed, and
// at most one day is under way.
func (t *tables) checkpointed(ctx context.Context) (done, under ledger.Day, reached []byte, err error) {
	reached = []byte{}
	var day ledger.Day
	var state ledger.DayState
	var to []byte
	var whole, begun bool
	err = t.each(ctx, `SELECT d.day, d.state, c.reached, coalesce(c.done, false), c.day IS NOT NULL FROM days d LEFT JOIN checkpointing c ON c.day = d.day
		UNION ALL SELECT c.day, '', c.reached, c.done, true FROM checkpointing c LEFT JOIN days d ON d.day = c.day WHERE d.day IS NULL
		ORDER BY day`, []any{&day, &state, &to, &whole, &begun}, func() {
		if !begun {
			if under == 0 {
				under = -1
			}
			return
		}
		all := bytes.Equal(to, shadow.LastSubject())
		if state != ledger.DaySealed || under != 0 || whole != all {
			t.fault(Checkpoint, fmt.Sprintf("progress in day %v", day), "it is %s, has come to %x (complete: %v), after days that are not complete: %v", state, to,
				whole, under != 0)
		}
		if whole {
			done = day
		} else {
			under, reached = day, to
		}
	})
	return done, max(under, 0), reached, err
}

// compareCheckpoints names the checkpoints that differ from what they should say, by the source
// that tells that.
func (t *tables) compareCheckpoints(ctx context.Context, what, source, query string, args ...any) error {
	var account ledger.AccountID
	var k ledger.Key
	var has, want *int64
	return t.each(ctx, query, []any{&account, &k.Subject, &k.Day, &has, &want}, func() {
		code, known := t.codes[account]
		if !known {
			code = fmt.Sprintf("number %d", account)
		}
		where := keyName(what+code, k)
		switch {
		case has == nil:
			t.fault(Checkpoint, where, "there is none; %s %d", source, *want)
		case want == nil:
			t.fault(Checkpoint, where, "it says %d; %s nothing", *has, source)
		default:
			t.fault(Checkpoint, where, "it says %d; %s %d", *has, source, *want)
		}
	}, args...)
}
