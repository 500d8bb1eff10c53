package people

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/ledger"
	"citycard/ledger/chain"
)

// Patience is how far the time of a statement may be from the database's clock.
const Patience = 5 * time.Minute

// Store knows the people of one ledger's database, which has clearing's tables.
type Store struct {
	Policy *Policy
	ledger *ledger.Ledger
}

// NewStore is the store in the ledger's database, with the programs' own policy.
func NewStore(l *ledger.Ledger) (*Store, error) {
	policy, err := OwnPolicy()
	return &Store{policy, l}, err
}

// Books is the identity of the books, for which statements are.
func (s *Store) Books(ctx context.Context) (string, error) { return s.ledger.ID(ctx) }

const selectPerson = `SELECT s.id, s.name, s.unit, s.role, s.revision, s.since, s.ended, s.demo, s.service, k.fingerprint, k.public, k.ended
	FROM staff s JOIN staff_keys k ON k.person = s.id `

// ofPerson is a person and one of the keys, as they are stored.
type ofPerson struct {
	Person
	keyEnded bool
}

func scanPerson(row pgx.Row) (p ofPerson, err error) {
	var since, ended, keyEnded int64
	var fingerprint, public string
	if err := row.Scan(&p.ID, &p.Name, &p.Unit, &p.Role, &p.Revision, &since, &ended, &p.Demo, &p.Service, &fingerprint, &public, &keyEnded); err != nil {
		return p, err
	}
	p.Since = time.Unix(since, 0)
	if ended != 0 {
		p.Ended = time.Unix(ended, 0)
	}
	p.keyEnded = keyEnded != 0
	if p.Key, err = ParsePublicKey(public); err == nil && (p.Key.String() != public || p.Key.Fingerprint() != fingerprint) {
		err = deny(BadKey, "the stored key %s is not the one that its fingerprint names", fingerprint).todo("have citycard verify name what was altered")
	}
	return p, err
}

// List gives all people by id: those who are enrolled, or with all those who were disabled too.
func (s *Store) List(ctx context.Context, all bool) (people []Person, err error) {
	const list = selectPerson + `WHERE ($1 OR s.ended = 0) AND NOT EXISTS (SELECT 1 FROM staff_keys l WHERE l.person = k.person AND l.revision > k.revision) ORDER BY s.id`
	err = s.ledger.Look(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, list, all)
		if err != nil {
			return err
		}
		people, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (Person, error) {
			p, err := scanPerson(row)
			if refusal := (*Refusal)(nil); errors.As(err, &refusal) {
				p.Odd, err = refusal, nil // the others are listed all the same
			}
			return p.Person, err
		})
		if err != nil {
			return err
		}
		all, err := standings(ctx, tx, "", "")
		for i := range people {
			people[i].Stands = all[people[i].ID]
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the staff: %w", err)
	}
	return people, nil
}

// ByKey gives whose key it is, whether it is in force or not.
func (s *Store) ByKey(ctx context.Context, fingerprint string) (p Person, inForce bool, err error) {
	err = s.ledger.Look(ctx, func(tx pgx.Tx) error {
		found, err := byKey(ctx, tx, fingerprint, "")
		p, inForce = found.Person, err == nil && !found.keyEnded && !found.Disabled()
		return err
	})
	return p, inForce, err
}

// keeps locks what was read until the transaction ends: nobody is changed or disabled before.
const keeps = " FOR SHARE"

func byKey(ctx context.Context, tx pgx.Tx, fingerprint, lock string) (ofPerson, error) {
	p, err := scanPerson(tx.QueryRow(ctx, selectPerson+"WHERE k.fingerprint = $1"+lock, fingerprint))
	if errors.Is(err, pgx.ErrNoRows) {
		return p, Unknown(fingerprint)
	}
	if err != nil {
		return p, err
	}
	stands, err := standings(ctx, tx, p.ID, lock)
	p.Stands = stands[p.ID]
	return p, err
}

// Unknown is the refusal of a key that is nobody's, or of nobody whom the asker may see.
func Unknown(fingerprint string) error {
	return deny(UnknownKey, "the key %.60q belongs to nobody", fingerprint).todo("have two keepers enrol it")
}

// inForce says why somebody cannot act with a key.
func (p *ofPerson) inForce() error {
	switch {
	case p.Disabled():
		return deny(Disabled, "%s is disabled since %s", p.ID, p.Ended.UTC().Format(time.RFC3339))
	case p.keyEnded:
		return deny(EndedKey, "the key %s of %s is no longer in force", p.Key.Fingerprint(), p.ID).todo("sign with the key that followed it")
	}
	return nil
}

// Check believes a signature of an act, inside the transaction that books the act, and takes its
// statement as used. The person is locked until the transaction ends.
func (s *Store) Check(ctx context.Context, tx pgx.Tx, sig chain.Signature, act string) (Person, *Statement, error) {
	p, err := byKey(ctx, tx, sig.Key, keeps)
	if err == nil {
		err = p.inForce()
	}
	if err != nil {
		return Person{}, nil, err
	}
	statement, err := Verify(sig, p.Key)
	switch {
	case err != nil:
	case statement.Person != p.ID:
		err = deny(OtherPerson, "the statement is of %q, and the key of %s", statement.Person, p.ID)
	case statement.Act != s.Signing(act):
		err = deny(OtherAct, "the statement is of the act %q, not of %q", statement.Act, s.Signing(act))
	default:
		err = take(ctx, tx, sig.Statement, statement)
	}
	if err != nil {
		return Person{}, nil, err
	}
	return p.Person, statement, nil
}

