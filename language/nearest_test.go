package language_test

import (
	"testing"

	"citycard/language"
)

// TestNearest finds the word that was meant.
func TestNearest(t *testing.T) {
	words := []string{"cards.csv", "terminals.csv", "sams.csv", "operators.csv"}
	for typed, want := range map[string]string{
		"termnals.csv": "terminals.csv", "Terminals.CSV": "terminals.csv", "card.csv": "cards.csv", "terminals.csv.txt": "terminals.csv",
		"operators (1).csv": "operators.csv", "sam.csv": "sams.csv", "csrds.csv": "cards.csv", "": "sams.csv",
	} {
		if got := language.Nearest(typed, words); got != want {
			t.Errorf("nearest to %q is %q, want %q", typed, got, want)
		}
	}
	if got := language.Nearest("cards", nil); got != "" {
		t.Errorf("of no words, %q is the nearest", got)
	}
}
