package proposal_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
)

// appoint has two keepers appoint a deputy, from a time on for a day.
func (w *town) appoint(id, other string, from time.Time) error {
	w.Helper()
	d := people.Deputy{ID: id, For: other, From: from.Format(time.RFC3339), Until: from.Add(24 * time.Hour).Format(time.RFC3339)}
	return peopletest.Decide(w.staff, w, "kim", "lee", people.ActDeputy, d)
}

// denied wants a decision to be refused because of who takes it.
func (w *town) denied(name string, err error) {
	w.Helper()
	if !errors.As(err, new(*people.DeniedError)) {
		w.Errorf("%s: %v, want that it is denied", name, err)
	}
}

// TestDeputy has a clerk stand in for a supervisor: for that time the clerk approves, but nothing
// that the two have proposed. Before it, after it, once it was ended by an act, and once the
// supervisor has gone, the clerk does not.
func TestDeputy(t *testing.T) {
	w := newTown(t)
	now := time.Now().Truncate(time.Second)
	first := w.limit("ann", "fund:one", 2001)
	_, err := w.approve("cleo", first.Proposal)
	w.denied("a clerk", err)
	w.must(w.appoint("cleo", "bob", now.Add(time.Hour))) // who has leave later
	_, err = w.approve("cleo", first.Proposal)
	w.denied("before the time", err)
	w.must(w.appoint("cleo", "dan", now.Add(-time.Hour)))

	byDan, own := w.limit("dan", "fund:two", 2002), w.limit("cleo", "fund:two", 2003)
	if _, err := w.approve("cleo", byDan.Proposal); !errors.Is(err, proposal.ErrStandsIn) {
		t.Errorf("what the supervisor proposed: %v", err)
	}
	if _, err := w.Reject(t.Context(), byDan.Number, "no", w.as("cleo")); !errors.Is(err, proposal.ErrStandsIn) {
		t.Errorf("what the supervisor proposed, rejected: %v", err)
	}
	if _, err := w.approve("cleo", own.Proposal); !errors.Is(err, proposal.ErrProposer) {
		t.Errorf("what the deputy proposed: %v", err)
	}
	done, err := w.approve("cleo", first.Proposal)
	w.must(err)
	if done.Decider != "cleo" || w.cap("fund:one") != 2001 {
		t.Errorf("%+v, cap %v", done, w.cap("fund:one"))
	}
	if _, err := w.approve("bob", own.Proposal); err != nil { // for whom cleo stands in later
		t.Error(err)
	}
	list, err := w.People.List(t.Context(), false)
	w.must(err)
	for _, p := range list {
		if want := map[string]int{"cleo": 2}[p.ID]; len(p.Stands) != want {
			t.Errorf("%s stands in for %+v, want %d", p.ID, p.Stands, want)
		}
	}
	w.must(peopletest.Decide(w.staff, w, "kim", "lee", people.ActEndDeputy, people.EndDeputy{ID: "cleo", For: "dan"}))
	second := w.limit("ann", "fund:one", 2004)
	_, err = w.approve("cleo", second.Proposal)
	w.denied("after an act has ended it", err)
	w.must(w.appoint("cleo", "dan", now.Add(-2*time.Hour)))
	w.must(peopletest.Decide(w.staff, w, "kim", "lee", people.ActDisable, people.Disabling{ID: "dan"}))
	_, err = w.approve("cleo", second.Proposal)
	w.denied("after the supervisor has gone", err)
	w.holds()
}

// TestDeputyOfOwnUnit has an operator's clerk stand in for its supervisor: for their unit's rows,
// and no others.
func TestDeputyOfOwnUnit(t *testing.T) {
	w := newTown(t)
	clerk := people.Enrolment{ID: "bea", Name: "Bea", Unit: "operator:bus", Role: people.Clerk, Key: peopletest.Key(t, "bea").Public().String()}
	w.must(peopletest.Decide(w.staff, t, "kim", "lee", people.ActEnrol, clerk))
	w.keys["bea"] = peopletest.Key(t, "bea")
	w.must(w.appoint("bea", "bus", time.Now().Add(-time.Hour)))
	p := w.limit("ann", "fund:one", 2001)
	_, err := w.approve("bea", p.Proposal)
	w.denied("another unit's", err)
	w.holds()
}

