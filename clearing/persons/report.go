package persons

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/ledger"
)

// Counts are the rows of an import, each in one of the first seven. Those behind say what the
// matched ones changed; the accuracy is made of Known and Agreed.
type Counts struct {
	Exact       int64 `json:"exact"`        // known, with the name as it is spelt
	Form        int64 `json:"name_form"`    // known, with another spelling of the name
	New         int64 `json:"new"`          // not known before
	Conflicting int64 `json:"conflicting"`  // contradicts what is known, or another row
	Older       int64 `json:"older"`        // from an earlier day than what is known
	Repeated    int64 `json:"repeated"`     // says what an earlier row says
	Refused     int64 `json:"refused"`      // something in it is wrong
	Present     int64 `json:"made_present"` // of those matched: came back, or was not dead
	Moved       int64 `json:"moved"`
	Died        int64 `json:"died"`
	Renamed     int64 `json:"renamed"`
	Redated     int64 `json:"redated"`      // the status as it was, from a later day
	Born        int64 `json:"birth_told"`   // a birth date that nobody had told
	Known       int64 `json:"known_before"` // rows with a valid number that was known, repeated ones aside
	Agreed      int64 `json:"name_agreed"`  // of these, those with its name
}

// Rows are all rows.
func (c *Counts) Rows() int64 {
	return c.Exact + c.Form + c.New + c.Conflicting + c.Older + c.Repeated + c.Refused
}

// Accuracy is the share of rows with a known number whose name is the known one.
//
// Only rows are in it that could be compared. A roster of a new city has none, and rows with a
// number that is wrong never are: so Usable goes with it.
func (c *Counts) Accuracy() Share { return Share{c.Agreed, c.Known} }

// Usable is the share of all rows that are neither refused nor in conflict.
func (c *Counts) Usable() Share { return Share{c.Rows() - c.Refused - c.Conflicting, c.Rows()} }

// Share is a part of a number of rows. Where the number is 0, nothing was compared.
type Share struct{ Part, Of int64 }

// Import is an import as it stands.
type Import struct {
	Number int32
	File   string // SHA-256 of the roster, in hexadecimal
	By     string
	At     time.Time
	State  State
	Next   int64 // the line that comes next, where it goes on
	Counts Counts
}

// Report reads an import. The error may be ErrNoImport.
func Report(ctx context.Context, l *ledger.Ledger, number int64) (i Import, err error) {
	err = l.Read(ctx, func(tx pgx.Tx) error {
		p, err := scanImport(tx.QueryRow(ctx, selectImport+"WHERE number = $1", number))
		if err == nil {
			i = p.report()
		}
		return err
	})
	if err != nil && !errors.Is(err, ErrNoImport) {
		err = fmt.Errorf("read import %d: %w", number, err)
	}
	return i, err
}

func (p *progress) report() Import {
	return Import{p.number, hex.EncodeToString(p.file[:]), p.by.First, p.by.At, p.state, p.next, p.counts}
}

// Rejects are lines of an import that changed nothing, in order: as many as limit at most, of those
// behind a line.
func Rejects(ctx context.Context, l *ledger.Ledger, number, after int64, limit int) (rejects []Reject, err error) {
	err = l.Read(ctx, func(tx pgx.Tx) error {
		rejects = nil
		rows, err := tx.Query(ctx, "SELECT import, line, reason, field, detail FROM person_rejects_listed WHERE import = $1 AND line > $2 ORDER BY line LIMIT $3", number, after, limit)
		if err != nil {
			return err
		}
		var r Reject
		_, err = pgx.ForEachRow(rows, []any{&r.Import, &r.Line, &r.Reason, &r.Field, &r.Detail}, func() error {
			rejects = append(rejects, r)
			return nil
		})
		return err
	})
	if err != nil {
		err = fmt.Errorf("read the rejects of import %d: %w", number, err)
	}
	return rejects, err
}
