package verify_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/dayclose"
	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/persons"
	"citycard/clearing/schema"
	"citycard/ledger"
	"citycard/ledger/chain"
	"citycard/ledger/ledgertest"
)

// staffed are books with the staff of tests, and with two acts that ann has signed.
func staffed(t *testing.T) *peopletest.Staff {
	t.Helper()
	s := peopletest.New(t, withTables(t))
	change := people.Change{ID: "ann", Key: peopletest.Key(t, "ann's second").Public().String()}
	for _, what := range []string{"somebody", "somebody else"} {
		write(t, s.Ledger, s.Alone(t, "ann", persons.ActRead, what, "complaint"))
	}
	if err := peopletest.Decide(s, t, "kim", "lee", people.ActChange, change); err != nil {
		t.Fatal(err)
	}
	return s
}

// withTables are books with clearing's tables, and without people.
func withTables(t *testing.T) *ledger.Ledger {
	t.Helper()
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	return ledgertest.Connect(t, url, 4)
}

// write writes an entry of a read person.
func write(t *testing.T, l *ledger.Ledger, by ledger.Approval) {
	t.Helper()
	err := l.Write(t.Context(), func(tx pgx.Tx) error { return ledger.Record(t.Context(), tx, persons.ActRead, "{}", by) })
	if err != nil {
		t.Fatal(err)
	}
}

// TestStaffIsNamed alters, removes and adds single rows and cells of people, keys, tokens and used
// statements, and single cells of the audit: the fault names the row or the entry.
func TestStaffIsNamed(t *testing.T) {
	s := staffed(t)
	if faults := faultsOf(t, s.Ledger, ""); len(faults) > 0 {
		t.Fatalf("before any change: %q", faults)
	}
	bob := peopletest.Key(t, "bob").Public()
	const missing, extra, read = ": it is not there, as the audit makes it", ": the audit makes no such row", "audit entry "
	for _, test := range []struct{ change, want string }{
		{"DELETE FROM staff WHERE id = 'bob'", "person bob" + missing},
		{"INSERT INTO staff SELECT 'eve', 'eve', name, unit, role, revision, since, ended, demo, service FROM staff WHERE id = 'bob'", "person eve" + extra},
		{"UPDATE staff SET role = 'keeper' WHERE id = 'bob'", "person bob: {"},
		{"UPDATE staff SET unit = 'city' WHERE id = 'bob'", "person bob: {"},
		{"UPDATE staff SET name = 'Bobby' WHERE id = 'bob'", "person bob: {"},
		{"UPDATE staff SET form = 'b0b' WHERE id = 'bob'", "person bob: {"},
		{"UPDATE staff SET revision = 2 WHERE id = 'bob'", "person bob: {"},
		{"UPDATE staff SET since = since + 1 WHERE id = 'bob'", "person bob: {"},
		{"UPDATE staff SET ended = 0 WHERE id = 'max'", "person max: {"},
		{"UPDATE staff SET demo = false WHERE id = 'bob'", "person bob: {"},
		{"UPDATE staff SET service = true WHERE id = 'bob'", "person bob: {"},
		{"UPDATE audit SET what = replace(what, '\"demo\":true', '\"demo\":true,\"service\":true') WHERE act = 'enrol person' AND what LIKE '%bob%'", "the service \"bob\" is supervisor, not a clerk"},
		{"UPDATE staff_keys SET ended = 0 WHERE person = 'ann' AND ended <> 0", "key SHA256:"},
		{"UPDATE staff_keys SET person = 'kim' WHERE person = 'bob'", "key " + bob.Fingerprint() + ": {"},
		{"UPDATE staff_keys SET public = 'ssh-ed25519 AAAA' WHERE person = 'bob'", "key " + bob.Fingerprint() + ": {"},
		{"UPDATE staff_keys SET revision = 2 WHERE person = 'bob'", "key " + bob.Fingerprint() + ": {"},
		{"UPDATE staff_keys SET since = since + 1 WHERE person = 'bob'", "key " + bob.Fingerprint() + ": {"},
		{"DELETE FROM staff_keys WHERE person = 'bob'", "key " + bob.Fingerprint() + missing},
		{"INSERT INTO staff_keys SELECT 'SHA256:x', person, revision, public, since, ended FROM staff_keys WHERE person = 'bob'", "key SHA256:x" + extra},
		{"UPDATE staff_tokens SET person = '' WHERE person = 'kim'", "token "},
		{"UPDATE staff_tokens SET expires = expires + 1", "token "},
		{"UPDATE staff_tokens SET founding = 2", "token "},
		{"UPDATE staff_tokens SET demo = false", "token "},
		{"DELETE FROM staff_tokens WHERE person = 'kim'", missing},
		{"DELETE FROM used_statements WHERE hash = (SELECT hash FROM used_statements ORDER BY hash LIMIT 1)", "used statement "},
		{"INSERT INTO used_statements VALUES ('\\x00')", "used statement 00" + extra},
		{"UPDATE audit SET signed = '' WHERE act = 'read a person'", "read a person: it has 1 people and 0 signatures"},
		{"UPDATE audit SET signed = (SELECT signed FROM audit WHERE first = 'ann' ORDER BY number LIMIT 1) WHERE number = (SELECT max(number) FROM audit WHERE first = 'ann')", "the statement of \"ann\" was used before"},
		{"UPDATE audit SET signed = replace(signed, 'complaint', 'curiosity') WHERE first = 'ann'", "the signature is not of this text"},
		{"UPDATE audit SET first = 'bob' WHERE first = 'ann'", `is not one of "bob"`},
		{"UPDATE audit SET reason = 'curiosity' WHERE first = 'ann'", `for "curiosity"; signed was`},
		{"UPDATE audit SET at = at + 1 WHERE first = 'ann'", "signed was"},
		{"UPDATE audit SET act = 'import persons' WHERE first = 'ann'", `"ann" signed the act "read a person"`},
		{"UPDATE audit SET second = '' WHERE act = 'disable person'", "it takes two people, and has 1"},
		{"UPDATE audit SET second = first WHERE act = 'disable person'", "it takes two people"},
		{"UPDATE audit SET signed = '' WHERE act = 'enrol keeper'", "it has 1 people and 0 signatures"},
		{"UPDATE audit SET number = 9999 WHERE number = (SELECT min(number) FROM audit WHERE first = 'ann')", "was no longer in force"},
		{"UPDATE audit SET what = replace(what, '\"supervisor\"', '\"keeper\"') WHERE act = 'enrol person' AND what LIKE '%bob%'", "person bob: {"},
		{"UPDATE audit SET what = replace(what, '\"bob\"', '\"ann\"') WHERE act = 'enrol person' AND what LIKE '%bob%'", `the id "ann" was given before`},
		{"UPDATE audit SET what = replace(what, '\"bob\"', '\"max\"') WHERE act = 'enrol person' AND what LIKE '%bob%'", "the id "},
		{"UPDATE audit SET what = (SELECT what FROM audit WHERE act = 'enrol person' AND what LIKE '%omar%') WHERE act = 'enrol person' AND what LIKE '%bob%'", `the id "omar" was given before`},
		{"UPDATE audit SET what = '{' WHERE act = 'found people'", "audit entry "},
		{"UPDATE books SET id = gen_random_uuid()", "signed for the books "},
	} {
		faults := faultsOf(t, s.Ledger, test.change)
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, test.want) }) {
			t.Errorf("%s: faults\n%s\nwant one with %q", test.change, strings.Join(faults, "\n"), test.want)
		}
	}
}

