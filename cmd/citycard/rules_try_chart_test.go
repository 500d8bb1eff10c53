package main

import (
	"fmt"
	"slices"
	"testing"

	"citycard/clearing/rules/trial"
	"citycard/ledger"
)

// TestTryChartWithTies has more lines than a chart draws, of which many change alike: those that
// change most are drawn, of equal ones the first, in the order of the report.
func TestTryChartWithTies(t *testing.T) {
	for name, c := range map[string]struct {
		changes []int64
		want    []int
	}{
		"the last alone":   {[]int64{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 13}},
		"a fall, and ties": {[]int64{1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -9, 3}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 15}},
		"as many as fit":   {[]int64{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
	} {
		all := []trial.Group{{By: trial.ByKind, Key: "bus", Sum: trial.Sum{Count: 1, After: 100}}}
		for line, change := range c.changes {
			all = append(all, trial.Group{By: trial.ByLine, Key: fmt.Sprint(line), Sum: trial.Sum{Count: 1, Before: 10, After: 10 + ledger.Fen(change)}})
		}
		var got, want []string
		for _, g := range mostChanged(all, trial.ByLine) {
			got = append(got, g.Key)
		}
		for _, line := range c.want {
			want = append(want, fmt.Sprint(line))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: lines %v are drawn, want %v", name, got, want)
		}
	}
}
