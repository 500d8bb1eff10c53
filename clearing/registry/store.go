package registry

import (
	"cmp"
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
	"citycard/ledger/chain"
)

// The errors of a store.
var (
	ErrEmpty      = language.Textf("the database holds no registry yet")
	ErrFounded    = language.Textf("the database holds a registry already")
	ErrSamePerson = language.Textf("the person who imported a change may not approve it")
	ErrDecided    = language.Textf("the change is decided already")
	ErrStale      = language.Textf("the registry has changed since; import the files again")
	ErrNoChange   = language.Textf("no such change is proposed")
	ErrNothingNew = language.Textf("the files hold nothing that is not in force already")
	ErrAltered    = language.Textf("the rows are not those that were approved")
)

// Store keeps changes and their history in the database.
type Store struct {
	pool *pgxpool.Pool
	// Rehearses makes Propose, Approve and Reject answer as if the change were kept, and roll it
	// back.
	Rehearses bool
}

// NewStore is the store in the pool's database, which has clearing's tables.
func NewStore(pool *pgxpool.Pool) *Store { return &Store{pool: pool} }

// Act is who did something, and when. Signed and Check are those of a ledger.Approval; an approval
// is signed by the importer and the person, or by nobody.
type Act struct {
	Person string                                     `json:"person"`
	At     time.Time                                  `json:"at"`
	Signed []chain.Signature                          `json:"-"`
	Check  func(ctx context.Context, tx pgx.Tx) error `json:"-"`
}

func (a *Act) check() (err error) {
	if a.At.IsZero() {
		return errors.New("the time of an act is missing")
	}
	a.Person, err = ledger.Person(a.Person)
	return err
}

// Steps and acts of the audit.
const (
	stepImport = 1
	stepDecide = 2

	actImport  = "import"
	actFound   = "found"
	actApprove = "approve"
	actReject  = "reject"
)

// Propose stores a draft as a change that waits for a second person, and gives its number. A
// *ledger.BatchError says that the reason cannot be kept; then no number is taken.
func (s *Store) Propose(ctx context.Context, d *Draft, by Act, reason string) (int64, error) {
	if err := by.check(); err != nil {
		return 0, err
	}
	approval := ledger.Approval{First: by.Person, Reason: reason, At: by.At, Signed: by.Signed, Check: by.Check}
	if err := approval.ValidateAlone(); err != nil { // before a number is taken for good
		return 0, fmt.Errorf("propose a change: %w", err)
	}
	if d.count == 0 {
		return 0, ErrNothingNew
	}
	if s.Rehearses {
		return s.next(ctx)
	}
	n, err := s.reserve(ctx, by)
	if err != nil {
		return 0, fmt.Errorf("number a change: %w", err)
	}
	if err := s.writeRows(ctx, n, d); err != nil {
		return 0, fmt.Errorf("store change %d: %w", n, err)
	}
	err = attempts(ctx, func() error {
		return pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO registry_changes (number, base, rows, digest, reason) VALUES ($1, $2, $3, $4, $5)",
				n, d.base, d.count, d.digest[:], reason)
			if err != nil {
				return err
			}
			what := Proposal{Change: n, Base: d.base, Rows: d.count, Digest: hex.EncodeToString(d.digest[:])}
			return audit(ctx, tx, ActPropose, what, approval)
		})
	})
	if err != nil {
		return 0, fmt.Errorf("propose change %d: %w", n, err)
	}
	return n, nil
}

// Found stores a draft as the founding change, in force at once. ErrFounded means that there is a
// registry already; another process may just have founded it.
func (s *Store) Found(ctx context.Context, d *Draft, by Act) error {
	if versions, err := s.versions(ctx, 0); err != nil || len(versions) > 0 {
		return errors.Join(err, ErrFounded)
	}
	importer := by
	importer.Check = nil // decide checks
	n, err := s.Propose(ctx, d, importer, "founding")
	if err != nil {
		return err
	}
	if err := s.decide(ctx, n, by, actFound); errors.Is(err, ErrStale) {
		return ErrFounded
	} else if err != nil {
		return fmt.Errorf("found the registry: %w", err)
	}
	return nil
}

