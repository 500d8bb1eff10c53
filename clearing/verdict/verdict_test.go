package verdict_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"citycard/clearing/verdict"
	"citycard/language"
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

// TestIn shows codes with their words in both languages.
func TestIn(t *testing.T) {
	english, chinese := language.Language{}, language.Chinese()
	for v := verdict.Cleared; v <= verdict.Noted; v++ {
		if parsed, ok := verdict.Parse(v.String()); parsed != v || !ok {
			t.Errorf("Parse(%s) = %d, %v", v, parsed, ok)
		}
		if got := v.In(english); got != v.String() {
			t.Errorf("%s in English: %s", v, got)
		}
	}
	if _, ok := verdict.Parse("verdict(10)"); ok {
		t.Error("an unknown verdict was read")
	}
	for _, c := range [][2]string{
		{verdict.Suspended.In(chinese), "suspended（挂账）"},
		{verdict.Pending.In(chinese), "pending（待异地确认）"},
		{verdict.Verdict(10).In(chinese), "verdict(10)"},
		{verdict.UnknownTerminal.In(english), "unknown_terminal (the terminal is not registered on that day)"},
		{verdict.UnknownTerminal.In(chinese), "unknown_terminal（终端当日未登记）"},
		{verdict.Reason("no_such").In(chinese), "no_such"},
		{verdict.None.In(chinese), ""},
	} {
		if c[0] != c[1] {
			t.Errorf("%q, want %q", c[0], c[1])
		}
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
