package persons

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/keys"
	"citycard/language"
	"citycard/ledger"
)

// The acts by which the ledger's audit has what was done with persons.
const (
	ActImport = "import persons"
	ActRead   = "read a person"
)

// The errors of a store.
var (
	ErrNoImport   = language.Textf("no such import")
	ErrUnfinished = language.Textf("an import of another roster has not ended")
	ErrTaken      = language.Textf("somebody else goes on with this import")
	ErrChanged    = language.Textf("the file changed while it was read; what was stored of it does not count")
)

// Store keeps persons in the ledger's database, which has clearing's tables.
type Store struct {
	ledger *ledger.Ledger
	data   *keys.PersonData
	token  func(number string) [16]byte
	zone   *time.Location // of the day that is today
}

// NewStore is the store in the ledger's database, under the keys of a key store.
func NewStore(l *ledger.Ledger, store *keys.Store, zone *time.Location) (*Store, error) {
	data, err := store.PersonData()
	if err != nil {
		return nil, err
	}
	return &Store{ledger: l, data: data, token: store.PersonToken, zone: zone}, nil
}

// Person is what is known of a person.
type Person struct {
	Token       Token
	Certificate Certificate
	Name        string
	Born        ledger.Day // 0 where neither the number nor a roster states it
	Status      Status
	Since       ledger.Day
	Import      int32 // the import that brought it
}

// Masked is the name with all but its first character hidden.
func (p *Person) Masked() string { return maskName(p.Name) }

// Known reads people by their tokens. Those who are not known are missing from the answer.
func (s *Store) Known(ctx context.Context, tokens []Token) (map[Token]Person, error) {
	known := make(map[Token]Person, len(tokens))
	wanted := make([][]byte, len(tokens))
	for i := range tokens {
		wanted[i] = tokens[i][:]
	}
	err := s.ledger.Retry(ctx, func(ctx context.Context) error {
		clear(known)
		return s.ledger.ReadByKey(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, `SELECT DISTINCT ON (p.token) p.token, p.certificate, p.status, p.since, p.import, p.sealed
				FROM persons p JOIN person_imports i ON i.number = p.import WHERE p.token = ANY($1) AND i.done ORDER BY p.token, p.import DESC`, wanted)
			if err != nil {
				return err
			}
			var p Person
			var token, sealed []byte
			_, err = pgx.ForEachRow(rows, []any{&token, &p.Certificate.Kind, &p.Status, &p.Since, &p.Import, &sealed}, func() error {
				if len(token) != len(p.Token) {
					return fmt.Errorf("a token of %d bytes", len(token))
				}
				p.Token = Token(token)
				i, err := open(s.data, p.Token, sealed)
				if err != nil {
					return err
				}
				p.Certificate.Number, p.Name, p.Born = i.number, i.name, i.born
				if p.Born == 0 {
					p.Born = p.Certificate.Born()
				}
				known[p.Token] = p
				return nil
			})
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read persons: %w", err)
	}
	return known, nil
}

// Looked is the content of the audit entry for a read.
type Looked struct {
	Token string `json:"token"` // its first bytes, in hexadecimal
}

// Find writes into the audit that somebody asks for a person, and then answers; found is false if
// the person is not known.
func (s *Store) Find(ctx context.Context, c Certificate, by ledger.Approval) (p Person, found bool, err error) {
	token := Token(s.token(c.Number))
	if by.First, err = ledger.Person(by.First); err != nil {
		return p, false, err
	}
	if by.Reason == "" {
		return p, false, language.Textf("the reason is missing")
	}
	err = s.ledger.Write(ctx, func(tx pgx.Tx) error {
		return record(ctx, tx, ActRead, Looked{hex.EncodeToString(token[:prefix])}, by)
	})
	if err != nil || s.ledger.Rehearses() {
		return p, false, err
	}
	known, err := s.Known(ctx, []Token{token})
	p, found = known[token]
	return p, found, err
}

func record[T any](ctx context.Context, tx pgx.Tx, act string, what T, by ledger.Approval) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return ledger.Record(ctx, tx, act, string(text), by)
}

// progress is how far an import has come.
type progress struct {
	number int32
	by     ledger.Approval
	file   [sha256.Size]byte
	parts  int64
	next   int64 // line
	head   [sha256.Size]byte
	counts Counts
	done   bool
}

// begin takes the number of a new import, or finds the one of the same file: it has ended, or goes
// on. An unfinished one of another file is ErrUnfinished.
func (s *Store) begin(ctx context.Context, file [sha256.Size]byte, by ledger.Approval) (p *progress, err error) {
	err = s.ledger.Write(ctx, func(tx pgx.Tx) error {
		for _, which := range []string{"done AND file = $1", "NOT done AND $1::BYTEA IS NOT NULL"} {
			if p, err = scanImport(tx.QueryRow(ctx, selectImport+"WHERE "+which+" ORDER BY number DESC LIMIT 1", file[:])); !errors.Is(err, ErrNoImport) {
				break
			}
		}
		switch {
		case err == nil && p.file != file:
			return language.Textf("import %d, which %s began at %s: %w", p.number, p.by.First, p.by.At.In(s.zone).Format(time.DateTime), ErrUnfinished)
		case !errors.Is(err, ErrNoImport):
			return err
		}
		p = &progress{by: by, file: file, next: FirstLine}
		p.by.At = time.Unix(by.At.Unix(), 0)
		counts, err := json.Marshal(p.counts)
		if err != nil {
			return err
		}
		return tx.QueryRow(ctx, `INSERT INTO person_imports (number, file, person, at, parts, next_line, head, counts, done)
			SELECT coalesce(max(number), 0) + 1, $1::BYTEA, $2::TEXT, $3::INT8, 0, $4::INT8, $5::BYTEA, $6::TEXT, false FROM person_imports RETURNING number`,
			file[:], by.First, by.At.Unix(), p.next, p.head[:], string(counts)).Scan(&p.number)
	})
	return p, err
}

