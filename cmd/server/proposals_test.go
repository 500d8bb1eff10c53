package server

import (
	"slices"
	"testing"

	"citycard/clearing/people/proposal"
	"citycard/clearing/verify"
)

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
