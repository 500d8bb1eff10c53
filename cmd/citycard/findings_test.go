package main

import (
	"strings"
	"testing"

	"citycard/clearing/counters"
	"citycard/language"
)

// TestFindingsHelp has help explain each kind of finding in the words of the table.
func TestFindingsHelp(t *testing.T) {
	for _, l := range []language.Language{{}, language.Chinese()} {
		help := strings.Split(l.Of(dayFindingsCommand().LongHelp), "\n")
		kinds := counters.Kinds()
		if len(help) < len(kinds) {
			t.Fatalf("%s: help has %d lines", l.String(), len(help))
		}
		for i, line := range help[len(help)-len(kinds):] {
			code, words, _ := strings.Cut(strings.TrimSpace(line), " ")
			if want := l.Choose(kinds[i].Explain()); code != kinds[i].String() || strings.TrimSpace(words) != want {
				t.Errorf("%s: %q, want %s and %q", l.String(), line, kinds[i], want)
			}
		}
	}
}