// TestFoundedBySealKey founds people once more in the name of the seal key that is pinned. An entry
// by another key is named.
func TestFoundedBySealKey(t *testing.T) {
	s := newOffice(t)
	seal, other := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	public := func(key ed25519.PrivateKey) ed25519.PublicKey {
		half, _ := key.Public().(ed25519.PublicKey)
		return half
	}
	if _, err := s.FoundAgain(t.Context(), rand.Reader, seal, "lost", s.Now(t)); err == nil || !strings.Contains(err.Error(), "no seal key is pinned") {
		t.Errorf("founded by a key, and none was ever pinned: %v", err)
	}
	s.approve("lee", propose(s, "kim", chain.ActPinSealKey, dayclose.PinRequest{Key: fmt.Sprintf("%x", public(seal))}))
	if _, err := s.FoundAgain(t.Context(), rand.Reader, other, "lost", s.Now(t)); err == nil {
		t.Error("founded by a key that is not pinned")
	}
	if _, err := s.FoundAgain(t.Context(), rand.Reader, seal, "lost", s.Now(t)); err != nil {
		t.Fatal(err)
	}
	if faults := faultsOf(t, s.Ledger, ""); len(faults) > 0 {
		t.Fatalf("faults %q", faults)
	}
	const want = "found people: the seal key "
	change := fmt.Sprintf("UPDATE audit SET what = replace(what, '%x', '%x') WHERE act = 'pin seal key'", public(seal), public(other))
	if faults := faultsOf(t, s.Ledger, change); !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, want) }) {
		t.Errorf("faults %q, want one with %q", faults, want)
	}
	const early = "UPDATE audit SET number = 9999 WHERE act = 'pin seal key'"
	if faults := faultsOf(t, s.Ledger, early); !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, want) && strings.Contains(f, `and "" was pinned`) }) {
		t.Errorf("founded before the key was pinned: faults %q, want one with %q", faults, want)
	}
}

