package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"citycard/language"
	"citycard/ledger"
)

// The errors of a store.
var (
	ErrEmpty      = language.Textf("the database holds no registry yet")
	ErrFounded    = language.Textf("the database holds a registry already")
	ErrStale      = language.Textf("the registry has changed since")
	ErrNoChange   = language.Textf("there is no such change")
	ErrNothingNew = language.Textf("the files hold nothing that is not in force already")
	ErrAltered    = language.Textf("the rows are not those that were approved")
)

// Store keeps changes and their history in the database.
type Store struct {
	pool *pgxpool.Pool
	// rehearses makes Approve answer as if the change were in force, and roll it back.
	rehearses bool
}

// NewStore is the store in the pool's database, which has clearing's tables.
func NewStore(pool *pgxpool.Pool) *Store { return &Store{pool: pool} }

// Content names the rows of a change that the database keeps, and hashes them all.
type Content struct {
	Change int64  `json:"change"`
	Base   int64  `json:"base"` // the version that it was checked against
	Rows   int64  `json:"rows"`
	Digest string `json:"digest"` // over its rows, in hexadecimal
}

func (d *Draft) content(change int64) Content {
	return Content{change, d.base, d.count, hex.EncodeToString(d.digest[:])}
}

// Keep stores the rows of a draft. They are in force nowhere until they are approved. The same rows
// for the same version are kept once.
func (s *Store) Keep(ctx context.Context, d *Draft) (Content, error) {
	if d.count == 0 {
		return Content{}, ErrNothingNew
	}
	kept, err := s.kept(ctx, d)
	if err != nil || kept.Change > 0 {
		return kept, err
	}
	return s.keepNew(ctx, d)
}

// keepNew stores the rows of a draft under a number of their own.
func (s *Store) keepNew(ctx context.Context, d *Draft) (Content, error) {
	var number int64
	err := attempts(ctx, func() error {
		return s.pool.QueryRow(ctx, `INSERT INTO registry_changes (number, base, rows, digest, drafted)
			SELECT coalesce(max(number), 0) + 1, $1::INT8, $2::INT8, $3::BYTEA, `+second+` FROM registry_changes RETURNING number`,
			d.base, d.count, d.digest[:]).Scan(&number)
	})
	if err != nil {
		return Content{}, fmt.Errorf("number a change: %w", err)
	}
	if err := s.writeRows(ctx, number, d); err != nil {
		return Content{}, fmt.Errorf("store change %d: %w", number, err)
	}
	return d.content(number), nil
}

// kept finds the change that has the rows of a draft already, and has it stay as long as a new one.
// Change is 0 if there is none.
func (s *Store) kept(ctx context.Context, d *Draft) (Content, error) {
	var number int64
	err := attempts(ctx, func() error {
		return s.pool.QueryRow(ctx, `UPDATE registry_changes SET drafted = CASE WHEN drafted = 0 THEN 0 ELSE `+second+` END
			WHERE drafted >= 0 AND number = (SELECT max(number) FROM registry_changes WHERE base = $1 AND digest = $2 AND drafted >= 0) RETURNING number`,
			d.base, d.digest[:]).Scan(&number)
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return Content{}, nil
	}
	if err != nil {
		return Content{}, err
	}
	content := d.content(number)
	switch err := s.sound(ctx, content); {
	case errors.Is(err, ErrAltered), errors.Is(err, ErrUnfinished):
		return Content{}, nil
	case err != nil:
		return Content{}, err
	}
	return content, nil
}

// sound makes sure that the database has the rows of a change. ErrUnfinished says that some are
// missing, ErrAltered that they are others.
func (s *Store) sound(ctx context.Context, c Content) error {
	digest := sha256.New()
	var rows int64
	for _, l := range layouts() {
		err := s.pages(ctx, c.Change, l.kind, func(line string) error {
			rows++
			hashRecord(digest, l.kind, line)
			return nil
		})
		if err != nil {
			return fmt.Errorf("read the rows of change %d: %w", c.Change, err)
		}
	}
	switch {
	case rows < c.Rows:
		return language.Textf("change %d: %w", c.Change, ErrUnfinished)
	case rows != c.Rows || hex.EncodeToString(digest.Sum(nil)) != c.Digest:
		return language.Textf("change %d: %w", c.Change, ErrAltered)
	}
	return nil
}

// Found puts a draft in force as the founding change. ErrFounded means that there is a registry
// already; another process may just have founded it.
func (s *Store) Found(ctx context.Context, d *Draft, by ledger.Approval) (err error) {
	if versions, err := s.versions(ctx, 0); err != nil || len(versions) > 0 {
		return errors.Join(err, ErrFounded)
	}
	if by.First, err = ledger.Person(by.First); err != nil {
		return err
	}
	if d.count == 0 {
		return ErrNothingNew
	}
	// Of several who found at once with the same rows, each knows by its own number whether it did.
	content, err := s.keepNew(ctx, d)
	if err != nil {
		return err
	}
	by.Reason = "founding"
	err = s.enters(ctx, content, ActFound, func(ctx context.Context, tx pgx.Tx, what string) error {
		return ledger.Record(ctx, tx, ActFound, what, by)
	})
	if errors.Is(err, ErrStale) {
		return ErrFounded
	}
	if err != nil {
		return fmt.Errorf("found the registry: %w", err)
	}
	return nil
}

// Approve puts a change in force. The first person of the approval proposed it. ErrStale says that
// another change came in between.
func (s *Store) Approve(ctx context.Context, c Content, by ledger.Approval) error {
	if err := s.sound(ctx, c); err != nil {
		return err
	}
	return s.enters(ctx, c, ActApprove, func(ctx context.Context, tx pgx.Tx, what string) error {
		return ledger.Approve(ctx, tx, ActApprove, what, by)
	})
}

const rowsChunk = 10_000

func (s *Store) writeRows(ctx context.Context, change int64, d *Draft) error {
	columns := []string{"change", "kind", "key", "effective_from", "record"}
	chunk := make([][]any, 0, min(rowsChunk, d.count))
	flush := func() error {
		err := attempts(ctx, func() error {
			_, err := s.pool.CopyFrom(ctx, pgx.Identifier{"registry_rows"}, columns, pgx.CopyFromRows(chunk))
			return err
		})
		chunk = chunk[:0]
		return err
	}
	err := records(&d.rows, func(r record) error {
		line, err := joinRecord(r.fields)
		if err != nil {
			return err
		}
		if chunk = append(chunk, []any{change, int64(r.kind), r.key, r.from, line}); len(chunk) == rowsChunk {
			return flush()
		}
		return nil
	})
	if err != nil || len(chunk) == 0 {
		return err
	}
	return flush()
}

// enters puts a change in force and has it recorded, in one transaction. Two changes at the same
// time collide on a key.
func (s *Store) enters(ctx context.Context, c Content, act string, record func(context.Context, pgx.Tx, string) error) error {
	return attempts(ctx, func() error {
		err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) error {
			err := enterIn(ctx, tx, c, record)
			if err == nil && s.rehearses {
				err = errRehearsed
			}
			return err
		})
		if errors.Is(err, errRehearsed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w", act, err)
		}
		return nil
	})
}

