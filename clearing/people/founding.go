package people

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"io"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// A token is 32 random bytes. It enrols one keeper, in the time after its founding.
const (
	tokenSize = 32
	tokenDays = 7
)

// SealKey is who is named in the audit for a founding that the seal key signed. It is nobody's id.
const SealKey = "seal key"

// Founding is what the audit says of a founding.
type Founding struct {
	Founding int64     `json:"founding"` // from 1
	Tokens   [2]string `json:"tokens"`   // their hashes
	Expires  int64     `json:"expires"`  // seconds since 1970
	Demo     bool      `json:"demo,omitempty"`
	Signer   string    `json:"signer,omitempty"` // the seal key's public half, in hexadecimal, if it signed
}

// Tokens are the two one-time tokens of a founding, with which two keepers enrol. Nothing but their
// hashes is stored.
type Tokens struct {
	Keepers [2]string
	Expires time.Time
}

// Found makes the tokens for the first two keepers. Once a keeper is enrolled it is refused, unless
// the seal key that is pinned in the books signs it: that is for a city that has lost its keepers.
// The tokens of an earlier founding are void from then on.
func (s *Store) Found(ctx context.Context, random io.Reader, demo bool) (Tokens, error) {
	return s.found(ctx, random, Founding{Demo: demo}, func() (ledger.Approval, error) { return ledger.Approval{}, nil })
}

// FoundAgain is Found in the name of the seal key. Where a keeper was ever enrolled, only the key
// founds that keepers have pinned before: anybody who reaches the database can make a key.
func (s *Store) FoundAgain(ctx context.Context, random io.Reader, seal ed25519.PrivateKey, reason string, at time.Time) (Tokens, error) {
	public, _ := seal.Public().(ed25519.PublicKey)
	identity, err := FromKey(seal)
	if err != nil {
		return Tokens{}, err
	}
	books, err := s.ledger.ID(ctx)
	if err != nil {
		return Tokens{}, err
	}
	f := Founding{Signer: hex.EncodeToString(public)}
	return s.found(ctx, random, f, func() (ledger.Approval, error) {
		sig, err := Sign(identity, Statement{Books: books, Person: SealKey, Act: ActFound, What: "two tokens for keepers", Reason: reason, At: at})
		return ledger.Approval{
			First: SealKey, Reason: reason, At: at, Signed: []chain.Signature{sig},
			Check: func(ctx context.Context, tx pgx.Tx) error {
				if err := pinned(ctx, tx, public); err != nil {
					return err
				}
				statement, err := Verify(sig, identity.Public())
				if err != nil {
					return err
				}
				return take(ctx, tx, sig.Statement, statement)
			},
		}, err
	})
}

// pinned refuses a seal key where another one is pinned in the books, or where none is and there
// was ever a keeper who could have pinned it.
func pinned(ctx context.Context, tx pgx.Tx, key ed25519.PublicKey) error {
	is, err := ledger.SealKeyIn(ctx, tx)
	switch {
	case err != nil:
		return err
	case is != nil && !key.Equal(is):
		return deny(BadKey, "this is not the seal key that is pinned in the books").todo("name the directory that has the city's seal key with --data")
	case is != nil:
		return nil
	}
	keepers, err := ledger.AuditIn(ctx, tx, ActEnrolKeeper)
	if err == nil && len(keepers) > 0 {
		err = deny(BadKey, "no seal key is pinned in the books, so none may found people again").todo("two keepers pin it: citycard seal-key pin")
	}
	return err
}

func (s *Store) found(ctx context.Context, random io.Reader, f Founding, by func() (ledger.Approval, error)) (t Tokens, err error) {
	var hashes [2][]byte
	for i := range t.Keepers {
		token := make([]byte, tokenSize)
		if _, err := io.ReadFull(random, token); err != nil {
			return Tokens{}, err
		}
		sum := sha256.Sum256(token)
		t.Keepers[i], hashes[i], f.Tokens[i] = hex.EncodeToString(token), sum[:], hex.EncodeToString(sum[:])
	}
	approval, err := by()
	if err != nil {
		return Tokens{}, err
	}
	err = s.ledger.Write(ctx, func(tx pgx.Tx) error {
		var now int64
		var keeper, done bool
		err := tx.QueryRow(ctx, `SELECT floor(extract(epoch FROM clock_timestamp()))::INT8, EXISTS (SELECT 1 FROM staff WHERE role = 'keeper'),
			EXISTS (SELECT 1 FROM staff_tokens WHERE hash = $1), (SELECT coalesce(max(founding), 0) + 1 FROM staff_tokens)`, hashes[0]).Scan(&now, &keeper, &done, &f.Founding)
		switch {
		case err != nil || done: // by an attempt whose outcome was not known
			return err
		case keeper && f.Signer == "":
			return deny(Founded, "a keeper is enrolled: keepers enrol everybody else, two of them at a time").todo("if the keepers' keys are lost, found again with --seal-key")
		}
		if approval.At.IsZero() {
			approval.At = time.Unix(now, 0)
		}
		t.Expires = approval.At.Add(tokenDays * 24 * time.Hour).Truncate(time.Second)
		f.Expires = t.Expires.Unix()
		for _, hash := range hashes {
			if _, err := tx.Exec(ctx, "INSERT INTO staff_tokens (hash, founding, expires, demo, person) VALUES ($1, $2, $3, $4, '')", hash, f.Founding, f.Expires, f.Demo); err != nil {
				return err
			}
		}
		return record(ctx, tx, ActFound, f, approval)
	})
	if err != nil {
		return Tokens{}, about("found", "people", err)
	}
	return t, nil
}