// Approve puts a change in force. The person who approves must not be the one who imported it.
func (s *Store) Approve(ctx context.Context, change int64, by Act) error {
	return s.decide(ctx, change, by, actApprove)
}

// Reject keeps a change from ever being in force.
func (s *Store) Reject(ctx context.Context, change int64, by Act) error {
	return s.decide(ctx, change, by, actReject)
}

// reserve takes the next number. Every change with an earlier number was approved on a version that
// this one's base contains, or will never be approved.
func (s *Store) reserve(ctx context.Context, by Act) (n int64, err error) {
	err = attempts(ctx, func() error {
		return s.pool.QueryRow(ctx, `INSERT INTO registry_audit (change, step, act, person, at)
			SELECT coalesce(max(change), 0) + 1, $1::INT8, $2::TEXT, $3::TEXT, $4::INT8 FROM registry_audit RETURNING change`,
			stepImport, actImport, by.Person, by.At.Unix()).Scan(&n)
	})
	return n, err
}

// next is the number that reserve would take.
func (s *Store) next(ctx context.Context) (n int64, err error) {
	err = s.pool.QueryRow(ctx, "SELECT coalesce(max(change), 0) + 1 FROM registry_audit").Scan(&n)
	return n, err
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

// decide writes the decision on a change, and its version if it is approved, in one transaction.
// Two decisions at the same time collide on a key.
func (s *Store) decide(ctx context.Context, change int64, by Act, act string) error {
	if err := by.check(); err != nil {
		return err
	}
	return attempts(ctx, func() error {
		err := pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) error {
			err := decideIn(ctx, tx, change, by, act)
			if err == nil && s.Rehearses {
				err = errRehearsed
			}
			return err
		})
		if errors.Is(err, errRehearsed) {
			return nil
		}
		return err
	})
}

// errRehearsed rolls back a decision that would have been kept.
var errRehearsed = errors.New("rehearsed")

func decideIn(ctx context.Context, tx pgx.Tx, change int64, by Act, act string) error {
	var base int64
	var digest []byte
	var importer, reason string
	var decided bool
	err := tx.QueryRow(ctx, `SELECT c.base, c.digest, c.reason, a.person, EXISTS (SELECT 1 FROM registry_audit d WHERE d.change = c.number AND d.step = $3)
		FROM registry_changes c JOIN registry_audit a ON a.change = c.number AND a.step = $2 WHERE c.number = $1`,
		change, stepImport, stepDecide).Scan(&base, &digest, &reason, &importer, &decided)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return language.Textf("change %d: %w", change, ErrNoChange)
	case err != nil:
		return fmt.Errorf("read change %d: %w", change, err)
	case decided:
		return language.Textf("change %d: %w", change, ErrDecided)
	case act == actApprove && ledger.SamePerson(importer, by.Person):
		return language.Textf("change %d was imported by %s: %w", change, importer, ErrSamePerson)
	}
	what := Decision{Change: change}
	if act != actReject {
		if len(digest) != sha256.Size {
			return language.Textf("change %d has a digest of %d bytes: %w", change, len(digest), ErrAltered)
		}
		if what.Head, err = addVersion(ctx, tx, change, base, [32]byte(digest)); err != nil {
			return err
		}
		what.Version = base + 1
	}
	_, err = tx.Exec(ctx, "INSERT INTO registry_audit (change, step, act, person, at) VALUES ($1, $2, $3, $4, $5)",
		change, stepDecide, act, by.Person, by.At.Unix())
	if err != nil {
		return err
	}
	if act == actApprove {
		text, err := json.Marshal(what)
		if err != nil {
			return err
		}
		return ledger.Approve(ctx, tx, ActApprove, string(text), ledger.Approval{
			First: importer, Second: by.Person, Reason: cmp.Or(reason, noReason), At: by.At, Signed: by.Signed, Check: by.Check,
		})
	}
	return audit(ctx, tx, auditActs()[act], what, ledger.Approval{First: by.Person, At: by.At, Signed: by.Signed, Check: by.Check})
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
