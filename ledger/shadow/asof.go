package shadow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"citycard/ledger"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// lastDay is later than any day that is booked.
const lastDay ledger.Day = 29991231

// AsOf is a past moment: the end of a booking day, or a time. The zero AsOf is now. A batch belongs
// to the moment at which its transaction began, by the database's clock.
type AsOf struct {
	Day ledger.Day
	At  time.Time // when set, Day is not looked at
}

// view is a moment in terms of booking days. Everything booked up to base counts, and checkpoints
// cover it. Of the days after base, those up to last count; when at is set, only batches up to that
// time count.
type view struct {
	base, last ledger.Day
	at         *time.Time
	tail       []ledger.Day // the booking days after base up to last
}

func (a AsOf) view(ctx context.Context, tx pgx.Tx) (view, error) {
	var v view
	if err := tx.QueryRow(ctx, selectCheckpointed).Scan(&v.base); err != nil {
		return v, err
	}
	v.last = lastDay
	switch {
	case !a.At.IsZero():
		v.at = &a.At
		var unfinished ledger.Day
		err := tx.QueryRow(ctx, `SELECT coalesce(min(CASE WHEN t.last > $1 THEN t.day END), 0)::INT4, coalesce(max(CASE WHEN t.first <= $1 THEN t.day END), 0)::INT4
			FROM (SELECT d.day, (SELECT min(b.at) FROM batches b WHERE b.day = d.day) AS first, (SELECT max(b.at) FROM batches b WHERE b.day = d.day) AS last
				FROM days d) AS t`, a.At).
			Scan(&unfinished, &v.last)
		if err != nil {
			return v, err
		}
		if unfinished != 0 {
			v.base = min(v.base, unfinished.Add(-1))
		}
	case a.Day != 0:
		v.last = a.Day
	}
	v.base = min(v.base, v.last)
	var err error
	v.tail, err = days[ledger.Day](ctx, tx, "SELECT day FROM days WHERE day > $1 AND day <= $2 ORDER BY day", v.base, v.last)
	return v, err
}

// days reads a list of days.
func days[T ledger.Day | int32](ctx context.Context, tx pgx.Tx, query string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[T])
}

// taken is the condition on rows j of the journal that a view sees; its arguments are the view's
// last day and time.
const taken = `j.booking_day <= $1 AND ($2::TIMESTAMPTZ IS NULL OR EXISTS (
	SELECT 1 FROM batches b WHERE b.stream = j.stream AND b.sequence = j.sequence AND b.at <= $2))`

// SumsAsOf returns what an account's debits and credits added up to at a past moment; it does not
// tell what was held then. Whole days come from their sums. For a time within a day, the rows
// booked in that day are read.
func SumsAsOf(ctx context.Context, l *ledger.Ledger, code string, moment AsOf) (ledger.Sums, error) {
	var sums ledger.Sums
	err := l.Read(ctx, func(tx pgx.Tx) error {
		var account ledger.AccountID
		err := tx.QueryRow(ctx, "SELECT account FROM accounts WHERE account = $1 AND code = $2", ledger.IDOfCode(code), code).Scan(&account)
		if err != nil {
			return err
		}
		v, err := moment.view(ctx, tx)
		if err != nil {
			return err
		}
		mixed := []ledger.Day{}
		if v.at != nil {
			mixed, err = days[ledger.Day](ctx, tx, "SELECT d.day FROM days d WHERE d.day <= $1 AND (SELECT max(b.at) FROM batches b WHERE b.day = d.day) > $2", v.last, *v.at)
			if err != nil {
				return err
			}
		}
		err = tx.QueryRow(ctx, `SELECT coalesce(sum(debits), 0)::INT8, coalesce(sum(credits), 0)::INT8 FROM turnovers
			WHERE account = $1 AND day <= $2 AND NOT (day = ANY($3::INT4[]))`, account, v.last, mixed).Scan(&sums.Debits, &sums.Credits)
		if err != nil || len(mixed) == 0 {
			return err
		}
		var part ledger.Sums
		err = tx.QueryRow(ctx, `SELECT coalesce(sum(CASE WHEN j.debit = $3 THEN j.amount END), 0)::INT8, coalesce(sum(CASE WHEN j.credit = $3 THEN j.amount END), 0)::INT8
			FROM journal j WHERE `+taken+` AND (j.debit = $3 OR j.credit = $3) AND `+chain.MovesMoney+` AND j.booking_day = ANY($4::INT4[])
			AND (j.effective_day = ANY($5::INT4[]) OR EXISTS (SELECT 1 FROM late l WHERE l.booking_day = j.booking_day AND l.subject = j.subject
				AND l.effective_day = j.effective_day))`, v.last, v.at, account, mixed, ledger.PromptDays(mixed...)).Scan(&part.Debits, &part.Credits)
		sums.AddDebit(part.Debits, 0)
		sums.AddCredit(part.Credits, 0)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = ledger.ErrNoAccount
	}
	if err != nil {
		return ledger.Sums{}, fmt.Errorf("past balance of %q: %w", code, err)
	}
	return sums, nil
}
