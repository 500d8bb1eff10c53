package people_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/persons"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// wants fails unless an error is a refusal of that kind. An empty kind wants no error.
func wants(t *testing.T, name string, err error, why people.Why) {
	t.Helper()
	var refusal *people.Refusal
	switch {
	case why == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case why != "" && (!errors.As(err, &refusal) || refusal.Why != why):
		t.Errorf("%s: the error is %v, want a refusal because %q", name, err, why)
	}
}

// checked checks a signature in a transaction of its own, which is committed.
func checked(ctx context.Context, s *peopletest.Staff, sig chain.Signature, act string) error {
	return s.Ledger.Write(ctx, func(tx pgx.Tx) error {
		_, _, err := s.Check(ctx, tx, sig, act)
		return err
	})
}

// TestCheck refuses each signature that must not count: each is wrong in one thing.
func TestCheck(t *testing.T) {
	s := peopletest.New(t, books(t))
	const act, what, reason = persons.ActRead, "one person", "complaint"
	ann := s.Statement(t, "ann", act, what, reason)
	with := func(edit func(*people.Statement)) people.Statement {
		other := ann
		edit(&other)
		return other
	}
	signed := func(id string, statement people.Statement) chain.Signature {
		t.Helper()
		sig, err := people.Sign(peopletest.Key(t, id), statement)
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	good := signed("ann", ann)
	altered := good
	altered.Statement = strings.Replace(altered.Statement, "complaint", "curiosity", 1)
	borrowed := good
	borrowed.Key = peopletest.Key(t, "bob").Public().Fingerprint()
	for _, test := range []struct {
		name string
		sig  chain.Signature
		act  string
		why  people.Why
	}{
		{"a key of nobody", signed("eve", with(func(s *people.Statement) { s.Person = "eve" })), act, people.UnknownKey},
		{"a key of nobody for somebody", signed("eve", ann), act, people.UnknownKey},
		{"of somebody disabled", signed("max", with(func(s *people.Statement) { s.Person = "max" })), act, people.Disabled},
		{"for somebody else", signed("bob", ann), act, people.OtherPerson},
		{"an altered statement", altered, act, people.BadSignature},
		{"named as somebody else's", borrowed, act, people.BadSignature},
		{"of another act", good, persons.ActImport, people.OtherAct},
		{"of other books", signed("ann", with(func(s *people.Statement) { s.Books = "11111111-2222-4333-8444-555555555555" })), act, people.OtherBooks},
		{"an hour late", signed("ann", with(func(s *people.Statement) { s.At = s.At.Add(-time.Hour) })), act, people.OtherTime},
		{"an hour ahead", signed("ann", with(func(s *people.Statement) { s.At = s.At.Add(time.Hour) })), act, people.OtherTime},
		{"a little ahead", signed("ann", with(func(s *people.Statement) { s.At = s.At.Add(4 * time.Minute) })), act, ""},
		{"a good one", good, act, ""},
		{"once more", good, act, people.Used},
	} {
		wants(t, test.name, checked(t.Context(), s, test.sig, test.act), test.why)
	}
}

// TestUsedWithTheAct takes a statement as used if the act is booked, and only then.
func TestUsedWithTheAct(t *testing.T) {
	s := peopletest.New(t, books(t))
	sig := s.Sign(t, "ann", persons.ActRead, "one person", "complaint")
	failed := errors.New("the act failed")
	err := s.Ledger.Write(t.Context(), func(tx pgx.Tx) error {
		if _, _, err := s.Check(t.Context(), tx, sig, persons.ActRead); err != nil {
			return err
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	wants(t, "after an act that failed", checked(t.Context(), s, sig, persons.ActRead), "")
	wants(t, "after an act that was booked", checked(t.Context(), s, sig, persons.ActRead), people.Used)
}

// TestSigned writes an entry for a signed act of one person, and refuses whom the policy does not
// let do it.
func TestSigned(t *testing.T) {
	s := peopletest.New(t, books(t))
	by := s.Alone(t, "cleo", persons.ActRead, "one person", "complaint")
	write := func(by ledger.Approval) error {
		return s.Ledger.Write(t.Context(), func(tx pgx.Tx) error { return ledger.Record(t.Context(), tx, persons.ActRead, "{}", by) })
	}
	if err := write(by); err != nil {
		t.Fatal(err)
	}
	entries, err := s.Ledger.Audit(t.Context(), persons.ActRead)
	if err != nil || len(entries) != 1 || entries[0].First != "cleo" || entries[0].Reason != "complaint" || len(entries[0].Signed) != 1 || entries[0].Signed[0] != by.Signed[0] {
		t.Fatalf("the audit has %+v, %v", entries, err)
	}
	// The same approval again is an attempt whose outcome was not known: the entry is there.
	if err := write(by); err != nil {
		t.Errorf("once more: %v", err)
	}
	if entries, err = s.Ledger.Audit(t.Context(), persons.ActRead); err != nil || len(entries) != 1 {
		t.Errorf("the audit has %d entries, %v", len(entries), err)
	}
	// Somebody else's repetition is a replay.
	again, err := s.Signed(t.Context(), by.Signed[0], persons.ActRead)
	if err != nil {
		t.Fatal(err)
	}
	wants(t, "a replay", write(again), people.Used)
	var denied *people.DeniedError
	if _, err := s.Signed(t.Context(), s.Sign(t, "omar", persons.ActRead, "one person", "complaint"), persons.ActRead); !errors.As(err, &denied) {
		t.Errorf("an operator's clerk reads a person: %v", err)
	}
	if _, err := s.Signed(t.Context(), s.Sign(t, "kim", people.ActEnrol, "eve", "alone"), people.ActEnrol); !errors.As(err, &denied) {
		t.Errorf("one person enrols: %v", err)
	}
	if _, err := s.Signed(t.Context(), s.Sign(t, "ann", "fly", "away", "x"), "fly"); !errors.As(err, &denied) {
		t.Errorf("an act without a rule: %v", err)
	}
	// Disabled between the signature and the act.
	late := s.Alone(t, "bob", persons.ActRead, "one person", "complaint")
	if err := s.Disable(t.Context(), people.Disabling{ID: "bob"}, "revision 1", s.Two(t, "kim", "lee", people.ActDisable, "bob", "left")); err != nil {
		t.Fatal(err)
	}
	wants(t, "disabled meanwhile", write(late), people.Disabled)
}

// TestFound founds people: tokens enrol a keeper each, once, for a week, and a later founding makes
// earlier ones void.
func TestFound(t *testing.T) {
	s := peopletest.Of(t, books(t))
	old, err := s.Found(t.Context(), rand.Reader, false)
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := s.Found(t.Context(), rand.Reader, false)
	if err != nil {
		t.Fatal(err)
	}
	enrol := func(token, id, key string) error {
		n := people.Newcomer{Token: token, ID: id, Name: "Kim"}
		books, err := s.Ledger.ID(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sig, err := people.Sign(peopletest.Key(t, key), n.StatementOf(books, s.Now(t)))
		if err != nil {
			t.Fatal(err)
		}
		return s.EnrolKeeper(t.Context(), n, peopletest.Key(t, key).Public(), sig)
	}
	wants(t, "of an earlier founding", enrol(old.Keepers[0], "kim", "kim"), people.BadToken)
	wants(t, "no token", enrol("x", "kim", "kim"), people.BadToken)
	wants(t, "another token", enrol(strings.Repeat("00", 32), "kim", "kim"), people.BadToken)
	wants(t, "a bad id", enrol(tokens.Keepers[0], "Kim", "kim"), people.BadPerson)

	// Two use a token at once: one of them becomes a keeper.
	errs := make([]error, 2)
	var both sync.WaitGroup
	for i, id := range []string{"kim", "eve"} {
		both.Go(func() { errs[i] = enrol(tokens.Keepers[0], id, id) })
	}
	both.Wait()
	won := 0
	if errs[0] != nil {
		won = 1
	}
	wants(t, "one of two", errs[won], "")
	wants(t, "the other", errs[1-won], people.BadToken)
	first := []string{"kim", "eve"}[won]

	wants(t, "used before", enrol(tokens.Keepers[0], "lee", "lee"), people.BadToken)
	wants(t, "a taken key", enrol(tokens.Keepers[1], "lee", first), people.TakenKey)
	wants(t, "a taken id", enrol(tokens.Keepers[1], first, "lee"), people.TakenID)
	_, err = s.Found(t.Context(), rand.Reader, false)
	wants(t, "founded once more", err, people.Founded)
	if _, err := s.Ledger.Pool().Exec(t.Context(), "UPDATE staff_tokens SET expires = expires - 8 * 86400"); err != nil {
		t.Fatal(err)
	}
	wants(t, "expired", enrol(tokens.Keepers[1], "lee", "lee"), people.BadToken)
	if _, err := s.Ledger.Pool().Exec(t.Context(), "UPDATE staff_tokens SET expires = expires + 8 * 86400"); err != nil {
		t.Fatal(err)
	}
	wants(t, "the second keeper", enrol(tokens.Keepers[1], "lee", "lee"), "")
}

// TestIDsThatLookAlike refuses an id that can be taken for another.
func TestIDsThatLookAlike(t *testing.T) {
	s := peopletest.New(t, books(t))
	for _, test := range []struct {
		id  string
		why people.Why
	}{
		{"om.ar", ""},
		{"om-ar", people.TakenID},
		{"0mar", people.TakenID},
		{"c1eo", people.TakenID},
		{"ornar", people.TakenID},
		{"ann", people.TakenID},
		{"max", people.TakenID},
		{"Ann", people.BadPerson},
		{"ann ", people.BadPerson},
		{"аnn", people.BadPerson},
		{"", people.BadPerson},
		{"-ann", people.BadPerson},
		{strings.Repeat("x", 33), people.BadPerson},
		{strings.Repeat("x", 32), ""},
	} {
		e := people.Enrolment{ID: test.id, Name: "Somebody", Unit: people.City, Role: people.Auditor, Key: peopletest.Key(t, "key of "+test.id).Public().String()}
		_, shown := s.ShowEnrolment(t.Context(), e)
		wants(t, "show "+test.id, shown, test.why)
		wants(t, test.id, s.Enrol(t.Context(), e, s.Two(t, "kim", "lee", people.ActEnrol, e.ID+"?", "test")), test.why)
	}
}

// TestChange changes people, refuses what cannot be, and shows it as it is done.
func TestChange(t *testing.T) {
	s := peopletest.New(t, books(t))
	two := func(act string) ledger.Approval { return s.Two(t, "kim", "lee", act, "x", "test") }
	key2 := peopletest.Key(t, "ann's second").Public().String()
	change := people.Change{ID: "ann", Unit: people.City, Key: key2}
	row, err := s.ShowChange(t.Context(), change)
	if err != nil || row.State != "revision 1" || len(row.Fields) != 2 || row.Fields[0] != (people.Field{Name: "unit", Is: "issuer", Becomes: "city"}) {
		t.Fatalf("%+v, %v", row, err)
	}
	old := s.Sign(t, "ann", persons.ActRead, "x", "before")
	wants(t, "a change", s.Change(t.Context(), change, row.State, two(people.ActChange)), "")
	wants(t, "again, as after a lost answer", s.Change(t.Context(), change, row.State, two(people.ActChange)), "")
	wants(t, "the key before", checked(t.Context(), s, old, persons.ActRead), people.EndedKey)
	wants(t, "back to the key before", s.Change(t.Context(), people.Change{ID: "ann", Key: peopletest.Key(t, "ann").Public().String()}, "revision 2", two(people.ActChange)), people.TakenKey)
	wants(t, "somebody's key", s.Change(t.Context(), people.Change{ID: "ann", Key: peopletest.Key(t, "bob").Public().String()}, "revision 2", two(people.ActChange)), people.TakenKey)
	wants(t, "shown before it moved", s.Change(t.Context(), people.Change{ID: "ann", Name: "Anna"}, "revision 1", two(people.ActChange)), people.Moved)
	wants(t, "no change", s.Change(t.Context(), people.Change{ID: "bob", Role: people.Supervisor}, "revision 1", two(people.ActChange)), people.Moved)
	wants(t, "nobody", s.Change(t.Context(), people.Change{ID: "eve", Role: people.Clerk}, "revision 1", two(people.ActChange)), people.NotThere)
	wants(t, "somebody disabled", s.Change(t.Context(), people.Change{ID: "max", Role: people.Clerk}, "revision 1", two(people.ActChange)), people.Disabled)
	wants(t, "a keeper of an operator", s.Change(t.Context(), people.Change{ID: "omar", Role: people.Keeper}, "revision 1", two(people.ActChange)), people.BadPerson)
	wants(t, "too few keepers", s.Change(t.Context(), people.Change{ID: "kim", Role: people.Clerk}, "revision 1", two(people.ActChange)), people.TooFew)
	wants(t, "too few keepers", s.Disable(t.Context(), people.Disabling{ID: "kim"}, "revision 1", two(people.ActDisable)), people.TooFew)
	wants(t, "one's own", s.Change(t.Context(), people.Change{ID: "lee", Name: "Leah"}, "revision 1", two(people.ActChange)), people.OwnCase)
	wants(t, "an operator", s.Change(t.Context(), people.Change{ID: "omar", Unit: "operator:"}, "revision 1", two(people.ActChange)), people.BadPerson)
	var denied *people.DeniedError
	if err := s.Disable(t.Context(), people.Disabling{ID: "bob"}, "revision 1", s.Two(t, "ann", "cleo", people.ActDisable, "bob", "test")); err == nil || errors.As(err, &denied) {
		t.Errorf("ann with a key that has ended: %v", err)
	}
	if err := s.Disable(t.Context(), people.Disabling{ID: "omar"}, "revision 1", s.Two(t, "bob", "cleo", people.ActDisable, "bob", "test")); !errors.As(err, &denied) {
		t.Errorf("disabled without a keeper: %v", err)
	}
}
