package access

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// The acts by which the ledger's audit has the credentials.
const (
	ActIssue  = "issue access"
	ActRevoke = "revoke access"
)

// Issued is the content of the audit entry for a credential that was issued.
type Issued struct {
	Credential int64       `json:"credential"`
	Unit       people.Unit `json:"unit"`
	Kind       Kind        `json:"kind"`
	Hash       string      `json:"hash"`    // in hexadecimal
	Expires    int64       `json:"expires"` // in seconds since 1970
}

// What is what a person signs who issues the credential at a second.
func (i *Issued) What(at int64) string {
	return fmt.Sprintf("%s sha256:%s of %s for %d days", i.Kind, i.Hash, i.Unit, (i.Expires-at)/secondsOfDay)
}

const secondsOfDay = 24 * 60 * 60

// Ended is the content of the audit entry for a credential that was revoked.
type Ended struct {
	Credential int64 `json:"credential"`
}

// What is what a person signs who revokes the credential.
func (e *Ended) What() string { return fmt.Sprintf("credential %d", e.Credential) }

// ErrNone means that there is no credential with a number.
var ErrNone = language.Textf("there is no such credential")

// TakenError refuses a certificate that is a credential already, of another unit or still in force.
type TakenError struct {
	Number int64
	Unit   people.Unit
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("the certificate is credential %d, of %s", e.Number, e.Unit)
}

// Store keeps credentials in the ledger's database, which has clearing's tables.
type Store struct {
	Ledger *ledger.Ledger
}

// Order is a credential to be issued.
type Order struct {
	Unit people.Unit
	Kind Kind
	Hash Hash
	Days int // for which it is good
}

// What is what a person signs who issues it.
func (o *Order) What() string {
	i := Issued{Unit: o.Unit, Kind: o.Kind, Hash: o.Hash.String(), Expires: int64(o.Days) * secondsOfDay}
	return i.What(0)
}

// signed refuses a person's signature of something else than what is done.
func signed(by ledger.Approval, what string) error {
	for _, signature := range by.Signed {
		statement, err := people.ParseStatement(signature.Statement)
		if err != nil {
			return err
		}
		if statement.What != what {
			return language.Textf("signed is %q, and to be done %q", statement.What, what)
		}
	}
	return nil
}

// Issue issues a credential; by.At is when. It may be repeated where the outcome was not known: the
// same order by the same person at the same second is the same credential. Whether the unit is
// registered is for the caller to see.
func (s *Store) Issue(ctx context.Context, o Order, by ledger.Approval) (Credential, error) {
	c := Credential{Unit: o.Unit, Kind: o.Kind, Hash: o.Hash, Issued: by.At.UTC().Truncate(time.Second)}
	all, err := kinds()
	if err != nil {
		return c, err
	}
	if _, err := ParseUnit(string(o.Unit)); err != nil {
		return c, err
	}
	if longest := all[kindOf(o.Unit)].LongestDays; o.Days < 1 || o.Days > longest {
		return c, unfit(language.Textf("%d days: want 1 to %d for a unit of this kind", o.Days, longest))
	}
	if err := signed(by, o.What()); err != nil {
		return c, err
	}
	c.Expires = c.Issued.Add(time.Duration(o.Days) * secondsOfDay * time.Second)
	if c.Person, err = person(by); err != nil {
		return c, err
	}
	err = s.Ledger.Write(ctx, func(tx pgx.Tx) (err error) {
		c.Number, err = issue(ctx, tx, &c, by)
		return err
	})
	return c, err
}

// person is who does an act, as the name is kept; the program itself is nobody.
func person(by ledger.Approval) (name string, err error) {
	switch {
	case by.At.IsZero():
		return "", errors.New("the time of an act is missing")
	case by.First == "":
		return "", by.ValidateAlone()
	}
	if err := by.ValidateAlone(); err != nil {
		return "", err
	}
	return ledger.Person(by.First)
}

// issue stores a credential, unless it is there already, and gives its number.
func issue(ctx context.Context, tx pgx.Tx, c *Credential, by ledger.Approval) (number int64, err error) {
	var unit people.Unit
	err = tx.QueryRow(ctx, "SELECT number FROM credentials WHERE hash = $1 AND unit = $2 AND person = $3 AND issued = $4 AND expires = $5 ORDER BY number LIMIT 1",
		c.Hash[:], string(c.Unit), c.Person, c.Issued.Unix(), c.Expires.Unix()).Scan(&number)
	if !errors.Is(err, pgx.ErrNoRows) {
		return number, err
	}
	err = tx.QueryRow(ctx, "SELECT number, unit FROM credentials WHERE hash = $1 AND (unit <> $2 OR revoked = 0 AND expires > $3) ORDER BY number LIMIT 1",
		c.Hash[:], string(c.Unit), c.Issued.Unix()).Scan(&number, &unit)
	switch {
	case err == nil:
		return 0, &TakenError{number, unit}
	case !errors.Is(err, pgx.ErrNoRows):
		return 0, err
	}
	err = tx.QueryRow(ctx, `INSERT INTO credentials (number, unit, kind, hash, person, issued, expires, revoked)
		SELECT coalesce(max(number), 0) + 1, $1::TEXT, $2::TEXT, $3::BYTEA, $4::TEXT, $5::INT8, $6::INT8, 0 FROM credentials RETURNING number`,
		string(c.Unit), string(c.Kind), c.Hash[:], c.Person, c.Issued.Unix(), c.Expires.Unix()).Scan(&number)
	if err != nil {
		return 0, err
	}
	return number, record(ctx, tx, ActIssue, Issued{number, c.Unit, c.Kind, c.Hash.String(), c.Expires.Unix()}, by)
}

