package server

import (
	"crypto/rand"
	"log/slog"
	"strings"
	"testing"

	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/schema"
	"citycard/cmd/books"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// TestPeopleOfADemonstration serves books with people of a demonstration as such alone. Books with
// others, or with none, are served.
func TestPeopleOfADemonstration(t *testing.T) {
	open := func() *ledger.Ledger {
		url := ledgertest.New(t)
		if err := schema.Apply(t.Context(), url); err != nil {
			t.Fatal(err)
		}
		return ledgertest.Connect(t, url, 2)
	}
	l := open()
	if err := allowPeople(t.Context(), l, false); err != nil {
		t.Errorf("without people: %v", err)
	}
	s := peopletest.Of(t, l)
	tokens, err := s.Found(t.Context(), rand.Reader, false)
	if err != nil {
		t.Fatal(err)
	}
	n := people.Newcomer{Token: tokens.Keepers[0], ID: "kim", Name: "Kim"}
	statement := s.Statement(t, "kim", people.ActEnrolKeeper, "keeper kim", "Kim")
	signed, err := people.Sign(peopletest.Key(t, "kim"), statement)
	if err == nil {
		err = s.EnrolKeeper(t.Context(), n, peopletest.Key(t, "kim").Public(), signed)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := allowPeople(t.Context(), l, false); err != nil {
		t.Errorf("with a keeper: %v", err)
	}
	demo := peopletest.New(t, open()).Ledger
	if err := allowPeople(t.Context(), demo, true); err != nil {
		t.Errorf("as a demonstration: %v", err)
	}
	for _, is := range []bool{true, false} {
		c := &Server{Base: &Base{Books: &books.Books{Ledger: l}}, demo: is}
		if acts := c.program(t.TempDir(), slog.New(slog.DiscardHandler)).Acts(); acts.InEarnest == is {
			t.Errorf("a demonstration %t: people act in earnest %t", is, acts.InEarnest)
		}
	}
	const want = "people of a demonstration: ann, bob, cleo, kim, lee, omar"
	if err := allowPeople(t.Context(), demo, false); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}
