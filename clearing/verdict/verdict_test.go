package verdict_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"citycard/clearing/verdict"
)

// TestList holds the list to its promises: codes once, both languages, and a
// verdict that a reason can have.
func TestList(t *testing.T) {
	seen := map[verdict.Reason]bool{}
	for _, e := range verdict.List() {
		if seen[e.Reason] || e.Reason == verdict.None {
			t.Errorf("reason %q occurs twice or is empty", e.Reason)
		}
		seen[e.Reason] = true
		if e.English == "" || e.Chinese == "" {
			t.Errorf("%s lacks a text", e.Reason)
		}
		if e.Verdict != verdict.Suspended && e.Verdict != verdict.Rejected && e.Verdict != verdict.Quarantined {
			t.Errorf("%s makes a record %s", e.Reason, e.Verdict)
		}
		if got, ok := verdict.Explain(e.Reason); !ok || got != e {
			t.Errorf("Explain(%s) = %v, %v", e.Reason, got, ok)
		}
	}
	if _, ok := verdict.Explain("no_such"); ok {
		t.Error("an unknown code is explained")
	}
}

// TestStoredReasons holds the codes to those that stand in books and messages: none is renamed,
// none makes another verdict of a record. A new one is added to the file.
func TestStoredReasons(t *testing.T) {
	stored, err := os.ReadFile(filepath.Join("testdata", "reasons.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, e := range verdict.List() {
		lines = append(lines, fmt.Sprintf("%s %s\n", e.Reason, e.Verdict))
	}
	slices.Sort(lines)
	if got := strings.Join(lines, ""); got != string(stored) {
		t.Errorf("the reasons are\n%s\nwant\n%s", got, stored)
	}
}