// Signing is how a statement names an act here: where everything is rolled back, as Tried names it.
func (s *Store) Signing(act string) string {
	if s.ledger.Rehearses() {
		return Tried(act)
	}
	return act
}

// Still reads a signature that was believed before, such as that of a proposal: key and person must
// still be in force. The person is locked until the transaction ends.
func (s *Store) Still(ctx context.Context, tx pgx.Tx, sig chain.Signature) (Person, *Statement, error) {
	p, err := byKey(ctx, tx, sig.Key, keeps)
	if err == nil {
		err = p.inForce()
	}
	if err != nil {
		return Person{}, nil, err
	}
	statement, err := Verify(sig, p.Key)
	if err != nil {
		return Person{}, nil, err
	}
	hash, used := Hash(sig.Statement), false
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM used_statements WHERE hash = $1)", hash[:]).Scan(&used); err != nil {
		return Person{}, nil, err
	}
	if !used || statement.Person != p.ID {
		return Person{}, nil, deny(OtherPerson, "the statement was not made before, or is not of %s", p.ID)
	}
	return p.Person, statement, nil
}

// take checks books and time of a statement, and that it was never used; from now on it was.
func take(ctx context.Context, tx pgx.Tx, text string, statement *Statement) error {
	books, err := ledger.IDIn(ctx, tx)
	if err != nil {
		return err
	}
	now, err := clock(ctx, tx)
	if err == nil {
		err = fits(statement, books, now)
	}
	if err != nil {
		return err
	}
	hash := Hash(text)
	taken, err := tx.Exec(ctx, "INSERT INTO used_statements (hash) VALUES ($1) ON CONFLICT (hash) DO NOTHING", hash[:])
	if err == nil && taken.RowsAffected() == 0 {
		err = deny(Used, "the statement was used before").todo("look whether the act was done; sign again if it is to be done once more")
	}
	return err
}

// Signed is the approval of an act that takes one person, about nobody's money or rows in
// particular.
func (s *Store) Signed(ctx context.Context, sig chain.Signature, act string) (ledger.Approval, error) {
	return s.SignedFor(ctx, sig, act, "")
}

// SignedFor is the approval of an act that takes one person: what the statement says, and the check
// of the signature and of the policy inside the act's transaction. unit is whose money or rows it
// is about. What can be refused before the act begins is refused here.
func (s *Store) SignedFor(ctx context.Context, sig chain.Signature, act string, unit Unit) (ledger.Approval, error) {
	statement, err := ParseStatement(sig.Statement)
	if err != nil {
		return ledger.Approval{}, err
	}
	if rule, found := s.Policy.Rule(act); !found || rule.Two() {
		return ledger.Approval{}, &DeniedError{Person: Person{ID: statement.Person}, Act: act, Unit: unit}
	}
	err = s.ledger.Look(ctx, func(tx pgx.Tx) error {
		p, err := byKey(ctx, tx, sig.Key, "")
		if err == nil {
			err = p.inForce()
		}
		if err != nil {
			return err
		}
		return s.Policy.MayPropose(p.Person, act, unit)
	})
	if err != nil {
		return ledger.Approval{}, err
	}
	tried := false
	return ledger.Approval{
		First: statement.Person, Reason: statement.Reason, At: statement.At, Signed: []chain.Signature{sig},
		Check: func(ctx context.Context, tx pgx.Tx) error {
			p, _, err := s.Check(ctx, tx, sig, act)
			if again(&tried, err) {
				return recordedError{err}
			}
			if err != nil {
				return err
			}
			return s.Policy.MayPropose(p, act, unit)
		},
	}, nil
}

// MayFor refuses, in a transaction, a signer who may not do something about a unit; the error is a
// *DeniedError then. The person is locked until the transaction ends.
func (s *Store) MayFor(ctx context.Context, tx pgx.Tx, sig chain.Signature, act string, unit Unit) error {
	p, err := byKey(ctx, tx, sig.Key, keeps)
	if err != nil {
		return err
	}
	return s.Policy.MayPropose(p.Person, act, unit)
}

// again reports whether a statement is used because an attempt of the same caller, whose outcome
// was not known, was committed.
func again(tried *bool, err error) bool {
	before := *tried
	*tried = true
	return before && isWhy(err, Used)
}

// recordedError is a refusal of a statement that was used, if not by an earlier attempt of the same
// act, which the audit has.
type recordedError struct{ error }

func (e recordedError) Is(target error) bool { return target == ledger.ErrRecorded }

func (e recordedError) Unwrap() error { return e.error }

func isWhy(err error, why Why) bool {
	var refusal *Refusal
	return errors.As(err, &refusal) && refusal.Why == why
}

func record[T any](ctx context.Context, tx pgx.Tx, act string, what T, by ledger.Approval) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return ledger.Record(ctx, tx, act, string(text), by)
}

func approve[T any](ctx context.Context, tx pgx.Tx, act string, what T, by ledger.Approval) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	return ledger.Approve(ctx, tx, act, string(text), by)
}