func record[T any](ctx context.Context, tx pgx.Tx, act string, what T, by ledger.Approval) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	if err := ledger.Unstaffed(ctx, tx, &by); err != nil {
		return err
	}
	return ledger.Record(ctx, tx, act, string(text), by)
}

// Revoke ends a credential; within MaxAge it opens nothing any more. One that was revoked before
// stays as it is, and again is true.
func (s *Store) Revoke(ctx context.Context, number int64, by ledger.Approval) (c Credential, again bool, err error) {
	if _, err := person(by); err != nil {
		return c, false, err
	}
	if err := signed(by, (&Ended{number}).What()); err != nil {
		return c, false, err
	}
	at, tried := by.At.UTC().Truncate(time.Second), false
	err = s.Ledger.Write(ctx, func(tx pgx.Tx) (err error) {
		if c, err = credential(ctx, tx, number); err != nil {
			return err
		}
		if !c.Revoked.IsZero() {
			again = !tried || !c.Revoked.Equal(at) // else it was this act, whose outcome was not known
			return nil
		}
		c.Revoked, tried = at, true
		if _, err := tx.Exec(ctx, "UPDATE credentials SET revoked = $1 WHERE number = $2", at.Unix(), number); err != nil {
			return err
		}
		return record(ctx, tx, ActRevoke, Ended{number}, by)
	})
	return c, again, err
}

const selectCredentials = "SELECT number, unit, kind, hash, person, issued, expires, revoked FROM credentials "

// scanCredential scans one of whose hash the row has a number of bytes.
func scanCredential(row pgx.Row, hashed int) (c Credential, err error) {
	var hash []byte
	var issued, expires, revoked int64
	if err := row.Scan(&c.Number, &c.Unit, &c.Kind, &hash, &c.Person, &issued, &expires, &revoked); err != nil {
		return c, err
	}
	if len(hash) == hashed {
		copy(c.Hash[:], hash)
	} else {
		c.Odd = fmt.Errorf("credential %d: its hash has %d bytes, want %d", c.Number, len(hash), hashed)
	}
	at := func(second int64) time.Time {
		if second < 0 || second > lastSecond {
			c.Odd = fmt.Errorf("credential %d: second %d is in no year of four digits", c.Number, second)
			return time.Time{}
		}
		return time.Unix(second, 0)
	}
	c.Issued, c.Expires = at(issued), at(expires)
	if revoked != 0 {
		c.Revoked = at(revoked)
	}
	return c, nil
}

const lastSecond = 253402300799 // of the year 9999

func credential(ctx context.Context, tx pgx.Tx, number int64) (Credential, error) {
	c, err := scanCredential(tx.QueryRow(ctx, selectCredentials+"WHERE number = $1", number), sha256.Size)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, fmt.Errorf("%d: %w", number, ErrNone)
	}
	return c, err
}

// Listed is how many bytes of a credential's hash a list has.
const Listed = 6

// List gives all credentials that were ever issued, in their order, each with the first bytes of
// its hash alone. The database role of those who look is enough for it.
func (s *Store) List(ctx context.Context) (all []Credential, err error) {
	err = s.Ledger.Look(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT number, unit, kind, hash_begins, person, issued, expires, revoked FROM credentials_listed ORDER BY number")
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Credential, error) { return scanCredential(row, Listed) })
		return err
	})
	return all, err
}

func collect(ctx context.Context, tx pgx.Tx, which string, args ...any) ([]Credential, error) {
	rows, err := tx.Query(ctx, selectCredentials+which, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (Credential, error) { return scanCredential(row, sha256.Size) })
}

// remembered is how long one that has expired is told so; after that it is as unknown as any.
const remembered = 30 * 24 * time.Hour

// standing gives those that are in force or have expired lately, once, by the database's clock, and
// that clock.
func (s *Store) standing(ctx context.Context) (all []Credential, clock time.Time, err error) {
	err = s.Ledger.ReadByKey(ctx, func(tx pgx.Tx) (err error) {
		if err := tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&clock); err != nil {
			return err
		}
		all, err = collect(ctx, tx, "WHERE revoked = 0 AND expires > floor(extract(epoch FROM now()))::INT8 - $1 ORDER BY number", int64(remembered/time.Second))
		return err
	})
	return all, clock, err
}