// TestUnstaffed books an act by names before there are people: verify takes that. From the first
// keeper on the act refuses names, and verify names an entry that nobody signed.
func TestUnstaffed(t *testing.T) {
	l := withTables(t)
	mark := func(by ledger.Approval) error {
		return l.MarkAccount(t.Context(), "agent", ledger.Marks{Frozen: true}, by)
	}
	if err := l.OpenAccounts(t.Context(), []ledger.Account{{Code: "agent", Kind: ledger.Liability}}); err != nil {
		t.Fatal(err)
	}
	named := ledger.Approval{First: "ann", Second: "bob", Reason: "new", At: time.Unix(1_700_000_000, 0)}
	if err := mark(named); err != nil {
		t.Fatal(err)
	}
	s := peopletest.New(t, l)
	if err := l.MarkAccount(t.Context(), "agent", ledger.Marks{}, named); !errors.Is(err, ledger.ErrUnsigned) {
		t.Errorf("by names, though there are people: %v", err)
	}
	if faults := faultsOf(t, l, ""); len(faults) > 0 {
		t.Fatalf("faults %q", faults)
	}
	if err := l.MarkAccount(t.Context(), "agent", ledger.Marks{}, s.Two(t, "ann", "bob", chain.ActMarkAccount, "agent", "old")); err != nil {
		t.Fatal(err)
	}
	const change, want = "UPDATE audit SET signed = '' WHERE act = 'mark account' AND signed <> ''", "mark account: it has 2 people and 0 signatures"
	if faults := faultsOf(t, l, change); !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, want) }) {
		t.Errorf("faults %q, want one with %q", faults, want)
	}
}

// TestForgedActs writes entries as somebody could who has the database and none of the keys. Each
// is named.
func TestForgedActs(t *testing.T) {
	s := staffed(t)
	by := func(id, key, act string) ledger.Approval {
		statement := s.Statement(t, id, act, "somebody", "complaint")
		sig, err := people.Sign(peopletest.Key(t, key), statement)
		if err != nil {
			t.Fatal(err)
		}
		return ledger.Approval{First: id, Reason: statement.Reason, At: statement.At, Signed: []chain.Signature{sig}}
	}
	two := s.Two(t, "kim", "lee", people.ActDisable, "bob", "left")
	two.Signed[1] = two.Signed[0]
	two.Check = nil
	for _, test := range []struct {
		name string
		act  string
		by   ledger.Approval
		want string
	}{
		{"of one alone, though it takes two", people.ActDisable, by("kim", "kim", people.ActDisable), "it takes two people, and has 1"},
		{"of nobody, in the name of a seal key", people.ActFound, ledger.Approval{}, `names the seal key "00", and "" signed`},
		{"of a keeper, in the name of a seal key", people.ActFound, by("kim", "kim", people.ActFound), `names the seal key "00", and "kim" signed`},
		{"of nobody's key", persons.ActRead, by("bob", "eve", persons.ActRead), `is not one of "bob"`},
		{"of a key that ended", persons.ActRead, by("ann", "ann", persons.ActRead), `of "ann" was no longer in force`},
		{"of somebody disabled", persons.ActRead, by("max", "max", persons.ActRead), "was no longer in force"},
		{"of another act", persons.ActImport, by("bob", "bob", persons.ActRead), `"bob" signed the act`},
		{"of somebody else", persons.ActRead, by("bob", "cleo", persons.ActRead), `is not one of "bob"`},
		{"of one for two", people.ActDisable, two, `is not one of "lee"`},
		{"of nobody at all", people.ActEnrolKeeper, ledger.Approval{First: "eve"}, "it has 1 people and 0 signatures"},
	} {
		var faults []string
		err := s.Ledger.Write(t.Context(), func(tx pgx.Tx) error {
			var err error
			switch {
			case test.by.Second != "":
				err = ledger.Approve(t.Context(), tx, test.act, `{"id":"bob","revision":1}`, test.by)
			case test.act == people.ActDisable:
				err = ledger.Record(t.Context(), tx, test.act, `{"id":"bob","revision":1}`, test.by)
			case test.act == people.ActFound:
				err = ledger.Record(t.Context(), tx, test.act, `{"founding":2,"tokens":["00","01"],"expires":1,"signer":"00"}`, test.by)
			default:
				err = ledger.Record(t.Context(), tx, test.act, "{}", test.by)
			}
			if err != nil {
				t.Fatal(err)
			}
			faults = faultsIn(t, tx)
			return errUndone
		})
		if err != errUndone {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, test.want) }) {
			t.Errorf("%s: faults\n%s\nwant one with %q", test.name, strings.Join(faults, "\n"), test.want)
		}
	}
}
