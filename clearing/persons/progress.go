package persons

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/language"
	"citycard/ledger"
)

// State is how an import stands. Its number is never another's, in whatever state it is.
type State string

// The states, as they are stored. One that was begun ends as done, or is undone; the audit has both
// ends.
const (
	Begun   State = "begun"
	Done    State = "done" // it counts
	Undoing State = "undoing"
	Undone  State = "undone"
)

// progress is how far an import has come.
type progress struct {
	number  int32
	by      ledger.Approval
	file    [sha256.Size]byte
	charset Charset
	parts   int64
	next    int64 // line
	head    [sha256.Size]byte
	counts  Counts
	state   State
}

// ended reports whether an import has come to an end, done or undone.
func (p *progress) ended() bool { return p.state == Done || p.state == Undone }

// today is the day on which an import was begun, whenever it goes on.
func (s *Store) today(p *progress) ledger.Day { return ledger.DayOf(p.by.At.In(s.zone)) }

// find finds the import of a file, or the one that stands in its way; there may be none, which is
// nil. It is one of this file that is done or goes on, or the error says why it is in the way:
// ErrUnfinished, ErrCharset, ErrUndoing.
func (s *Store) find(ctx context.Context, tx pgx.Tx, file [sha256.Size]byte, charset Charset) (*progress, error) {
	for _, which := range []string{"state = 'done' AND file = $1", "state IN ('begun', 'undoing') AND $1::BYTEA IS NOT NULL"} {
		p, err := scanImport(tx.QueryRow(ctx, selectImport+"WHERE "+which+" ORDER BY number DESC LIMIT 1", file[:]))
		switch {
		case errors.Is(err, ErrNoImport):
			continue
		case err != nil || p.state == Done:
			return p, err
		case p.state == Undoing:
			return p, s.inTheWay(p, ErrUndoing)
		case p.file != file:
			return p, s.inTheWay(p, ErrUnfinished)
		case p.charset != charset:
			return p, s.inTheWay(p, ErrCharset)
		}
		return p, nil
	}
	return nil, nil
}

func (s *Store) inTheWay(p *progress, why error) error {
	return language.Textf("import %d, which %s began at %s: %w", p.number, p.by.First, p.by.At.In(s.zone).Format(time.DateTime), why)
}

func canBeUndone(err error) bool {
	return errors.Is(err, ErrUnfinished) || errors.Is(err, ErrCharset) || errors.Is(err, ErrUndoing)
}

// standing is find, and sees that the key store is that of the persons whom the database has. With
// undo it gives the import that is in the way, too, without an error. An import of the same file is
// then in the way as well if it alone was begun under another key store.
func (s *Store) standing(ctx context.Context, tx pgx.Tx, file [sha256.Size]byte, charset Charset, undo bool) (p *progress, inTheWay bool, err error) {
	p, err = s.find(ctx, tx, file, charset)
	if inTheWay = canBeUndone(err); err != nil && !(inTheWay && undo) {
		return p, inTheWay, err
	}
	var but int32 // which is gone before anything is stored
	if inTheWay {
		but = p.number
	}
	err = s.sameKeys(ctx, tx, but)
	if undo && errors.Is(err, ErrKeys) && p != nil && p.state == Begun && !inTheWay {
		inTheWay, err = true, s.sameKeys(ctx, tx, p.number)
	}
	return p, inTheWay, err
}

// earlier is standing in a transaction of its own, before a file is surveyed.
func (s *Store) earlier(ctx context.Context, file [sha256.Size]byte, charset Charset, undo bool) (p *progress, inTheWay bool, err error) {
	err = s.ledger.Look(ctx, func(tx pgx.Tx) error {
		p, inTheWay, err = s.standing(ctx, tx, file, charset, undo)
		return err
	})
	return p, inTheWay, err
}

// InTheWay finds the import that would be undone before a roster is imported with Order.Undo; ok is
// false if there is none.
func (s *Store) InTheWay(ctx context.Context, file [sha256.Size]byte, charset Charset) (i Import, ok bool, err error) {
	p, ok, err := s.earlier(ctx, file, charset, true)
	if err == nil && ok {
		i = p.report()
	}
	return i, ok, err
}

// Opened is the content of the audit entry by which a person opens an import, or goes on with one
// that somebody else has opened.
type Opened struct {
	Import  int32   `json:"import"`
	File    string  `json:"file"` // SHA-256, in hexadecimal
	Size    int64   `json:"size"` // of the file, in bytes
	Charset Charset `json:"encoding"`
	At      int64   `json:"at"` // when it was opened: seconds since 1970; its day is the last that may stand in the roster
}

// Try writes into the audit that somebody tries an import, of no number: it tells them as much of
// who is known as an import does, and is then rolled back.
func Try(ctx context.Context, l *ledger.Ledger, what Opened, by ledger.Approval) error {
	what.At = by.At.Unix()
	return l.Write(ctx, func(tx pgx.Tx) error { return record(ctx, tx, ActTry, what, by) })
}

// Text is what the person signs.
func (o *Opened) Text() string {
	return fmt.Sprintf("roster sha256:%s of %d bytes in %s", o.File, o.Size, o.Charset)
}

