package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// delta is what a batch adds to one account.
type delta struct {
	account Account
	Sums
}

// fold adds up, account by account, the transfers that really went in, in the order of account
// numbers: the order in which all batches lock balance rows.
func fold(chart *Chart, rows []newRow) []delta {
	sums := make(map[AccountID]*Sums)
	at := func(id AccountID) *Sums {
		s := sums[id]
		if s == nil {
			s = &Sums{}
			sums[id] = s
		}
		return s
	}
	for i := range rows {
		if r := &rows[i]; !r.IsMemo() {
			e := effectOf(r)
			at(e.debit).AddDebit(e.moved, e.held)
			at(e.credit).AddCredit(e.moved, e.held)
		}
	}
	deltas := make([]delta, 0, len(sums))
	for id, s := range sums {
		account, _ := chart.ByID(id)
		deltas = append(deltas, delta{account, *s})
	}
	slices.SortFunc(deltas, func(a, b delta) int { return cmp.Compare(a.account.ID, b.account.ID) })
	return deltas
}

// TrialRow is one account of a trial balance.
type TrialRow struct {
	Account Account
	Before  Sums // booked on earlier days
	Day     Sums // booked on the day itself
}

// Trial returns the trial balance at the end of a booking day, by code: every account with anything
// booked up to then. All debits equal all credits, in each column.
func (l *Ledger) Trial(ctx context.Context, day Day) ([]TrialRow, error) {
	return l.trial(ctx, day, "")
}

// NotAtZero returns the accounts that must return to zero (MustReturnToZero) and were not there at
// the end of a booking day, as rows of its trial balance.
func (l *Ledger) NotAtZero(ctx context.Context, day Day) ([]TrialRow, error) {
	const mustReturn = "AND (a.flags & 16) <> 0"
	rows, err := l.trial(ctx, day, mustReturn)
	return slices.DeleteFunc(rows, func(r TrialRow) bool { return r.Before.CreditBalance()+r.Day.CreditBalance() == 0 }), err
}

func (l *Ledger) trial(ctx context.Context, day Day, condition string) ([]TrialRow, error) {
	var trial []TrialRow
	err := l.Read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT a.account, a.code, a.kind, a.owner, a.flags, a.shards, a.cap, a.alarm,
			coalesce(sum(t.debits) FILTER (WHERE t.day < $1), 0)::INT8, coalesce(sum(t.credits) FILTER (WHERE t.day < $1), 0)::INT8,
			coalesce(sum(t.debits) FILTER (WHERE t.day = $1), 0)::INT8, coalesce(sum(t.credits) FILTER (WHERE t.day = $1), 0)::INT8
			FROM turnovers t JOIN accounts a ON a.account = t.account WHERE t.day <= $1 `+condition+`
			GROUP BY a.account, a.code, a.kind, a.owner, a.flags, a.shards, a.cap, a.alarm ORDER BY a.code`, day)
		if err != nil {
			return err
		}
		trial, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (TrialRow, error) {
			var r TrialRow
			a := &r.Account
			err := row.Scan(&a.ID, &a.Code, &a.Kind, &a.Owner, &a.Flags, &a.Shards, &a.Cap, &a.Alarm, &r.Before.Debits, &r.Before.Credits, &r.Day.Debits, &r.Day.Credits)
			return r, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("trial balance of %v: %w", day, err)
	}
	return trial, nil
}
