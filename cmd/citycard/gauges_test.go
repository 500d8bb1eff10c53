package main

import (
	"maps"
	"testing"

	"citycard/clearing/chart"
	"citycard/ledger"
)

// TestNotAtZero counts what a close left on accounts that it pays out, and nothing
// that was booked since or stands elsewhere.
func TestNotAtZero(t *testing.T) {
	row := func(code string, flags ledger.Flags, before, day ledger.Fen) ledger.TrialRow {
		return ledger.TrialRow{Account: ledger.Account{Code: code, Flags: flags}, Before: ledger.Sums{Credits: before}, Day: ledger.Sums{Credits: day}}
	}
	const clearing = ledger.MustReturnToZero
	got := notAtZero([]ledger.TrialRow{
		row("operator:a", clearing, 5, 0), row("operator:b", clearing, 0, 7), row("operator:c", clearing, 9, -9), row("pension:returned", 0, 8, 0),
		row(chart.PensionPayout, clearing, 1, 0), row("hospital:h", clearing, 0, 0), row("suspense:unknown_card", 0, 3, 0), row(chart.Float, 0, 4, 0),
	})
	if want := map[string]int{"operator": 2, "hospital": 0, "pension": 1}; !maps.Equal(got, want) {
		t.Errorf("%v are not at zero, want %v", got, want)
	}
}
