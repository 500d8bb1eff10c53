package server

import (
	"cmp"
	"slices"
	"testing"

	"citycard/clearing/people/proposal"
	"citycard/clearing/verify"
)

// TestKindsHaveRules wants a kind of proposal for each act of the policy that takes two people, and
// such an act for each kind: what no kind proposes nobody could do.
func TestKindsHaveRules(t *testing.T) {
	office, err := Proposals(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, act := range office.People.Policy.Acts() {
		rule, _ := office.People.Policy.Rule(act)
		name := cmp.Or(rule.Kind, rule.Act)
		there := slices.ContainsFunc(office.Kinds, func(k proposal.Kind) bool { return k.Name == name })
		if there != rule.Two() {
			t.Errorf("the act %q takes two: %t; there is a kind %q of proposals: %t", act, rule.Two(), name, there)
		}
	}
	for _, kind := range office.Kinds {
		if _, found := office.People.Policy.Rule(kind.Name); !found {
			t.Errorf("the kind %q has no row in the policy", kind.Name)
		}
	}
}

// TestKindsHaveEntries wants of each kind of proposal that verify can hold what was done against
// what was signed, and that who signs can hold the change against the request.
func TestKindsHaveEntries(t *testing.T) {
	office, err := Proposals(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range office.Kinds {
		complete := func(e proposal.Entry) bool { return e.Kind == kind.Name && e.Fits != nil && e.Says != nil }
		if !slices.ContainsFunc(verify.Entries(), complete) {
			t.Errorf("the kind %q has no entry in package clearing/verify, or one without Fits or Says", kind.Name)
		}
	}
}
