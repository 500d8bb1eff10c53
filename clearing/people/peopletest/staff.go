package peopletest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/crypto/ssh"

	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// Passphrase is that of all key files.
const Passphrase = "correct horse"

// Staff are the people of one ledger's database.
type Staff struct {
	*people.Store
	Ledger *ledger.Ledger
}

// New enrols the staff in the ledger's database, which has clearing's tables and no people.
func New(t testing.TB, l *ledger.Ledger) *Staff {
	t.Helper()
	s := Of(t, l)
	tokens, err := s.Found(t.Context(), rand.Reader, true)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range []string{"kim", "lee"} {
		newcomer := people.Newcomer{Token: tokens.Keepers[i], ID: id, Name: "Keeper " + id}
		if err := s.EnrolKeeper(t.Context(), newcomer, Key(t, id).Public(), s.sign(t, id, newcomer.StatementOf(s.books(t), s.Now(t)))); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range []people.Enrolment{
		{ID: "ann", Name: "Ann Li", Unit: people.Issuer, Role: people.Supervisor},
		{ID: "bob", Name: "Bob Wang", Unit: people.Issuer, Role: people.Supervisor},
		{ID: "cleo", Name: "Cleo Chen", Unit: people.Issuer, Role: people.Clerk},
		{ID: "omar", Name: "Omar Xu", Unit: "operator:metro", Role: people.Clerk},
		{ID: "max", Name: "Max Hu", Unit: people.Issuer, Role: people.Supervisor},
	} {
		e.Key = Key(t, e.ID).Public().String()
		if err := s.Enrol(t.Context(), e, s.Two(t, "kim", "lee", people.ActEnrol, e.ID, "test")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Disable(t.Context(), people.Disabling{ID: "max"}, "revision 1", s.Two(t, "lee", "kim", people.ActDisable, "max", "test")); err != nil {
		t.Fatal(err)
	}
	return s
}

// Decide has one keeper propose an act on people, and another approve it.
func Decide[T any](s *Staff, t testing.TB, first, second, act string, request T) error {
	t.Helper()
	office := &proposal.Office{Ledger: s.Ledger, People: s.Store, Kinds: proposal.Staff(s.Store)}
	body, err := proposal.Body(request)
	if err != nil {
		t.Fatal(err)
	}
	p, err := office.Propose(t.Context(), act, body, "test", s.Signer(t, first))
	if err != nil {
		return err
	}
	_, err = office.Approve(t.Context(), p.Number, hex.EncodeToString(p.Hash[:]), s.Signer(t, second))
	return err
}

// Of is the staff of a database in which New, or another process, has enrolled it.
func Of(t testing.TB, l *ledger.Ledger) *Staff {
	t.Helper()
	store, err := people.NewStore(l)
	if err != nil {
		t.Fatal(err)
	}
	return &Staff{store, l}
}

func private(id string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte("key of " + id))
	return ed25519.NewKeyFromSeed(seed[:])
}

// Key is the key of somebody, the same in every test. The key of an id that is not enrolled is
// nobody's.
func Key(t testing.TB, id string) *people.Identity {
	t.Helper()
	key, err := people.FromKey(private(id))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sealed are the key files of the staff under the Passphrase. Each was made from the plain one by
//
//	ssh-keygen -p -a 1 -N 'correct horse' -f FILE
//
// so that one round of bcrypt opens it, and not sixteen: tests open hundreds of them, and under the
// race detector each takes a second.
//
//go:embed keys
var sealed embed.FS

// KeyFile writes somebody's key into a directory, under the Passphrase, with the .pub file beside
// it. With plain it is under none.
func KeyFile(t testing.TB, dir, id string, plain bool) (path string) {
	t.Helper()
	write := func(name, text string) {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path = filepath.Join(dir, id)
	write(path, keyText(t, id, plain))
	write(path+".pub", Key(t, id).Public().String()+" "+id+"\n")
	return path
}

func keyText(t testing.TB, id string, plain bool) string {
	t.Helper()
	if plain {
		block, err := ssh.MarshalPrivateKey(private(id), id)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(block))
	}
	if text, err := sealed.ReadFile("keys/" + id); err == nil {
		return string(text)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private(id), id, []byte(Passphrase))
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

// PassphraseFile writes the Passphrase into a file.
func PassphraseFile(t testing.TB, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "passphrase")
	if err := os.WriteFile(path, []byte(Passphrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Now is the time on the database's clock.
func (s *Staff) Now(t testing.TB) (now time.Time) {
	t.Helper()
	if err := s.Ledger.Pool().QueryRow(t.Context(), "SELECT clock_timestamp()").Scan(&now); err != nil {
		t.Fatal(err)
	}
	return now
}

func (s *Staff) books(t testing.TB) string {
	t.Helper()
	id, err := s.Ledger.ID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// Statement is somebody's of an act, now.
func (s *Staff) Statement(t testing.TB, id, act, what, reason string) people.Statement {
	t.Helper()
	return people.Statement{Books: s.books(t), Person: id, Act: act, What: what, Reason: reason, At: s.Now(t)}
}

// Sign has somebody sign that they do an act.
func (s *Staff) Sign(t testing.TB, id, act, what, reason string) chain.Signature {
	t.Helper()
	return s.sign(t, id, s.Statement(t, id, act, what, reason))
}

func (s *Staff) sign(t testing.TB, id string, statement people.Statement) chain.Signature {
	t.Helper()
	signature, err := people.Sign(Key(t, id), statement)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// Signer signs statements as somebody, and fills in who, when and of which books.
func (s *Staff) Signer(t testing.TB, id string) func(people.Statement) (chain.Signature, error) {
	return func(statement people.Statement) (chain.Signature, error) {
		statement.Books, statement.Person, statement.At = s.books(t), id, s.Now(t)
		return people.Sign(Key(t, id), statement)
	}
}

// Alone is somebody's approval of an act that takes one person.
func (s *Staff) Alone(t testing.TB, id, act, what, reason string) ledger.Approval {
	t.Helper()
	by, err := s.Signed(t.Context(), s.Sign(t, id, act, what, reason), act)
	if err != nil {
		t.Fatal(err)
	}
	return by
}

// Signing gives what signs acts that somebody does alone.
func (s *Staff) Signing(t testing.TB, id, reason string) func(act, what string) (ledger.Approval, error) {
	return func(act, what string) (ledger.Approval, error) { return s.Alone(t, id, act, what, reason), nil }
}

// Two is the approval of an act that takes two people, who sign it without a proposal: what is the
// person's id if it is an act on people. Package clearing/verify names any other such act.
func (s *Staff) Two(t testing.TB, first, second, act, what, reason string) ledger.Approval {
	t.Helper()
	signed := []chain.Signature{s.Sign(t, first, act, what, reason), s.Sign(t, second, act, what, reason)}
	statement, err := people.ParseStatement(signed[1].Statement)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Approval{
		First: first, Second: second, Reason: reason, At: statement.At, Signed: signed,
		Check: func(ctx context.Context, tx pgx.Tx) error {
			proposer, _, err := s.Check(ctx, tx, signed[0], act)
			if err != nil {
				return err
			}
			approver, _, err := s.Check(ctx, tx, signed[1], act)
			if err != nil {
				return err
			}
			if err := s.Policy.MayPropose(proposer, act, proposer.Unit); err != nil {
				return err
			}
			return s.Policy.MayApprove(approver, act, proposer.Unit)
		},
	}
}
