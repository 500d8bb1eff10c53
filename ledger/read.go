package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const selectRows = `SELECT effective_day, subject, id, debit, credit, amount, purpose, flags, kind, reason, evidence, booking_day,
	stream, sequence, position, hash, expires FROM `

// Rows booked in the days from $1 to $2: the prompt ones by their key, in the days from $3 on, and
// the late ones besides.
const bookedRows = `(SELECT * FROM journal WHERE effective_day BETWEEN $3 AND $2 AND booking_day BETWEEN $1 AND $2
	UNION ALL SELECT j.* FROM late l JOIN journal j ON j.effective_day = l.effective_day AND j.subject = l.subject AND j.booking_day = l.booking_day
		WHERE l.booking_day BETWEEN $1 AND $2 AND NOT l.effective_day BETWEEN $3 AND $2) AS booked `

// Read runs fn in a read-only transaction that sees one moment's state and takes no locks, on
// PostgreSQL with the planner settings for reading much. It is not repeated on failure.
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

// Write runs fn in a serializable transaction, for tables that a caller keeps beside the ledger's.
// It is repeated on failure, also when it is not known whether it was committed: what fn writes
// must be the same when it is written twice.
func (l *Ledger) Write(ctx context.Context, fn func(pgx.Tx) error) error {
	return l.run(ctx, func(ctx context.Context) error {
		err := l.inTxFor(ctx, unhurried, posting, fn)
		var open *openCommit
		if errors.As(err, &open) {
			return &again{cause: "unknown commit", err: open.err}
		}
		return err
	})
}

// Scan calls fn for each transfer booked in the days from first to last, in the order of their
// keys, in constant memory. All of it is one moment's view. An error of fn ends the scan and is
// returned.
func (l *Ledger) Scan(ctx context.Context, first, last Day, fn func(Row) error) error {
	from, _ := promptWindow(first)
	return l.stream(ctx, "scan transfers", fn, bookedRows+"WHERE kind IS NULL ORDER BY effective_day, subject, id", first, last, from)
}

// ScanMemos does for memos what Scan does for transfers.
func (l *Ledger) ScanMemos(ctx context.Context, first, last Day, fn func(Row) error) error {
	from, _ := promptWindow(first)
	return l.stream(ctx, "scan memos", fn, bookedRows+"WHERE kind IS NOT NULL ORDER BY effective_day, subject, id", first, last, from)
}

// stream runs a query over the journal, from its source on, and hands the rows on. It is not
// repeated on failure, because fn has seen rows already.
func (l *Ledger) stream(ctx context.Context, what string, fn func(Row) error, from string, args ...any) error {
	err := l.Read(ctx, func(tx pgx.Tx) error {
		return eachRow(ctx, tx, fn, from, args...)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// eachRow runs a query over the journal, from its source on. What fn is handed may be kept.
func eachRow(ctx context.Context, tx pgx.Tx, fn func(Row) error, from string, args ...any) error {
	return lendRows(ctx, tx, func(r *Row) error {
		r.Evidence = bytes.Clone(r.Evidence)
		return fn(*r)
	}, from, args...)
}

// lendRows is eachRow with rows whose evidence is good until fn returns.
func lendRows(ctx context.Context, tx pgx.Tx, fn func(*Row) error, from string, args ...any) error {
	rows, err := tx.Query(ctx, selectRows+from, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	if err := binaryOnly(rows); err != nil {
		return err
	}
	var r Row
	for rows.Next() {
		if err := decodeRow(&r, rows.RawValues()); err != nil {
			return err
		}
		if err = fn(&r); err != nil {
			return err
		}
	}
	return rows.Err()
}

// decodeRow reads the columns of selectRows as they come from the server: to scan them one by one
// takes longer than to hash the row.
func decodeRow(r *Row, columns [][]byte) error {
	var numbers [17]int64
	for _, i := range []int{0, 3, 4, 5, 6, 7, 11, 12, 13, 14, 16} {
		n, err := integer(columns[i])
		if err != nil {
			return fmt.Errorf("row of the journal, column %d: %w", i+1, err)
		}
		numbers[i] = n
	}
	*r = Row{
		Day: Day(numbers[0]), Subject: Subject(columns[1]), ID: ID(columns[2]), Debit: AccountID(numbers[3]), Credit: AccountID(numbers[4]),
		Amount: Fen(numbers[5]), Kind: string(columns[8]), Reason: string(columns[9]), Evidence: columns[10],
		BookingDay: Day(numbers[11]), Stream: StreamID(numbers[12]), Sequence: numbers[13], Position: int32(numbers[14]),
	}
	r.SetStored(int32(numbers[6]), int16(numbers[7]), numbers[16])
	return r.Hash.ScanBytes(columns[15])
}
