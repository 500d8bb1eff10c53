package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

const selectRows = `SELECT effective_day, subject, id, debit, credit, amount, purpose, flags, kind, reason, evidence, booking_day,
	stream, sequence, position, hash, expires FROM `

// Rows booked in the days from $1 to $2: the prompt ones by their key, in the days from $3 on, and
// the late ones besides.
const bookedRows = `(SELECT * FROM journal WHERE effective_day BETWEEN $3 AND $2 AND booking_day BETWEEN $1 AND $2
	UNION ALL SELECT j.* FROM late l JOIN journal j ON j.effective_day = l.effective_day AND j.subject = l.subject AND j.booking_day = l.booking_day
		WHERE l.booking_day BETWEEN $1 AND $2 AND NOT l.effective_day BETWEEN $3 AND $2) AS booked `

// Read runs fn in a read-only transaction that sees one moment's state and takes no locks, on
// PostgreSQL with the planner settings for reading much. It has no time limit, and is not repeated
// on failure.
func (l *Ledger) Read(ctx context.Context, fn func(pgx.Tx) error) error {
	return l.ReadByKey(ctx, func(tx pgx.Tx) error {
		if statement := l.dialect.ReadStatement(); statement != "" {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return fn(tx)
	})
}

// ReadByKey is Read with the planner settings for posting, which looks rows up by key: then a run
// of the key is one look-up, however large the table is.
func (l *Ledger) ReadByKey(ctx context.Context, fn func(pgx.Tx) error) error {
	return l.inTx(ctx, unlimited, readOnly, fn)
}

// Look is ReadByKey, repeated on failure: fn must do no harm when it runs again.
func (l *Ledger) Look(ctx context.Context, fn func(pgx.Tx) error) error {
	return l.run(ctx, func(ctx context.Context) error { return l.ReadByKey(ctx, fn) })
}

// Write runs fn in a serializable transaction, for tables that a caller keeps beside the ledger's.
// It is repeated on failure, also when it is not known whether it was committed: what fn writes
// must be the same when it is written twice.
func (l *Ledger) Write(ctx context.Context, fn func(pgx.Tx) error) error {
	return l.write(ctx, posting, fn)
}

// Change is Write for a change of days, accounts or checkpoints: it is READ COMMITTED and waits
// behind explicit row locks. Its errors begin with what was to be done.
func (l *Ledger) Change(ctx context.Context, what string, fn func(pgx.Tx) error) error {
	if err := l.write(ctx, control, fn); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func (l *Ledger) write(ctx context.Context, options pgx.TxOptions, fn func(pgx.Tx) error) error {
	var first *openCommit // without an answer: it may have been done
	err := l.run(ctx, func(ctx context.Context) error {
		err := l.inTx(ctx, unhurried, options, fn)
		var open *openCommit
		if !errors.As(err, &open) {
			return err
		}
		if first == nil {
			first = open
		}
		cause := "unknown commit"
		if timedOut(open.err) {
			cause = causeNoAnswer
		}
		return &again{cause: cause, err: open.err}
	})
	if first != nil && errors.Is(err, ErrUnavailable) {
		return first
	}
	return err
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
		return EachRow(ctx, tx, fn, from, args...)
	})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// EachRow calls fn for each row of the journal that a query finds. from is the query without its
// columns, as in "journal WHERE …". What fn is handed may be kept.
func EachRow(ctx context.Context, tx pgx.Tx, fn func(Row) error, from string, args ...any) error {
	return lendRows(ctx, tx, func(r *Row) error {
		r.Evidence = bytes.Clone(r.Evidence)
		return fn(*r)
	}, from, args...)
}

// lendRows is EachRow with rows whose evidence is good until fn returns.
func lendRows(ctx context.Context, tx pgx.Tx, fn func(*Row) error, from string, args ...any) error {
	var r Row
	return EachRaw(ctx, tx, func(raw Raw) error {
		if err := decodeRow(&r, raw); err != nil {
			return err
		}
		return fn(&r)
	}, selectRows+from, args...)
}

// decodeRow reads the columns of selectRows.
func decodeRow(r *Row, columns Raw) error {
	var numbers [17]int64
	for _, i := range []int{0, 3, 4, 5, 6, 7, 11, 12, 13, 14, 16} {
		n, err := columns.Integer(i)
		if err != nil {
			return fmt.Errorf("row of the journal, column %d: %w", i+1, err)
		}
		numbers[i] = n
	}
	*r = Row{
		Day: Day(numbers[0]), Subject: Subject(columns[1]), ID: ID(columns[2]), Debit: AccountID(numbers[3]), Credit: AccountID(numbers[4]),
		Amount: Fen(numbers[5]), Kind: string(chain.StoredKind(columns[8])), Reason: string(columns[9]), Evidence: columns[10],
		BookingDay: Day(numbers[11]), Stream: StreamID(numbers[12]), Sequence: numbers[13], Position: int32(numbers[14]),
	}
	r.SetStored(int32(numbers[6]), int16(numbers[7]), numbers[16])
	r.Hash = chain.StoredHash(columns[15])
	return nil
}

// Raw is the columns of a row as the server sent them, in binary. The general decoder, which works
// value by value, takes longer than the server, and longer than the hash of a row.
type Raw [][]byte

// EachRaw calls fn for each row of a query; the row is good until fn returns. It refuses columns
// that come as text, except texts, which are the same in both formats.
func EachRaw(ctx context.Context, tx pgx.Tx, fn func(Raw) error, query string, args ...any) error {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for _, field := range rows.FieldDescriptions() {
		if field.Format != pgx.BinaryFormatCode && field.DataTypeOID != pgtype.TextOID {
			return fmt.Errorf("column %s comes as text, expected binary", field.Name)
		}
	}
	for rows.Next() {
		if err := fn(rows.RawValues()); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Integer reads a column that is an integer; NULL is 0.
func (r Raw) Integer(column int) (int64, error) {
	switch b := r[column]; len(b) {
	case 0:
		return 0, nil
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b))), nil
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b))), nil
	case 8:
		return int64(binary.BigEndian.Uint64(b)), nil
	default:
		return 0, fmt.Errorf("an integer of %d bytes, expected 2, 4 or 8", len(b))
	}
}