// begin opens a new import, or finds the one of the same file: it has ended, or goes on, as it was
// found earlier. The person signs for a new one, and for one that somebody else has opened, with
// the hash of the file. A rehearsal in which one would be undone begins beside it.
func (s *Store) begin(ctx context.Context, file [sha256.Size]byte, size int64, earlier *progress, o *Order) (p *progress, err error) {
	opened := Opened{File: hex.EncodeToString(file[:]), Size: size, Charset: o.Charset, At: o.At.Unix()}
	var by ledger.Approval
	if earlier == nil || earlier.by.First != o.Person {
		if by, err = o.Sign(ActImport, opened.Text()); err != nil {
			return nil, err
		}
	}
	err = s.ledger.Write(ctx, func(tx pgx.Tx) error {
		of, inTheWay, err := s.standing(ctx, tx, file, o.Charset, o.Undo && s.ledger.Rehearses())
		if p = of; err != nil {
			return err
		}
		if p == nil || inTheWay {
			if p, err = opening(ctx, tx, file, o); err != nil {
				return err
			}
		} else if p.state == Done || p.by.First == o.Person {
			return nil
		}
		if by.First == "" { // the earlier one was undone meanwhile
			return fmt.Errorf("import %d: %w", p.number, ErrTaken)
		}
		opened.Import, opened.At = p.number, p.by.At.Unix()
		return record(ctx, tx, ActImport, opened, by)
	})
	return p, err
}

// opening takes the number of a new import.
func opening(ctx context.Context, tx pgx.Tx, file [sha256.Size]byte, o *Order) (*progress, error) {
	p := &progress{by: ledger.Approval{First: o.Person, At: time.Unix(o.At.Unix(), 0)}, file: file, charset: o.Charset, next: FirstLine, state: Begun}
	counts, err := json.Marshal(p.counts)
	if err != nil {
		return nil, err
	}
	return p, tx.QueryRow(ctx, `INSERT INTO person_imports (number, file, charset, person, at, parts, next_line, head, counts, state)
		SELECT coalesce(max(number), 0) + 1, $1::BYTEA, $2::TEXT, $3::TEXT, $4::INT8, 0, $5::INT8, $6::BYTEA, $7::TEXT, $8::TEXT FROM person_imports RETURNING number`,
		file[:], string(o.Charset), p.by.First, p.by.At.Unix(), p.next, p.head[:], string(counts), string(p.state)).Scan(&p.number)
}

// FirstLine is the first line behind the header.
const FirstLine = 2

const selectImport = "SELECT number, file, charset, person, at, parts, next_line, head, counts, state FROM person_imports "

func scanImport(r pgx.Row) (*progress, error) {
	p := &progress{}
	var file, head []byte
	var at int64
	var counts string
	err := r.Scan(&p.number, &file, &p.charset, &p.by.First, &at, &p.parts, &p.next, &head, &counts, &p.state)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, ErrNoImport
	case err != nil:
		return nil, err
	case len(file) != sha256.Size || len(head) != sha256.Size:
		return nil, fmt.Errorf("import %d: hashes of %d and %d bytes", p.number, len(file), len(head))
	}
	p.file, p.head, p.by.At = [sha256.Size]byte(file), [sha256.Size]byte(head), time.Unix(at, 0)
	return p, json.Unmarshal([]byte(counts), &p.counts)
}

// Imported is the content of the audit entry for the end of an import.
type Imported struct {
	Import  int32   `json:"import"`
	State   State   `json:"state"` // Done or Undone
	File    string  `json:"file"`  // SHA-256, in hexadecimal
	Charset Charset `json:"encoding"`
	By      string  `json:"by"` // who opened it
	At      int64   `json:"at"` // when: seconds since 1970
	Parts   int64   `json:"parts"`
	Next    int64   `json:"next_line"`
	Head    string  `json:"head"` // in hexadecimal
	Counts  Counts  `json:"counts"`
}

func (p *progress) imported(end State) Imported {
	return Imported{p.number, end, hex.EncodeToString(p.file[:]), p.charset, p.by.First, p.by.At.Unix(), p.parts, p.next, hex.EncodeToString(p.head[:]), p.counts}
}

// moved sees why an update of an import changed no row: an attempt whose outcome was not known has
// made it already, or the import is not as it was. Then it is ErrTaken.
func (p *progress) moved(ctx context.Context, tx pgx.Tx, head [sha256.Size]byte, states ...State) error {
	now, err := scanImport(tx.QueryRow(ctx, selectImport+"WHERE number = $1", p.number))
	if errors.Is(err, ErrNoImport) {
		return ErrTaken
	}
	if err == nil && !(now.file == p.file && now.head == head && slices.Contains(states, now.state)) {
		return ErrTaken
	}
	return err
}

// finish writes the end of the import into the audit; from then on it counts.
func (s *Store) finish(ctx context.Context, p *progress) error {
	if s.ledger.Rehearses() {
		return nil
	}
	err := s.ledger.Write(ctx, func(tx pgx.Tx) error {
		ended, err := tx.Exec(ctx, "UPDATE person_imports SET state = 'done' WHERE number = $1 AND file = $2 AND head = $3 AND state = 'begun'", p.number, p.file[:], p.head[:])
		if err != nil {
			return err
		}
		if ended.RowsAffected() == 0 {
			return p.moved(ctx, tx, p.head, Done)
		}
		return record(ctx, tx, ActEnd, p.imported(Done), ledger.Approval{})
	})
	if err != nil {
		return fmt.Errorf("end import %d: %w", p.number, err)
	}
	return nil
}
