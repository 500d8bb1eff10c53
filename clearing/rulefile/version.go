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

// Since heads a version that holds from a moment until the next begins.
type Since struct {
	named
	// EffectiveFrom is when the version begins: a day YYYYMMDD, from its first second, or a time of
	// day YYYY-MM-DDThh:mm of the city.
	EffectiveFrom string `json:"effective_from" jsonschema:"pattern=^([0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?)$"`

	from Moment
}

// Begins is the moment at which it begins.
func (s *Since) Begins() Moment { return s.from }

func (s *Since) span() (first, last Moment) { return s.from, s.from }

func (s *Since) check(where string) (faults []error) {
	var err error
	if s.from, err = ParseMoment(s.EffectiveFrom); err != nil {
		return []error{fmt.Errorf("%s.effective_from: %w", where, err)}
	}
	s.EffectiveFrom = s.from.String() // one moment makes one content, however it is written
	return nil
}

func (s *Since) lasts() bool { return true }

// SinceDay heads a version that holds from a day until the next begins.
type SinceDay struct{ Since }

func (s *SinceDay) check(where string) []error {
	if faults := s.Since.check(where); len(faults) > 0 || s.from.IsStart() {
		return faults
	}
	return []error{fmt.Errorf("%s.effective_from: %s, want a day YYYYMMDD: these rules begin with one", where, s.from)}
}

// At is the version that holds at a moment; before the first one it is the first, so that there is
// no moment without a rule.
func At[V any, P version[V]](versions []V, at Moment) *V {
	found := 0
	for i := range versions {
		if first, _ := P(&versions[i]).span(); first <= at {
			found = i
		}
	}
	return &versions[found]
}

// Between heads a version that holds from one day to another, both included and written YYYYMMDD.
// It has no end where the second is empty.
type Between struct {
	named
	// EffectiveFrom is the first day of the version, YYYYMMDD.
	EffectiveFrom string `json:"effective_from" jsonschema:"pattern=^[0-9]{8}$"`
	// EffectiveTo is its last day, YYYYMMDD; empty where it has no end.
	EffectiveTo string `json:"effective_to" jsonschema:"pattern=^([0-9]{8})?$"`
}

func (b *Between) span() (first, last Moment) {
	from, _ := ledger.ParseDay(b.EffectiveFrom) // check has looked at both
	if b.EffectiveTo == "" {
		return StartOf(from), Endless
	}
	to, _ := ledger.ParseDay(b.EffectiveTo)
	return StartOf(from), EndOf(to)
}

func (b *Between) lasts() bool { return false }

func (b *Between) check(where string) []error {
	var faults []error
	if _, err := ledger.ParseDay(b.EffectiveFrom); err != nil {
		faults = append(faults, fmt.Errorf("%s.effective_from: %q, want a day YYYYMMDD", where, b.EffectiveFrom))
	}
	if b.EffectiveTo == "" {
		return faults
	}
	if _, err := ledger.ParseDay(b.EffectiveTo); err != nil {
		return append(faults, fmt.Errorf("%s.effective_to: %q, want a day YYYYMMDD or nothing", where, b.EffectiveTo))
	}
	if first, last := b.span(); last < first {
		faults = append(faults, fmt.Errorf("%s.effective_to: %s is before effective_from %s", where, b.EffectiveTo, b.EffectiveFrom))
	}
	return faults
}

// Holding is the version that holds on a day, if there is one.
func Holding[V any, P version[V]](versions []V, day ledger.Day) (*V, bool) {
	for i := range versions {
		if first, last := P(&versions[i]).span(); first <= StartOf(day) && StartOf(day) <= last {
			return &versions[i], true
		}
	}
	return nil, false
}

// Term is what a version says and the moments at which it holds, of which both are the ends.
type Term struct {
	Name        string // in records
	First, Last Moment
	Content     [sha256.Size]byte // a hash of it, without the last day and the sources
}

// Holds reports whether the version holds at a moment.
func (t Term) Holds(at Moment) bool { return t.First <= at && at <= t.Last }

// Bounds are the ends of the term in words: a day or a time of day each, as documents write them,
// and nothing where the term has no such end. A last day counts whole.
func (t Term) Bounds() (first, last string) {
	if t.First != 0 {
		first = t.First.String()
	}
	switch {
	case t.Last == Endless:
	case t.Last == EndOf(t.Last.Day()):
		last = t.Last.Day().String()
	default:
		last = t.Last.String()
	}
	return first, last
}

// Terms are the versions with their moments. One that holds until the next begins has the second
// before as its last, and the first of these has all moments before it too.
func Terms[V any, P version[V]](versions []V) []Term {
	terms := make([]Term, len(versions))
	for i := range versions {
		v, t := P(&versions[i]), &terms[i]
		t.Name, t.Content = v.head().name, v.head().content
		if t.First, t.Last = v.span(); !v.lasts() {
			continue
		}
		if t.Last = Endless; i+1 < len(versions) {
			next, _ := P(&versions[i+1]).span()
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
