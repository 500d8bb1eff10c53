package docket

import (
	"cmp"
	"slices"

	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Cash is what an operator took itself, in cash, on a day: a claim of its desks, which moves no
// money here. Of a repeat nothing counts.
type Cash struct {
	Operator string     `json:"operator"`
	Day      ledger.Day `json:"day"` // of the records, not of the batch
	Purpose  string     `json:"purpose"`
	Count    int64      `json:"count"`
	Fen      ledger.Fen `json:"fen"` // negative: given back
}

// CashSums adds it up by operator, day and purpose. The zero value is empty.
type CashSums struct{ list []Cash }

// Add adds what one batch counted.
func (s *CashSums) Add(list []Cash) {
	for _, c := range list {
		at := slices.IndexFunc(s.list, func(has Cash) bool { return compareCash(has, c) == 0 })
		if at < 0 {
			s.list = append(s.list, c)
			continue
		}
		s.list[at].Count += c.Count
		s.list[at].Fen += c.Fen
	}
}

// List is the sums, by operator, day and purpose.
func (s *CashSums) List() []Cash { return slices.SortedFunc(slices.Values(s.list), compareCash) }

func compareCash(a, b Cash) int {
	return cmp.Or(cmp.Compare(a.Operator, b.Operator), cmp.Compare(a.Day, b.Day), cmp.Compare(a.Purpose, b.Purpose))
}

// cash counts the settled rulings.
func (d *Docket) cash() []Cash {
	var sums CashSums
	for i := range d.settled {
		r := &d.settled[i]
		switch r.Verdict {
		case verdict.Cleared, verdict.Pending, verdict.Suspended, verdict.Noted:
			if r.Cash.Purpose != "" && r.Operator != "" {
				c := r.Cash
				c.Operator, c.Count = r.Operator, 1
				sums.Add([]Cash{c})
			}
		}
	}
	return sums.List()
}
