package shadow

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"citycard/ledger"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// pastSubjects is greater than any subject.
var pastSubjects = bytes.Repeat([]byte{0xFF}, ledger.MaxKey+1)

// LastSubject ends the last part: it is greater than every possible subject.
func LastSubject() []byte { return bytes.Clone(pastSubjects) }

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
	Day           ledger.Day
	Subject, ID   []byte
	Debit, Credit ledger.AccountID
	Amount        ledger.Fen // 0 for a memo, and for a hold, which moves nothing
	Kind, Reason  []byte
	Evidence      []byte
}

// Sample is one of the subjects that have rows booked in a day, and how many rows it stands for.
type Sample struct {
	Subject []byte
	Rows    int64
}

// Samples returns subjects picked out of what was booked in a day, in the order of their bytes.
// From them one can estimate how many rows lie between two subjects without reading the day's rows.
func Samples(ctx context.Context, l *ledger.Ledger, day ledger.Day) ([]Sample, error) {
	var list []Sample
	err := l.Retry(ctx, func(ctx context.Context) error {
		rows, err := l.Pool().Query(ctx, "SELECT samples, (transfers + memos)::INT8 FROM batches WHERE day = $1 AND samples IS NOT NULL", day)
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
func ScanPart(ctx context.Context, l *ledger.Ledger, day ledger.Day, part Part, fn func(*Entry) error) error {
	after := part.After
	if after == nil {
		after = []byte{}
	}
	var entry Entry
	err := l.ReadByKey(ctx, func(tx pgx.Tx) error {
		return ledger.EachRaw(ctx, tx, func(raw ledger.Raw) error {
			if err := entry.decode(raw); err != nil {
				return err
			}
			return fn(&entry)
		}, selectPart, day, ledger.PromptDays(day), after, part.To)
	})
	if err != nil {
		return fmt.Errorf("scan a part of day %s: %w", day, err)
	}
	return nil
}

// decode reads a row of selectPart.
func (e *Entry) decode(raw ledger.Raw) error {
	day, err := raw.Integer(0)
	debit, err1 := raw.Integer(3)
	credit, err2 := raw.Integer(4)
	amount, err3 := raw.Integer(5)
	for _, err := range []error{err, err1, err2, err3} {
		if err != nil {
			return err
		}
	}
	*e = Entry{
		Day: ledger.Day(day), Subject: raw[1], ID: raw[2], Debit: ledger.AccountID(debit), Credit: ledger.AccountID(credit), Amount: ledger.Fen(amount),
		Kind: chain.StoredKind(raw[6]), Reason: raw[7], Evidence: raw[8],
	}
	return nil
}