// Newcomer is a keeper who enrols with a token.
type Newcomer struct {
	Token, ID, Name string
	// InEarnest refuses the token of a demonstration.
	InEarnest bool
}

// ErrDemonstration refuses people of a demonstration where people act in earnest: who has the
// folder of their keys is all of them.
var ErrDemonstration = language.Textf("people of a demonstration are not enrolled here")

// StatementOf is what a newcomer signs with the key that is enrolled.
func (n Newcomer) StatementOf(books string, at time.Time) Statement {
	return Statement{Books: books, Person: n.ID, Act: ActEnrolKeeper, What: "keeper " + n.ID, Reason: n.Name, At: at}
}

// EnrolKeeper enrols a keeper with a token, in one transaction with the audit's entry. sig is the
// newcomer's own, of the key that is enrolled (Newcomer.StatementOf).
func (s *Store) EnrolKeeper(ctx context.Context, n Newcomer, key PublicKey, sig chain.Signature) error {
	token, err := hex.DecodeString(n.Token)
	if err != nil || len(token) != tokenSize {
		return deny(BadToken, "the token is not as one is printed: %d hexadecimal digits", 2*tokenSize)
	}
	hash := sha256.Sum256(token)
	p := Person{ID: n.ID, Name: n.Name, Unit: Issuer, Role: Keeper, Revision: 1, Key: key}
	if err := p.validate(); err != nil {
		return err
	}
	statement, err := Verify(sig, key)
	if err != nil {
		return err
	}
	if want := n.StatementOf(statement.Books, statement.At); want != *statement {
		return deny(OtherAct, "the statement is not that of this newcomer")
	}
	tried := false
	err = s.ledger.Write(ctx, func(tx pgx.Tx) error {
		if err := take(ctx, tx, sig.Statement, statement); again(&tried, err) {
			return nil
		} else if err != nil {
			return err
		}
		if p.Demo, err = useToken(ctx, tx, hash, p.ID, statement.At); err != nil {
			return err
		}
		if p.Demo && n.InEarnest {
			return deny(BadToken, "the token is of a demonstration: %w", ErrDemonstration).todo("found people again, without --demo")
		}
		if err := free(ctx, tx, &p); err != nil {
			return err
		}
		p.Since = statement.At
		if err := p.insert(ctx, tx); err != nil {
			return err
		}
		what := p.enrolled()
		what.Token = hex.EncodeToString(hash[:])
		return record(ctx, tx, ActEnrolKeeper, what, ledger.Approval{First: p.ID, Reason: statement.Reason, At: statement.At, Signed: []chain.Signature{sig}})
	})
	return about("enrol", p.ID, err)
}

// useToken takes a token of the last founding. All of them are compared, each in the same time.
func useToken(ctx context.Context, tx pgx.Tx, hash [sha256.Size]byte, id string, at time.Time) (demo bool, err error) {
	rows, err := tx.Query(ctx, "SELECT hash, expires, person, demo FROM staff_tokens WHERE founding = (SELECT max(founding) FROM staff_tokens) ORDER BY hash")
	if err != nil {
		return false, err
	}
	var stored []byte
	var expires, until int64
	var person, user string
	var isDemo bool
	found := 0
	_, err = pgx.ForEachRow(rows, []any{&stored, &expires, &person, &isDemo}, func() error {
		if subtle.ConstantTimeCompare(stored, hash[:]) == 1 {
			found, until, user, demo = 1, expires, person, isDemo
		}
		return nil
	})
	switch {
	case err != nil:
		return false, err
	case found == 0:
		return false, deny(BadToken, "the token is none of the last founding").todo("give a token that citycard person found printed last")
	case user != "":
		return false, deny(BadToken, "the token was used: it enrolled %s", user).todo("the other keepers enrol everybody else")
	case at.Unix() >= until:
		return false, deny(BadToken, "the token expired at %s", time.Unix(until, 0).UTC().Format(time.RFC3339)).todo("print new ones: citycard person found, with --seal-key if a keeper is enrolled")
	}
	taken, err := tx.Exec(ctx, "UPDATE staff_tokens SET person = $2 WHERE hash = $1 AND person = ''", hash[:], id)
	if err == nil && taken.RowsAffected() == 0 {
		err = deny(BadToken, "somebody else uses the token at this moment")
	}
	return demo, err
}