// FirstLine is the first line behind the header.
const FirstLine = 2

const selectImport = "SELECT number, file, person, at, parts, next_line, head, counts, done FROM person_imports "

func scanImport(r pgx.Row) (*progress, error) {
	p := &progress{}
	var file, head []byte
	var at int64
	var counts string
	err := r.Scan(&p.number, &file, &p.by.First, &at, &p.parts, &p.next, &head, &counts, &p.done)
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

// part is what is stored of some lines.
type part struct {
	next    int64 // the line behind them
	persons []Stored
	rejects []Reject
	counts  Counts // of the import, these lines included
	digest  Digest
}

// store stores a part in one transaction, behind what the import has. ErrTaken says that somebody
// else has stored another part there.
func (s *Store) store(ctx context.Context, p *progress, part *part) error {
	if s.ledger.Rehearses() {
		p.next, p.counts = part.next, part.counts
		return nil
	}
	sum := part.digest.Sum(part.next)
	head := Head(p.head, sum)
	counts, err := json.Marshal(part.counts)
	if err != nil {
		return err
	}
	err = s.ledger.Write(ctx, func(tx pgx.Tx) error {
		moved, err := tx.Exec(ctx, `UPDATE person_imports SET parts = $1, next_line = $2, head = $3, counts = $4
			WHERE number = $5 AND parts = $6 AND head = $7 AND NOT done`, p.parts+1, part.next, head[:], string(counts), p.number, p.parts, p.head[:])
		if err != nil {
			return err
		}
		if moved.RowsAffected() == 0 {
			now, err := scanImport(tx.QueryRow(ctx, selectImport+"WHERE number = $1", p.number))
			if errors.Is(err, ErrNoImport) || err == nil && now.head != head {
				return ErrTaken
			}
			return err // without one it was stored by an attempt whose outcome was not known
		}
		return part.write(ctx, tx, p, sum)
	})
	if err != nil {
		return fmt.Errorf("import %d, lines %d to %d: %w", p.number, p.next, part.next-1, err)
	}
	p.parts, p.next, p.head, p.counts = p.parts+1, part.next, head, part.counts
	return nil
}

func (part *part) write(ctx context.Context, tx pgx.Tx, p *progress, sum [sha256.Size]byte) error {
	_, err := tx.CopyFrom(ctx, pgx.Identifier{"persons"}, []string{"import", "line", "since", "certificate", "status", "token", "sealed"},
		pgx.CopyFromSlice(len(part.persons), func(i int) ([]any, error) {
			r := &part.persons[i]
			return []any{r.Import, r.Line, int32(r.Since), int16(r.Certificate), int16(r.Status), r.Token[:], r.Sealed}, nil
		}))
	if err != nil {
		return err
	}
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"person_rejects"}, []string{"import", "line", "reason", "field", "detail", "sealed"},
		pgx.CopyFromSlice(len(part.rejects), func(i int) ([]any, error) {
			r := &part.rejects[i]
			return []any{r.Import, r.Line, string(r.Reason), r.Field, r.Detail, r.Sealed}, nil
		}))
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO person_parts (import, part, next_line, digest, marks) VALUES ($1, $2, $3, $4, $5)",
		p.number, p.parts+1, part.next, sum[:], part.digest.Marks())
	return err
}

// Imported is the content of the audit entry for an import.
type Imported struct {
	Import int32  `json:"import"`
	File   string `json:"file"` // SHA-256, in hexadecimal
	By     string `json:"by"`   // who began it
	At     int64  `json:"at"`   // when: seconds since 1970
	Parts  int64  `json:"parts"`
	Head   string `json:"head"` // in hexadecimal
	Counts Counts `json:"counts"`
}

// finish writes the import into the audit; from then on it counts.
func (s *Store) finish(ctx context.Context, p *progress, by ledger.Approval) error {
	if s.ledger.Rehearses() {
		return nil
	}
	err := s.ledger.Write(ctx, func(tx pgx.Tx) error {
		ended, err := tx.Exec(ctx, "UPDATE person_imports SET done = true WHERE number = $1 AND head = $2 AND NOT done", p.number, p.head[:])
		if err != nil {
			return err
		}
		if ended.RowsAffected() == 0 {
			now, err := scanImport(tx.QueryRow(ctx, selectImport+"WHERE number = $1", p.number))
			if errors.Is(err, ErrNoImport) || err == nil && (now.head != p.head || !now.done) {
				return ErrTaken
			}
			return err
		}
		return record(ctx, tx, ActImport, Imported{p.number, hex.EncodeToString(p.file[:]), p.by.First, p.by.At.Unix(), p.parts, hex.EncodeToString(p.head[:]), p.counts}, by)
	})
	if err != nil {
		return fmt.Errorf("end import %d: %w", p.number, err)
	}
	return nil
}
