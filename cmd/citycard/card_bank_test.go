package main

import (
	"strings"
	"testing"

	"citycard/clearing/people/api"
)

// TestNotTaken says of a file whose answer was lost that it may be given again, and of one that was
// refused that nothing was taken.
func TestNotTaken(t *testing.T) {
	for kind, want := range map[api.Kind]string{api.UnknownOutcome: "it is not known whether the file was taken", api.Unavailable: "nothing was taken"} {
		if err := notTaken(&api.Problem{Type: kind}); !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", kind, err, want)
		}
	}
}
