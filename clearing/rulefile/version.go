package rulefile

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/shopspring/decimal"

	"citycard/ledger"
)

// named is what every version begins with.
type named struct {
	// Version is the name of the version, which no other version of the document has.
	Version string `json:"version" jsonschema:"maxLength=40,pattern=^[A-Za-z0-9.-]+$"`

	name    string // in records
	content [sha256.Size]byte
}

func (n *named) head() *named { return n }

// Name is the version as records name it.
func (n *named) Name() string { return n.name }

// Since heads a version that holds until the next begins.
type Since struct {
	named
	EffectiveFrom ledger.Day `json:"effective_from"`
}

// Days are the day on which it begins, twice.
func (s *Since) Days() (first, last ledger.Day) { return s.EffectiveFrom, s.EffectiveFrom }

func (s *Since) check(where string) []error {
	if !s.EffectiveFrom.Valid() {
		return []error{fmt.Errorf("%s.effective_from: %d, want YYYYMMDD", where, s.EffectiveFrom)}
	}
	return nil
}

func (s *Since) lasts() bool { return true }

// On is the version that holds on a day; before the first one it is the first, so that there is no
// day without a rule.
func On[V any, P version[V]](versions []V, day ledger.Day) *V {
	at := 0
	for i := range versions {
		if first, _ := P(&versions[i]).Days(); first <= day {
			at = i
		}
	}
	return &versions[at]
}

// Between heads a version that holds from one day to another, both included and written YYYYMMDD.
// It has no end where the second is empty.
type Between struct {
	named
	EffectiveFrom string `json:"effective_from" jsonschema:"pattern=^[0-9]{8}$"`
	EffectiveTo   string `json:"effective_to" jsonschema:"pattern=^([0-9]{8})?$"`
}

// endless is behind every day of the calendar.
const endless ledger.Day = 99991231

// Days are the first and the last day on which it holds.
func (b *Between) Days() (first, last ledger.Day) {
	first, _ = ledger.ParseDay(b.EffectiveFrom) // check has looked at both
	if last = endless; b.EffectiveTo != "" {
		last, _ = ledger.ParseDay(b.EffectiveTo)
	}
	return first, last
}

func (b *Between) lasts() bool { return false }

func (b *Between) check(where string) []error {
	var faults []error
	if _, err := ledger.ParseDay(b.EffectiveFrom); err != nil {
		faults = append(faults, fmt.Errorf("%s.effective_from: %q, want a date YYYYMMDD", where, b.EffectiveFrom))
	}
	if b.EffectiveTo == "" {
		return faults
	}
	if _, err := ledger.ParseDay(b.EffectiveTo); err != nil {
		return append(faults, fmt.Errorf("%s.effective_to: %q, want a date YYYYMMDD or nothing", where, b.EffectiveTo))
	}
	if first, last := b.Days(); last < first {
		faults = append(faults, fmt.Errorf("%s.effective_to: %s is before effective_from %s", where, b.EffectiveTo, b.EffectiveFrom))
	}
	return faults
}

// Holding is the version that holds on a day, if there is one.
func Holding[V any, P version[V]](versions []V, day ledger.Day) (*V, bool) {
	for i := range versions {
		if first, last := P(&versions[i]).Days(); first <= day && day <= last {
			return &versions[i], true
		}
	}
	return nil, false
}

// Term is what a version says and the days on which it holds.
type Term struct {
	Name        string // in records
	First, Last ledger.Day
	Content     [sha256.Size]byte // a hash of it, without the last day and the sources
}

// Terms are the versions with their days. One that holds until the next begins has the day before
// as its last, and the first of these has all days before it too.
func Terms[V any, P version[V]](versions []V) []Term {
	terms := make([]Term, len(versions))
	for i := range versions {
		v, t := P(&versions[i]), &terms[i]
		t.Name, t.Content = v.head().name, v.head().content
		if t.First, t.Last = v.Days(); !v.lasts() {
			continue
		}
		if t.Last = endless; i+1 < len(versions) {
			next, _ := P(&versions[i+1]).Days()
			t.Last = next.Add(-1)
		}
		if i == 0 {
			t.First = 0
		}
	}
	return terms
}

// Figures end what has figures in it, and say where those come from.
type Figures struct {
	Example bool   `json:"example,omitempty"`               // nobody answers for them
	Source  string `json:"source" jsonschema:"pattern=\\S"` // where they come from
}

// Range finds a figure outside its bounds, which belong to the range.
func Range[N interface{ ~int | ~int64 | ~uint32 }](where string, value, least, most N) []error {
	if value < least || value > most {
		return []error{fmt.Errorf("%s: %d, want %d to %d", where, value, least, most)}
	}
	return nil
}

// IsShare reports whether a figure is a share, from 0 to 1. It also limits the digits, to nine
// decimals, so that a hostile exponent cannot use up memory.
func IsShare(d decimal.Decimal) bool {
	return d.Exponent() >= -9 && d.Exponent() <= 0 && !d.IsNegative() && d.LessThanOrEqual(decimal.NewFromInt(1))
}

// CheckSource finds figures that come from nowhere.
func (f Figures) CheckSource(where string) []error {
	if strings.TrimSpace(f.Source) == "" {
		return []error{fmt.Errorf("%s.source: empty, want where the figures come from", where)}
	}
	return nil
}

// IsExample reports whether nobody answers for the figures.
func (f Figures) IsExample() bool { return f.Example }

// Examples names the versions that the file marks as examples. A city that has real figures wants
// none.
func Examples[V any, P interface {
	version[V]
	IsExample() bool
}](versions []V) (all []string) {
	for i := range versions {
		if v := P(&versions[i]); v.IsExample() {
			all = append(all, v.head().Version)
		}
	}
	return all
}
