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
	ActUndo   = "undo an import of persons"
	ActEnd    = "end an import of persons"
	ActTry    = "try import persons" // as a statement names an import that is rolled back
	ActRead   = "read a person"
)

// ReadText is what a person signs who asks for one: nothing of the number.
const ReadText = "one person, by the number of a certificate"

// The errors of a store.
var (
	ErrNoImport   = language.Textf("no such import")
	ErrUnfinished = language.Textf("an import of another roster has not ended")
	ErrUndoing    = language.Textf("an import is being undone")
	ErrCharset    = language.Textf("the import of this roster was begun in another encoding")
	ErrTaken      = language.Textf("somebody else goes on with this import, or has undone it")
	ErrChanged    = language.Textf("the file changed while it was read, or on its way; nothing of the altered part was stored")
	ErrKeys       = language.Textf("the key store is not the one under which persons are kept")
)

// Store keeps persons in the ledger's database, which has clearing's tables.
type Store struct {
	ledger *ledger.Ledger
	data   *keys.PersonData
	token  func(number string) [16]byte
	zone   *time.Location // of the day that is today
}

// NewStore is the store in the ledger's database, under the keys that clearing holds.
func NewStore(l *ledger.Ledger, held *keys.Held, zone *time.Location) (*Store, error) {
	data, err := held.PersonData()
	if err != nil {
		return nil, err
	}
	return &Store{ledger: l, data: data, token: held.PersonToken, zone: zone}, nil
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

// Of is the token of a certificate.
func (s *Store) Of(c Certificate) Token { return Token(s.token(c.Number)) }

// known reads people by their tokens. Those who are not known are missing from the answer.
func (s *Store) known(ctx context.Context, tokens []Token) (map[Token]Person, error) {
	known := make(map[Token]Person, len(tokens))
	wanted := make([][]byte, len(tokens))
	for i := range tokens {
		wanted[i] = tokens[i][:]
	}
	err := s.ledger.Look(ctx, func(tx pgx.Tx) error {
		clear(known)
		rows, err := tx.Query(ctx, `SELECT DISTINCT ON (p.token) p.token, p.certificate, p.status, p.since, p.import, p.sealed
			FROM persons p JOIN person_imports i ON i.number = p.import WHERE p.token = ANY($1) AND i.state = 'done' ORDER BY p.token, p.import DESC`, wanted)
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
	if err != nil {
		return nil, fmt.Errorf("read persons: %w", err)
	}
	return known, nil
}

// looked is the content of the audit entry for a read.
type looked struct {
	Token string `json:"token"` // its first bytes, in hexadecimal
}

// Find writes into the audit that somebody asks for a person, and then answers; found is false if
// the person is not known. Where the database's answer to the writing was lost, it is written
// again, unless the approval's check finds it there, of this same question: the statement names
// nobody, so it could be used for two at once. The audit has each question that was answered.
func (s *Store) Find(ctx context.Context, c Certificate, by ledger.Approval) (p Person, found bool, err error) {
	token := Token(s.token(c.Number))
	if err := by.ValidateAlone(); err != nil {
		return p, false, err
	}
	if by.First, err = ledger.Person(by.First); err != nil {
		return p, false, err
	}
	if by.Reason == "" {
		return p, false, language.Textf("the reason is missing")
	}
	err = s.ledger.Write(ctx, func(tx pgx.Tx) error {
		if err := s.sameKeys(ctx, tx, 0); err != nil {
			return err
		}
		return record(ctx, tx, ActRead, looked{hex.EncodeToString(token[:prefix])}, by)
	})
	if err != nil || s.ledger.Rehearses() {
		return p, false, err
	}
	known, err := s.known(ctx, []Token{token})
	p, found = known[token]
	return p, found, err
}

// sameKeys opens the identity of a person, of any import but one, and makes the token of its
// number. ErrKeys says that the token is another: under this key store nobody would be found, and
// everybody be new.
func (s *Store) sameKeys(ctx context.Context, tx pgx.Tx, but int32) error {
	var token, sealed []byte
	err := tx.QueryRow(ctx, "SELECT token, sealed FROM persons WHERE import <> $1 ORDER BY token, import LIMIT 1", but).Scan(&token, &sealed)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return err
	case len(token) != len(Token{}):
		return fmt.Errorf("a token of %d bytes", len(token))
	}
	of, err := open(s.data, Token(token), sealed)
	if errors.Is(err, keys.ErrSealed) {
		return fmt.Errorf("%w: %w", ErrKeys, err)
	}
	if err == nil && s.token(of.number) != [16]byte(token) {
		return ErrKeys
	}
	return err
}

func record[T any](ctx context.Context, tx pgx.Tx, act string, what T, by ledger.Approval) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return ledger.Record(ctx, tx, act, string(text), by)
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
			WHERE number = $5 AND file = $6 AND parts = $7 AND head = $8 AND state = 'begun'`,
			p.parts+1, part.next, head[:], string(counts), p.number, p.file[:], p.parts, p.head[:])
		if err != nil {
			return err
		}
		if moved.RowsAffected() == 0 {
			return p.moved(ctx, tx, head, Begun, Done)
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
