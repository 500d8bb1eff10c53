package docket

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Aside is what an operator's settlement file states beside its totals, of one day and purpose:
// cash that its desks took, fares unlike the table's. It moves no money here. Of a repeat nothing
// counts.
type Aside struct {
	Operator string     `json:"operator"`
	Day      ledger.Day `json:"day"` // of the records, not of the batch
	Purpose  string     `json:"purpose"`
	Count    int64      `json:"count"`
	Fen      ledger.Fen `json:"fen"` // negative: cash given back, fares too low
}

// AsideSums add them up by operator, day and purpose. The zero value is empty.
type AsideSums struct{ list []Aside }

// Add adds what one batch counted.
func (s *AsideSums) Add(list []Aside) {
	for _, c := range list {
		at := slices.IndexFunc(s.list, func(has Aside) bool { return compareAsides(has, c) == 0 })
		if at < 0 {
			s.list = append(s.list, c)
			continue
		}
		s.list[at].Count += c.Count
		s.list[at].Fen += c.Fen
	}
}

// List is the sums, by operator, day and purpose.
func (s *AsideSums) List() []Aside { return slices.SortedFunc(slices.Values(s.list), compareAsides) }

func compareAsides(a, b Aside) int {
	return cmp.Or(cmp.Compare(a.Operator, b.Operator), cmp.Compare(a.Day, b.Day), cmp.Compare(a.Purpose, b.Purpose))
}

// asides counts those of the settled rulings.
func (d *Docket) asides() []Aside {
	var sums AsideSums
	for i := range d.settled {
		r := &d.settled[i]
		switch r.Verdict {
		case verdict.Cleared, verdict.Pending, verdict.Suspended, verdict.Noted:
			for _, a := range r.Asides {
				if a.Operator, a.Count = r.Operator, 1; a.Operator != "" {
					sums.Add([]Aside{a})
				}
			}
		}
	}
	return sums.List()
}

// Asides adds up what the batches of a clearing day state beside their totals.
func Asides(ctx context.Context, l *ledger.Ledger, day ledger.Day) ([]Aside, error) {
	var sums AsideSums
	err := l.Notes(ctx, day, func(data []byte) error {
		var note Note
		if err := json.Unmarshal(data, &note); err != nil {
			return fmt.Errorf("batch note: %w", err)
		}
		sums.Add(note.Asides)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("what stands beside the totals of day %s: %w", day, err)
	}
	return sums.List(), nil
}
