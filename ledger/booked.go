package ledger

import (
	"context"
	"fmt"

	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// Turnover is what was moved in a booking day between two accounts for one purpose and one
// effective day.
type Turnover struct {
	Debit, Credit AccountID
	Day           Day // effective
	Purpose       Purpose
	Count         int64
	Sum           Fen
}

// Turnovers adds up what was booked in a day. The database does it, where the rows are; holds,
// which move nothing, are left out.
func (l *Ledger) Turnovers(ctx context.Context, day Day) ([]Turnover, error) {
	var sums []Turnover
	err := l.Read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT debit, credit, effective_day, purpose, sum(n)::INT8, sum(fen)::INT8 FROM (
				SELECT debit, credit, effective_day, purpose, count(*) AS n, sum(amount) AS fen FROM journal
				WHERE effective_day = ANY($2::INT4[]) AND booking_day = $1 AND kind IS NULL AND `+chain.MovesMoney+` GROUP BY debit, credit, effective_day, purpose
				UNION ALL SELECT j.debit, j.credit, j.effective_day, j.purpose, count(*), sum(j.amount)
				FROM late l JOIN journal j ON j.effective_day = l.effective_day AND j.subject = l.subject
				WHERE l.booking_day = $1 AND j.booking_day = $1 AND j.kind IS NULL AND `+chain.MovesMoney+` GROUP BY j.debit, j.credit, j.effective_day, j.purpose) AS t
			GROUP BY debit, credit, effective_day, purpose ORDER BY debit, credit, effective_day, purpose`, day, PromptDays(day))
		if err != nil {
			return err
		}
		sums, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Turnover])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("add up day %s: %w", day, err)
	}
	return sums, nil
}

// BookedRows is how many rows, transfers and memos, were booked in a day.
func (l *Ledger) BookedRows(ctx context.Context, day Day) (rows int64, err error) {
	err = l.Look(ctx, func(tx pgx.Tx) (err error) {
		rows, err = BookedRowsIn(ctx, tx, day)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count the rows of day %s: %w", day, err)
	}
	return rows, nil
}

// BookedRowsIn is BookedRows as the transaction sees it.
func BookedRowsIn(ctx context.Context, tx pgx.Tx, day Day) (rows int64, err error) {
	err = tx.QueryRow(ctx, "SELECT coalesce(sum(transfers + memos), 0)::INT8 FROM batches WHERE day = $1", day).Scan(&rows)
	return rows, err
}
