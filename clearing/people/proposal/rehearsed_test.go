package proposal_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"citycard/clearing/people/proposal"
)

// TestRehearsed has two dry runs at once, many, and one that takes too long.
func TestRehearsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r proposal.Rehearsed[int]
		has := func(digest string, want int) {
			t.Helper()
			if got, found := r.Find(digest); got != want || found != (want != 0) {
				t.Errorf("%s: %d, %t, want %d", digest, got, found, want)
			}
		}
		has("a", 0)
		r.Keep("a", 1)
		time.Sleep(5 * time.Minute)
		r.Keep("b", 2)
		has("a", 1)
		has("b", 2)
		r.Keep("a", 3) // once more: for its whole time
		time.Sleep(6 * time.Minute)
		has("a", 3)
		for n := range 10 {
			r.Keep(fmt.Sprint(n), n+10)
		}
		has("a", 0)
		has("9", 19)
		time.Sleep(11 * time.Minute)
		has("9", 0)
	})
}