// TestBadDeputies refuses deputies who cannot be one.
func TestBadDeputies(t *testing.T) {
	w := newTown(t)
	at := func(after time.Duration) string { return time.Now().Add(after).UTC().Format(time.RFC3339) }
	from, until := at(-time.Hour), at(time.Hour)
	for _, c := range []struct {
		d    people.Deputy
		want string
	}{
		{people.Deputy{ID: "cleo", For: "cleo", From: from, Until: until}, "nobody stands in for themselves"},
		{people.Deputy{ID: "cleo", For: "nobody", From: from, Until: until}, "nobody has the id"},
		{people.Deputy{ID: "cleo", For: "max", From: from, Until: until}, "disabled"},
		{people.Deputy{ID: "max", For: "ann", From: from, Until: until}, "disabled"},
		{people.Deputy{ID: "cleo", For: "mei", From: from, Until: until}, "a deputy is of the same unit"},
		{people.Deputy{ID: "ann", For: "cleo", From: from, Until: until}, "deputies stand in for supervisors"},
		{people.Deputy{ID: "cleo", For: "kim", From: from, Until: until}, "deputies stand in for supervisors"},
		{people.Deputy{ID: "otto", For: "ann", From: from, Until: until}, "only a clerk or a supervisor"},
		{people.Deputy{ID: "kim", For: "ann", From: from, Until: until}, "only a clerk or a supervisor"},
		{people.Deputy{ID: "cleo", For: "ann", From: until, Until: from}, "before it begins"},
		{people.Deputy{ID: "cleo", For: "ann", From: at(-2 * time.Hour), Until: from}, "it would have ended"},
		{people.Deputy{ID: "cleo", For: "ann", From: "today", Until: until}, "is no time"},
		{people.Deputy{ID: "cleo", For: "ann", From: from, Until: "2030-01-05T00:00:00.5Z"}, "is no time"},
	} {
		if err := peopletest.Decide(w.staff, t, "kim", "lee", people.ActDeputy, c.d); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.d, err, c.want)
		}
	}
	service := people.Enrolment{ID: "batch", Name: "Batch", Unit: people.Issuer, Role: people.Clerk, Key: peopletest.Key(t, "batch").Public().String(), Service: true}
	w.must(peopletest.Decide(w.staff, t, "kim", "lee", people.ActEnrol, service))
	if err := peopletest.Decide(w.staff, t, "kim", "lee", people.ActDeputy, people.Deputy{ID: "batch", For: "ann", From: from, Until: until}); err == nil || !strings.Contains(err.Error(), "is a service") {
		t.Errorf("a service: %v", err)
	}
	for _, c := range []people.Change{{ID: "batch", Role: people.Supervisor}, {ID: "batch", Role: people.Auditor}} {
		if err := peopletest.Decide(w.staff, t, "kim", "lee", people.ActChange, c); err == nil || !strings.Contains(err.Error(), "so it is a clerk") {
			t.Errorf("a service becomes %s: %v", c.Role, err)
		}
	}
	good := people.Deputy{ID: "cleo", For: "ann", From: from, Until: until}
	if err := peopletest.Decide(w.staff, t, "ann", "lee", people.ActDeputy, good); !errors.As(err, new(*people.DeniedError)) {
		t.Errorf("proposed by the supervisor: %v", err)
	}
	w.must(peopletest.Decide(w.staff, t, "kim", "lee", people.ActDeputy, good))
	if err := peopletest.Decide(w.staff, t, "kim", "lee", people.ActDeputy, good); err == nil || !strings.Contains(err.Error(), "already in that time") {
		t.Errorf("twice: %v", err)
	}
	if err := peopletest.Decide(w.staff, t, "kim", "lee", people.ActEndDeputy, people.EndDeputy{ID: "cleo", For: "bob"}); err == nil || !strings.Contains(err.Error(), "does not stand in") {
		t.Errorf("an end of nothing: %v", err)
	}
	w.holds()
}
