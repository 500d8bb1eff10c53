package docket

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Line is one row of a tally.
type Line struct {
	Verdict string         `json:"verdict"`
	Reason  verdict.Reason `json:"reason,omitempty"`
	Purpose string         `json:"purpose"`
	Count   int64          `json:"count"`
	Fen     ledger.Fen     `json:"fen"`
}

type lineKey struct {
	verdict string
	reason  verdict.Reason
	purpose string
}

// Sums adds tallies up. The zero value is empty.
type Sums struct{ lines map[lineKey]*Line }

// Add adds the lines of one tally.
func (s *Sums) Add(lines []Line) {
	for _, l := range lines {
		s.add(lineKey{l.Verdict, l.Reason, l.Purpose}, l.Count, l.Fen)
	}
}

func (s *Sums) add(key lineKey, count int64, fen ledger.Fen) {
	line := s.lines[key]
	if line == nil {
		if s.lines == nil {
			s.lines = map[lineKey]*Line{}
		}
		line = &Line{Verdict: key.verdict, Reason: key.reason, Purpose: key.purpose}
		s.lines[key] = line
	}
	line.Count += count
	// A sum that does not fit stays at the largest number. It is only shown to people, and no real
	// amount is so large.
	if line.Fen += fen; line.Fen < 0 {
		line.Fen = math.MaxInt64
	}
}

// Lines are the sums, by verdict, reason and purpose.
func (s *Sums) Lines() []Line {
	lines := make([]Line, 0, len(s.lines))
	for _, line := range s.lines {
		lines = append(lines, *line)
	}
	slices.SortFunc(lines, func(a, b Line) int {
		return cmp.Or(cmp.Compare(a.Verdict, b.Verdict), cmp.Compare(a.Reason, b.Reason), cmp.Compare(a.Purpose, b.Purpose))
	})
	return lines
}

// Verdicts says in a few words what the settled rulings are, such as "cleared" or "cleared 3,
// rejected not_entitled".
func (d *Docket) Verdicts() string {
	lines, _ := d.Tally()
	counts := map[string]int64{}
	for _, l := range lines {
		counts[strings.TrimSpace(l.Verdict+" "+string(l.Reason))] += l.Count
	}
	var words []string
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		if counts[what] > 1 {
			what += fmt.Sprintf(" %d", counts[what])
		}
		words = append(words, what)
	}
	return strings.Join(words, ", ")
}
