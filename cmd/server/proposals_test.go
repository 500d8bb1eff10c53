package server

import (
	"slices"
	"testing"

	"citycard/clearing/people/proposal"
	"citycard/clearing/verify"
)

// TestKindsHaveEntries wants of each kind of proposal that verify can hold what was done against
// what was signed.
func TestKindsHaveEntries(t *testing.T) {
	office, err := Proposals(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range office.Kinds {
		if !slices.ContainsFunc(verify.Entries(), func(e proposal.Entry) bool { return e.Kind == kind.Name }) {
			t.Errorf("the kind %q has no entry in package clearing/verify", kind.Name)
		}
	}
}
