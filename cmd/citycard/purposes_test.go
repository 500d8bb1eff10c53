package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/ledger"
)

// TestPurposesAreDescribed compares docs/ledger.md with the numbers in statement --json.
func TestPurposesAreDescribed(t *testing.T) {
	text, err := os.ReadFile("../../docs/ledger.md")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for p := ledger.Purpose(1); chart.PurposeName(p) != fmt.Sprintf("purpose_%d", p); p++ {
		list = append(list, fmt.Sprintf("%d `%s`", p, chart.PurposeName(p)))
	}
	for _, want := range []string{" is a number: " + strings.Join(list, ", ") + ".", fmt.Sprintf("day %s is not a real day", identity.NoDay)} {
		if !strings.Contains(strings.Join(strings.Fields(string(text)), " "), strings.TrimSpace(want)) {
			t.Errorf("the page does not say %q", want)
		}
	}
}
