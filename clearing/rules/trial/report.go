package trial

import (
	"cmp"
	"maps"
	"slices"

	"citycard/clearing/transit/fare"
	"citycard/ledger"
)

// Report is what a trial found. A list without anything is empty, not nil: JSON has [] for it.
type Report struct {
	From   ledger.Day `json:"from"` // clearing days
	To     ledger.Day `json:"to"`
	Before []string   `json:"fares_before"` // the tables that priced taps of the days
	After  string     `json:"fares_after"`
	Taps   Section    `json:"taps"`
	Claims *Section   `json:"claims,omitempty"` // nil if the medical table does not change
}

// Section is what became of taps, or of claims, whose money is what the fund pays.
type Section struct {
	Sum
	Groups   []Group    `json:"groups"`
	Unpriced []Unpriced `json:"unpriced"` // in no sum
	Largest  []Change   `json:"largest_changes"`
}

// Sum is money before and after, of the same records.
type Sum struct {
	Count  int64      `json:"count"`
	Before ledger.Fen `json:"before_fen"`
	After  ledger.Fen `json:"after_fen"`
}

// Difference is what the proposal adds.
func (s Sum) Difference() ledger.Fen { return s.After - s.Before }

func (s *Sum) add(before, after int64) {
	s.Count++
	s.Before += ledger.Fen(before)
	s.After += ledger.Fen(after)
}

func (s *Sum) merge(other Sum) {
	s.Count += other.Count
	s.Before += other.Before
	s.After += other.After
}

// By is what records are grouped by.
type By string

// The groups of taps and claims.
const (
	ByKind      By = "kind" // metro_entry, metro_exit, bus; outpatient, inpatient
	ByCardType  By = "card_type"
	ByLine      By = "line" // "metro 1", "bus 501"
	ByHour      By = "hour" // of the signed time
	ByHospital  By = "hospital"
	ByInsurance By = "insurance"
)

// Group is the records that have something in common.
type Group struct {
	By  By     `json:"by"`
	Key string `json:"key"`
	Sum
}

// Side is the rules that could not price a record.
type Side string

// The sides.
const (
	InForce  Side = "in_force"
	Proposed Side = "proposal"
	Both     Side = "both"
)

// Unpriced counts records that were not priced, by the reason.
type Unpriced struct {
	Side   Side       `json:"side"`
	Reason string     `json:"reason"` // of the proposal, where both have one
	Count  int64      `json:"count"`
	Fen    ledger.Fen `json:"booked_fen"` // paid for the tap, or by the fund for the claim
}

// Change is a record whose price changes.
type Change struct {
	Who    string      `json:"who"`  // the last four digits of a card, or of a person's token
	Time   string      `json:"time"` // YYYYMMDDhhmmss
	Kind   string      `json:"kind"`
	Place  string      `json:"place,omitempty"` // hospital
	Line   uint32      `json:"line,omitempty"`  // as the terminal said
	Entry  *fare.Place `json:"entry,omitempty"`
	Exit   *fare.Place `json:"exit,omitempty"`
	Type   uint32      `json:"card_type,omitempty"`
	Before ledger.Fen  `json:"before_fen"`
	After  ledger.Fen  `json:"after_fen"`

	key string // orders changes of one size and time
}

func (c *Change) size() ledger.Fen { return max(c.After-c.Before, c.Before-c.After) }

// MaxChanges is how many of the largest changes a report has.
const MaxChanges = 20

// largest are the largest changes, the first of them the largest. Of equal ones the earlier is
// first, so that the list does not depend on the order of reading.
type largest struct{ list []Change }

// noChanges is a list without any, which JSON has as [].
func noChanges() largest { return largest{[]Change{}} }

// takes reports whether a change of a size may belong to the list.
func (l *largest) takes(size ledger.Fen) bool {
	return size > 0 && (len(l.list) < MaxChanges || size >= l.list[MaxChanges-1].size())
}

func (l *largest) add(c Change) {
	if !l.takes(c.size()) {
		return
	}
	at, _ := slices.BinarySearchFunc(l.list, c, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.size(), a.size()), cmp.Compare(a.Time, b.Time), cmp.Compare(a.key, b.key))
	})
	if at < MaxChanges {
		l.list = slices.Insert(l.list[:min(len(l.list), MaxChanges-1)], at, c)
	}
}

// reasonKey is what unpriced records are counted by.
type reasonKey struct {
	side   Side
	reason string
}

// unpriced counts them.
type unpriced map[reasonKey]*Unpriced

func (u unpriced) add(key reasonKey, count int64, fen ledger.Fen) {
	of := u[key]
	if of == nil {
		of = &Unpriced{Side: key.side, Reason: key.reason}
		u[key] = of
	}
	of.Count += count
	of.Fen += fen
}

func (u unpriced) list() []Unpriced {
	keys := slices.SortedFunc(maps.Keys(u), func(a, b reasonKey) int {
		return cmp.Or(cmp.Compare(u[b].Count, u[a].Count), cmp.Compare(a.side, b.side), cmp.Compare(a.reason, b.reason))
	})
	all := make([]Unpriced, len(keys))
	for i, key := range keys {
		all[i] = *u[key]
	}
	return all
}

// reasonOf is the key of a record that at least one side could not price; empty reasons are of
// sides that could.
func reasonOf(inForce, proposed string) reasonKey {
	switch {
	case proposed == "":
		return reasonKey{InForce, inForce}
	case inForce == "":
		return reasonKey{Proposed, proposed}
	}
	return reasonKey{Both, proposed}
}
