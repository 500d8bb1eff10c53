package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Part is a run of subjects, in the order of their bytes: those after After, up to and including
// To.
type Part struct{ After, To []byte }

// Last reports whether no part comes after this one.
func (p Part) Last() bool { return bytes.Equal(p.To, pastSubjects) }

// Holds reports whether a subject belongs to the part.
func (p Part) Holds(subject []byte) bool {
	return bytes.Compare(subject, p.After) > 0 && bytes.Compare(subject, p.To) <= 0
}

// Entry is a row of the journal as ScanPart passes it to fn, which must not keep any of its bytes.
type Entry struct {
	Day           Day
	Subject, ID   []byte
	Debit, Credit AccountID
	Amount        Fen // 0 for a memo, and for a hold, which moves nothing
	Kind, Reason  []byte
	Evidence      []byte
}

// Sample is one of the subjects that have rows booked in a day, and how many rows it stands for.
type Sample struct {
	Subject []byte
	Rows    int64
}

// sampleEvery is about how many rows of a batch one sample represents.
const sampleEvery = 500

// SampledPosition returns the position of sample n, from 0, in a batch of so many rows; -1 is none.
// The subjects of these rows are kept as samples. A batch with rows has at least one.
func SampledPosition(n, rows int) int {
	count := max(1, rows/sampleEvery)
	if n >= min(count, rows) {
		return -1
	}
	return (2*n + 1) * rows / (2 * count)
}

func samples(rows []newRow) [][]byte {
	list := [][]byte{}
	for at := SampledPosition(0, len(rows)); at >= 0; at = SampledPosition(len(list), len(rows)) {
		list = append(list, []byte(rows[at].Subject))
	}
	return list
}

// Samples returns subjects picked out of what was booked in a day, in the order of their bytes.
// From them one can estimate how many rows lie between two subjects without reading the day's rows.
func (l *Ledger) Samples(ctx context.Context, day Day) ([]Sample, error) {
	var list []Sample
	err := l.run(ctx, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, "SELECT samples, (transfers + memos)::INT8 FROM batches WHERE day = $1 AND samples IS NOT NULL", day)
		if err != nil {
			return err
		}
		list = list[:0]
		var subjects [][]byte
		var booked int64
		_, err = pgx.ForEachRow(rows, []any{&subjects, &booked}, func() error {
			for _, subject := range subjects {
				list = append(list, Sample{bytes.Clone(subject), booked / int64(len(subjects))})
			}
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("samples of day %s: %w", day, err)
	}
	slices.SortFunc(list, func(a, b Sample) int { return bytes.Compare(a.Subject, b.Subject) })
	return list, nil
}

// LastSubject ends the last part: it is greater than every possible subject.
func LastSubject() []byte { return bytes.Clone(pastSubjects) }

// Rows booked in the day $1 by subjects after $3 up to $4: in the day's prompt window $2, or noted
// as late.
const selectPart = `SELECT effective_day, subject, id, debit, credit, CASE WHEN ` + chain.MovesMoney + ` THEN amount ELSE 0 END, kind, reason, evidence FROM journal
		WHERE effective_day = ANY($2::INT4[]) AND subject > $3 AND subject <= $4 AND booking_day = $1
	UNION ALL SELECT j.effective_day, j.subject, j.id, j.debit, j.credit, CASE WHEN ` + chain.MovesMoney + ` THEN j.amount ELSE 0 END, j.kind, j.reason, j.evidence
		FROM late l JOIN journal j ON j.effective_day = l.effective_day AND j.subject = l.subject
		WHERE l.booking_day = $1 AND l.subject > $3 AND l.subject <= $4 AND j.booking_day = $1`

// ScanPart calls fn for each row, transfer or memo, that was booked in a day by a subject of the
// part, in no order. An error of fn ends the scan and is returned. It is not repeated on failure,
// because fn has seen rows already.
func (l *Ledger) ScanPart(ctx context.Context, day Day, part Part, fn func(*Entry) error) error {
	after := part.After
	if after == nil {
		after = []byte{}
	}
	// The planner's settings stay those for posting: a part is a run of the key.
	err := l.inTx(ctx, readOnly, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectPart, day, promptDaysOf([]Day{day}), after, part.To)
		if err != nil {
			return err
		}
		defer rows.Close()
		if err := binaryOnly(rows); err != nil {
			return err
		}
		var entry Entry
		for rows.Next() {
			if err := entry.decode(rows); err != nil {
				return err
			}
			if err := fn(&entry); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("scan a part of day %s: %w", day, err)
	}
	return nil
}

// decode reads a row of selectPart from the bytes that the server sent. The general decoder, which
// works value by value, takes longer than the server.
func (e *Entry) decode(rows pgx.Rows) error {
	raw := rows.RawValues()
	day, err := integer(raw[0])
	debit, err1 := integer(raw[3])
	credit, err2 := integer(raw[4])
	amount, err3 := integer(raw[5])
	for _, err := range []error{err, err1, err2, err3} {
		if err != nil {
			return err
		}
	}
	*e = Entry{
		Day: Day(day), Subject: raw[1], ID: raw[2], Debit: AccountID(debit), Credit: AccountID(credit), Amount: Fen(amount),
		Kind: raw[6], Reason: raw[7], Evidence: raw[8],
	}
	return nil
}

// binaryOnly refuses columns that come as text, but for texts, which are the same in both formats.
func binaryOnly(rows pgx.Rows) error {
	for _, field := range rows.FieldDescriptions() {
		if field.Format != pgx.BinaryFormatCode && field.DataTypeOID != pgtype.TextOID {
			return fmt.Errorf("column %s comes as text, expected binary", field.Name)
		}
	}
	return nil
}

// integer reads a binary integer; NULL is 0.
func integer(b []byte) (int64, error) {
	switch len(b) {
	case 0:
		return 0, nil
	case 2:
		return int64(int16(binary.BigEndian.Uint16(b))), nil
	case 4:
		return int64(int32(binary.BigEndian.Uint32(b))), nil
	case 8:
		return int64(binary.BigEndian.Uint64(b)), nil
	}
	return 0, fmt.Errorf("an integer of %d bytes, expected 2, 4 or 8", len(b))
}

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
			GROUP BY debit, credit, effective_day, purpose ORDER BY debit, credit, effective_day, purpose`, day, promptDaysOf([]Day{day}))
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
	err = l.run(ctx, func(ctx context.Context) error {
		return l.inTx(ctx, readOnly, func(tx pgx.Tx) (err error) {
			rows, err = BookedRowsIn(ctx, tx, day)
			return err
		})
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
