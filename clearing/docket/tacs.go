package docket

import (
	"cmp"
	"slices"

	"citycard/clearing/verdict"
)

// UnregisteredOperator is the operator of a terminal that is in no registry on the signed day. No
// operator's id has brackets.
const UnregisteredOperator = "(unknown)"

// TACs counts the taps at an operator's terminals by the result of their TAC check. A repeat of a
// record counts once. Another city's taps do not count, because nobody here can check their TACs.
type TACs struct {
	Operator string `json:"operator"`
	Verified int64  `json:"verified,omitempty"`
	Wrong    int64  `json:"wrong,omitempty"`
}

// TACSums adds them up by operator. The zero value is empty.
type TACSums struct{ list []TACs }

// Add adds what one batch counted.
func (s *TACSums) Add(list []TACs) {
	for _, t := range list {
		sum := s.of(t.Operator)
		sum.Verified, sum.Wrong = sum.Verified+t.Verified, sum.Wrong+t.Wrong
	}
}

// of is the operator's sum; operators are few.
func (s *TACSums) of(operator string) *TACs {
	for i := range s.list {
		if s.list[i].Operator == operator {
			return &s.list[i]
		}
	}
	s.list = append(s.list, TACs{Operator: operator})
	return &s.list[len(s.list)-1]
}

// List is the sums by operator.
func (s *TACSums) List() []TACs {
	list := slices.Clone(s.list)
	slices.SortFunc(list, func(a, b TACs) int { return cmp.Compare(a.Operator, b.Operator) })
	return list
}

// tacs counts the settled rulings.
func (d *Docket) tacs() []TACs {
	var sums TACSums
	for i := range d.settled {
		switch r := &d.settled[i]; {
		case r.Operator == "":
		case r.Reason == verdict.BadTAC:
			sums.of(r.Operator).Wrong++
		case r.Verified && (r.Verdict == verdict.Cleared || r.Verdict == verdict.Suspended):
			sums.of(r.Operator).Verified++
		}
	}
	return sums.List()
}
