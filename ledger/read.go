package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const selectRows = `SELECT effective_day, subject, id, coalesce(debit, 0), coalesce(credit, 0), amount, purpose, flags, coalesce(kind, ''),
	coalesce(reason, ''), evidence, booking_day, stream, sequence, position, hash, coalesce(expires, 0) FROM journal `

// Read runs fn in a read-only transaction that sees one moment's state and takes no locks, on PostgreSQL with the planner settings
// for reading much. It is not repeated on failure.
func (l *Ledger) Read(ctx context.Context, fn func(pgx.Tx) error) error {
	return l.inTx(ctx, readOnly, func(tx pgx.Tx) error {
		if statement := l.dialect.ReadStatement(); statement != "" {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return fn(tx)
	})
}

// Scan calls fn for each transfer booked in the days from first to last, in the order of their keys, in constant memory. All of it is one
// moment's view. An error of fn ends the scan and is returned.
func (l *Ledger) Scan(ctx context.Context, first, last Day, fn func(Row) error) error {
	return l.stream(ctx, "scan transfers", fn, "WHERE kind IS NULL AND booking_day BETWEEN $1 AND $2 ORDER BY effective_day, subject, id", first, last)
}

// ScanMemos does for memos what Scan does for transfers.
func (l *Ledger) ScanMemos(ctx context.Context, first, last Day, fn func(Row) error) error {
	return l.stream(ctx, "scan memos", fn, "WHERE kind IS NOT NULL AND booking_day BETWEEN $1 AND $2 ORDER BY effective_day, subject, id", first, last)
}

// ScanPosted calls fn for every row, transfers and memos, as they were posted: stream by stream, batch by batch, row by row.
func (l *Ledger) ScanPosted(ctx context.Context, fn func(Row) error) error {
	return l.stream(ctx, "scan the journal", fn, "ORDER BY stream, sequence, position")
}

// maxStatement bounds the days of one statement: each is a look-up of its own.
const maxStatement = 3700

// Statement calls fn for each row of a subject, transfers and memos, whose effective day is from first to last (at most ten years),
// in the order of day and id.
func (l *Ledger) Statement(ctx context.Context, subject Subject, first, last Day, fn func(Row) error) error {
	if !first.Valid() || !last.Valid() {
		return fmt.Errorf("statement: %d to %d are not days", first, last)
	}
	var days []int32
	for day := first; day <= last; day = day.Next() {
		if len(days) == maxStatement {
			return fmt.Errorf("statement: %v to %v is more than %d days", first, last, maxStatement)
		}
		days = append(days, int32(day))
	}
	return l.stream(ctx, "statement", fn, "WHERE effective_day = ANY($1) AND subject = $2 ORDER BY effective_day, id", days, []byte(subject))
}

// stream runs a query over the journal and hands its rows on. It is not repeated on failure, because fn has seen rows already.
func (l *Ledger) stream(ctx context.Context, what string, fn func(Row) error, condition string, args ...any) error {
	err := l.Read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectRows+condition, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			row, err := scanRow(rows)
			if err != nil {
				return err
			}
			if err = fn(row); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func scanRow(rows pgx.Rows) (Row, error) {
	var r Row
	var subject, id, hash []byte
	var flags int16
	var expires int64
	err := rows.Scan(&r.Day, &subject, &id, &r.Debit, &r.Credit, &r.Amount, &r.Purpose, &flags, &r.Kind, &r.Reason, &r.Evidence,
		&r.BookingDay, &r.Stream, &r.Sequence, &r.Position, &hash, &expires)
	r.Subject, r.ID = Subject(subject), ID(id)
	r.SetFlags(flags, expires)
	copy(r.Hash[:], hash)
	return r, err
}

// Shadow calls fn for each subject with what its transfers left on an account: credits - debits, in the order of subjects. For the
// float account and a card this is what the card should hold.
func (l *Ledger) Shadow(ctx context.Context, account AccountID, fn func(Subject, Fen) error) error {
	err := l.Read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT subject, sum(CASE WHEN credit = $1 THEN amount ELSE -amount END)::INT8
			FROM journal WHERE (debit = $1 OR credit = $1) AND (flags & 28) <> 4 GROUP BY subject ORDER BY subject`, account)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var subject []byte
			var balance Fen
			if err = rows.Scan(&subject, &balance); err != nil {
				return err
			}
			if err = fn(Subject(subject), balance); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("shadow balances: %w", err)
	}
	return nil
}
