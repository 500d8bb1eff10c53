package check

import (
	"fmt"
	"maps"
	"slices"

	"citycard/clearing/docket"
	"citycard/clearing/verdict"
	"citycard/simulators/truth"
)

// Counts are the numbers of records by verdict, from the batches' own notes. Duplicates leave no
// other trace.
type Counts struct {
	Cleared    int            `json:"cleared"`
	Duplicates int            `json:"duplicates"`
	Disputed   int            `json:"disputed"`
	Suspended  map[string]int `json:"suspended"` // reason -> records
	Rejected   map[string]int `json:"rejected"`
	Other      map[string]int `json:"other,omitempty"` // verdict -> records
}

func newCounts() Counts {
	return Counts{Suspended: map[string]int{}, Rejected: map[string]int{}, Other: map[string]int{}}
}

func (c *Counts) add(note *docket.Note) {
	for _, line := range note.Tally {
		n := int(line.Count)
		switch line.Verdict {
		case verdict.Cleared.String():
			c.Cleared += n
		case verdict.Duplicate.String():
			c.Duplicates += n
		case verdict.Disputed.String():
			c.Disputed += n
		case verdict.Suspended.String():
			c.Suspended[string(line.Reason)] += n
		case verdict.Rejected.String():
			c.Rejected[string(line.Reason)] += n
		default:
			c.Other[line.Verdict] += n
		}
	}
}

// differ lists what differs from the truth's counts. A sender that was interrupted sends again, so
// there may be more duplicates than the truth knows, never fewer.
func (c *Counts) differ(want *truth.Summary) (faults []string) {
	check := func(what string, got, want int) {
		if got != want {
			faults = append(faults, fmt.Sprintf("%s: %d in the books, %d sent", what, got, want))
		}
	}
	check(truth.Cleared, c.Cleared, want.Cleared)
	if c.Duplicates < want.Duplicates {
		check("duplicates", c.Duplicates, want.Duplicates)
	}
	check(truth.Disputed, c.Disputed, want.Disputed)
	check(truth.Pending, c.Other[truth.Pending], want.Pending)
	check(truth.Unconfirmed, c.Other[truth.Unconfirmed], want.Unconfirmed)
	reasons := func(what string, got, want map[string]int) {
		names := maps.Clone(got)
		maps.Copy(names, want)
		for _, reason := range slices.Sorted(maps.Keys(names)) {
			check(what+" "+reason, got[reason], want[reason])
		}
	}
	reasons(truth.Suspended, c.Suspended, want.Suspended)
	reasons(truth.Rejected, c.Rejected, want.Rejected)
	return faults
}
