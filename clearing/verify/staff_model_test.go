package verify_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"citycard/clearing/people"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/schema"
	"citycard/ledger/ledgertest"
)

// modelled is somebody as the simplest description has them.
type modelled struct {
	role     people.Role
	unit     people.Unit
	key      string // by what peopletest makes it of
	revision int
	disabled bool
}

// model says what becomes of people, without a database.
type model struct {
	people map[string]*modelled
	keys   map[string]bool // ever used
}

func (m *model) keepers() (n int) {
	for _, p := range m.people {
		if p.role == people.Keeper && !p.disabled {
			n++
		}
	}
	return n
}

// enrols reports whether somebody is enrolled with what is asked for.
func (m *model) enrols(id string, role people.Role, unit people.Unit, key string) bool {
	if m.people[id] != nil || m.keys[key] || role == people.Keeper && unit != people.Issuer {
		return false
	}
	m.people[id], m.keys[key] = &modelled{role: role, unit: unit, key: key, revision: 1}, true
	return true
}

// changes reports whether a change is made.
func (m *model) changes(id string, role people.Role, unit people.Unit, key string) bool {
	p := m.people[id]
	switch {
	case p == nil || p.disabled, role == people.Keeper && unit != people.Issuer,
		p.role == role && p.unit == unit && p.key == key, p.key != key && m.keys[key],
		p.role == people.Keeper && role != people.Keeper && m.keepers() <= 2:
		return false
	}
	p.role, p.unit, p.key, p.revision = role, unit, key, p.revision+1
	m.keys[key] = true
	return true
}

// disables reports whether somebody is disabled.
func (m *model) disables(id string) bool {
	p := m.people[id]
	if p == nil || p.disabled || p.role == people.Keeper && m.keepers() <= 2 {
		return false
	}
	p.disabled = true
	return true
}

// TestStaffModel enrols, changes and disables people at random. What is done, and who is there
// afterwards, is what a simple model says, and verify finds nothing after each act.
func TestStaffModel(t *testing.T) {
	url := ledgertest.New(t)
	if err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	s := peopletest.New(t, ledgertest.Connect(t, url, 4))
	m := &model{people: map[string]*modelled{
		"kim": {people.Keeper, people.Issuer, "kim", 1, false}, "lee": {people.Keeper, people.Issuer, "lee", 1, false},
		"ann": {people.Supervisor, people.Issuer, "ann", 1, false}, "bob": {people.Supervisor, people.Issuer, "bob", 1, false},
		"cleo": {people.Clerk, people.Issuer, "cleo", 1, false}, "omar": {people.Clerk, "operator:metro", "omar", 1, false},
		"max": {people.Supervisor, people.Issuer, "max", 1, true},
	}, keys: map[string]bool{}}
	for id := range m.people {
		m.keys[id] = true
	}
	const ids, units = "ann bob cleo omar max eve dora finn gil hana ines jon", "issuer city operator:metro"
	acts := 0
	rapid.Check(t, func(r *rapid.T) {
		id := rapid.SampledFrom(strings.Fields(ids)).Draw(r, "id")
		role := rapid.SampledFrom(people.Roles()).Draw(r, "role")
		unit := people.Unit(rapid.SampledFrom(strings.Fields(units)).Draw(r, "unit"))
		key := fmt.Sprintf("%s %d", id, rapid.IntRange(1, 4).Draw(r, "key"))
		public := peopletest.Key(t, key).Public().String()
		var err error
		var want bool
		// Who is disabled stays so: with as many disablings as changes there is soon nobody left.
		switch act := rapid.SampledFrom([]string{people.ActChange, people.ActEnrol, people.ActChange, people.ActDisable, people.ActEnrol}).Draw(r, "act"); act {
		case people.ActEnrol:
			want = m.enrols(id, role, unit, key)
			err = peopletest.Decide(s, t, "kim", "lee", act, people.Enrolment{ID: id, Name: id, Role: role, Unit: unit, Key: public})
		case people.ActChange:
			want = m.changes(id, role, unit, key)
			err = peopletest.Decide(s, t, "kim", "lee", act, people.Change{ID: id, Role: role, Unit: unit, Key: public})
		case people.ActDisable:
			want = m.disables(id)
			err = peopletest.Decide(s, t, "kim", "lee", act, people.Disabling{ID: id})
		}
		var refusal *people.Refusal
		if want && err != nil || err != nil && !errors.As(err, &refusal) {
			r.Fatalf("%s: %v", id, err)
		}
		if want {
			acts++
		}
		m.compare(r, t, s)
		if faults := faultsOf(t, s.Ledger, ""); len(faults) > 0 {
			r.Fatalf("faults %q", faults)
		}
	})
	if acts < 10 {
		t.Errorf("%d acts were done", acts)
	}
}

// compare holds the people who are there against the model.
func (m *model) compare(r *rapid.T, t *testing.T, s *peopletest.Staff) {
	list, err := s.List(t.Context(), true)
	if err != nil || len(list) != len(m.people) {
		r.Fatalf("%d people, want %d: %v", len(list), len(m.people), err)
	}
	for _, p := range list {
		want := m.people[p.ID]
		if want == nil || p.Role != want.role || p.Unit != want.unit || p.Disabled() != want.disabled || int(p.Revision) != want.revision ||
			p.Key.Fingerprint() != peopletest.Key(t, want.key).Public().Fingerprint() {
			r.Errorf("%+v, want %+v", p, want)
		}
	}
}