// errRehearsed rolls back what would have been kept.
var errRehearsed = errors.New("rehearsed")

func enterIn(ctx context.Context, tx pgx.Tx, c Content, record func(context.Context, pgx.Tx, string) error) error {
	var there Content
	var digest []byte
	err := tx.QueryRow(ctx, "SELECT number, base, rows, digest FROM registry_changes WHERE number = $1", c.Change).Scan(&there.Change, &there.Base, &there.Rows, &digest)
	if there.Digest = hex.EncodeToString(digest); errors.Is(err, pgx.ErrNoRows) {
		return language.Textf("change %d: %w", c.Change, ErrNoChange)
	}
	switch {
	case err != nil:
		return fmt.Errorf("read change %d: %w", c.Change, err)
	case there != c || len(digest) != sha256.Size:
		return language.Textf("change %d: %w", c.Change, ErrAltered)
	}
	var known bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM registry_versions WHERE change = $1)", c.Change).Scan(&known); err != nil || known {
		return err // by an attempt whose outcome was not known
	}
	if err := hold(ctx, tx, c.Change); err != nil {
		return err
	}
	what := Entered{Content: c, Version: c.Base + 1}
	if what.Head, err = addVersion(ctx, tx, c.Change, c.Base, [32]byte(digest)); err != nil {
		return err
	}
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return record(ctx, tx, string(text))
}

// addVersion puts the change in force on its base and nothing else, and returns its head in
// hexadecimal.
func addVersion(ctx context.Context, tx pgx.Tx, change, base int64, digest [32]byte) (string, error) {
	var last int64
	var head []byte
	err := tx.QueryRow(ctx, "SELECT number, head FROM registry_versions ORDER BY number DESC LIMIT 1").Scan(&last, &head)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return "", fmt.Errorf("read the registry's version: %w", err)
	}
	if last != base {
		return "", language.Textf("change %d was checked against version %d, now is %d: %w", change, base, last, ErrStale)
	}
	var before [32]byte
	copy(before[:], head)
	next := Head(before, digest)
	_, err = tx.Exec(ctx, "INSERT INTO registry_versions (number, change, head) VALUES ($1, $2, $3)", base+1, change, next[:])
	return hex.EncodeToString(next[:]), err
}

// attempts repeats transactions that collided, as the database asks.
// On a collision of keys the next attempt reads what the other one wrote.
func attempts(ctx context.Context, attempt func() error) error {
	const limit = 10
	pause := 5 * time.Millisecond
	for n := 1; ; n++ {
		err := attempt()
		var pg *pgconn.PgError
		if n == limit || !errors.As(err, &pg) || pg.Code != "40001" && pg.Code != "40P01" && pg.Code != "23505" {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
			pause *= 2
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}
