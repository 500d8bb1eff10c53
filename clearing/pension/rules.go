package pension

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the example rules
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"citycard/clearing/verdict"
	"citycard/ledger"
)

//go:embed example.json
var example string

// ExampleJSON is the example rule file: a starting point for an operator, and
// what demonstrations run on. Its figures are nobody's official rule.
func ExampleJSON() []byte { return []byte(example) }

// MaxLines is the most lines that a list may have, whatever the rules say: a longer
// one is cut by its sender into several batches.
const MaxLines = 20_000

// Rules are all versions of the bounds of a payday, ordered by date.
type Rules struct {
	versions []Bounds
	names    string
}

// Bounds are what a payday may ask for while they are in force. Both ends of each
// range belong to it.
type Bounds struct {
	Version         string `json:"version"`
	EffectiveFrom   string `json:"effective_from"`    // YYYYMMDD, included
	EffectiveTo     string `json:"effective_to"`      // likewise; empty: open
	MonthsBack      int    `json:"months_back"`       // a month before the clearing day's may be so old
	MonthsAhead     int    `json:"months_ahead"`      // and a later one so far ahead
	PaydayDaysBack  int    `json:"payday_days_back"`  // the payday against the clearing day
	PaydayDaysAhead int    `json:"payday_days_ahead"` //
	PersonFen       int64  `json:"person_fen"`        // the most that one line pays
	BatchLines      int    `json:"batch_lines"`       // the most lines of a list
	BatchFen        int64  `json:"batch_fen"`         // the most that a list asks for
	Example         bool   `json:"example"`
	Source          string `json:"source"`

	from, to ledger.Day
}

// LoadRules reads and checks a rule file. The error names every fault by version
// and field.
func LoadRules(data []byte) (*Rules, error) {
	var file struct {
		Note     string   `json:"note"`
		Versions []Bounds `json:"versions"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("pension rules: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("pension rules: text after the closing brace")
	}
	if len(file.Versions) == 0 {
		return nil, errors.New("pension rules: versions: empty, want at least one")
	}
	var faults []error
	names, named := []string{}, map[string]bool{}
	for i := range file.Versions {
		b := &file.Versions[i]
		where := fmt.Sprintf("versions[%d]", i)
		faults = append(faults, b.check(where)...)
		if named[b.Version] {
			faults = append(faults, fmt.Errorf("%s.version: %q again, want each name once", where, b.Version))
		}
		named[b.Version] = true
		if i > 0 && file.Versions[i-1].to >= b.from {
			faults = append(faults, fmt.Errorf("%s.effective_from: %s, want a day after versions[%d].effective_to %q", where, b.EffectiveFrom, i-1, file.Versions[i-1].EffectiveTo))
		}
		content, err := json.Marshal(b)
		if err != nil {
			return nil, fmt.Errorf("pension rules: %w", err)
		}
		sum := sha256.Sum256(content)
		names = append(names, b.Version+"+"+hex.EncodeToString(sum[:4]))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("pension rules: %w", errors.Join(faults...))
	}
	return &Rules{versions: file.Versions, names: strings.Join(names, ",")}, nil
}

// check names what is wrong with one version, and reads its dates.
func (b *Bounds) check(where string) []error {
	var faults []error
	if b.Version == "" || strings.ContainsAny(b.Version, "+,") {
		faults = append(faults, fmt.Errorf("%s.version: %q, want a name without plus sign and comma", where, b.Version))
	}
	var err error
	if b.from, err = ledger.ParseDay(b.EffectiveFrom); err != nil {
		faults = append(faults, fmt.Errorf("%s.effective_from: %w", where, err))
	}
	if b.to = 29991231; b.EffectiveTo != "" {
		if b.to, err = ledger.ParseDay(b.EffectiveTo); err != nil {
			faults = append(faults, fmt.Errorf("%s.effective_to: %w", where, err))
		} else if b.to < b.from {
			faults = append(faults, fmt.Errorf("%s.effective_to: %s is before effective_from %s", where, b.EffectiveTo, b.EffectiveFrom))
		}
	}
	const years, days, fen = 120, 366, 1_000_000_000_000
	for _, f := range []struct {
		field       string
		value       int64
		least, most int64
	}{
		{"months_back", int64(b.MonthsBack), 0, years},
		{"months_ahead", int64(b.MonthsAhead), 0, 12},
		{"payday_days_back", int64(b.PaydayDaysBack), 0, days},
		{"payday_days_ahead", int64(b.PaydayDaysAhead), 0, days},
		{"person_fen", b.PersonFen, 1, fen},
		{"batch_lines", int64(b.BatchLines), 1, MaxLines},
		{"batch_fen", b.BatchFen, b.PersonFen, fen},
	} {
		if f.value < f.least || f.value > f.most {
			faults = append(faults, fmt.Errorf("%s.%s: %d, want %d to %d", where, f.field, f.value, f.least, f.most))
		}
	}
	if b.Source == "" {
		faults = append(faults, fmt.Errorf("%s.source: empty, want where the figures come from", where))
	}
	return faults
}

// On finds the bounds in force on a day.
func (r *Rules) On(day ledger.Day) (*Bounds, bool) {
	for i := range r.versions {
		if b := &r.versions[i]; b.from <= day && day <= b.to {
			return b, true
		}
	}
	return nil, false
}

// Names are the versions of the file, each with a hash of its content, so that a
// record never names two rules with one word.
func (r *Rules) Names() string { return r.names }

// Examples names the versions that the file marks as examples: figures that nobody
// answers for. A city that pays real pensions wants none.
func (r *Rules) Examples() []string {
	var all []string
	for _, b := range r.versions {
		if b.Example {
			all = append(all, b.Version)
		}
	}
	return all
}

// List is what a list says of itself.
type List struct {
	Month  Month
	Payday ledger.Day
	Lines  int
	Fen    int64 // of all its lines
}

// Check is the first reason against a list on a clearing day. A month or a payday far from the
// day is a slip of the pen or worse, and it would pay every pensioner at once.
func (b *Bounds) Check(clearing ledger.Day, l List) verdict.Reason {
	from, to := clearing.Add(-b.PaydayDaysBack), clearing.Add(b.PaydayDaysAhead)
	switch ahead := l.Month.since(Month(clearing / 100)); {
	case ahead < -b.MonthsBack || ahead > b.MonthsAhead:
		return verdict.ImplausibleMonth
	case l.Payday < from || l.Payday > to:
		return verdict.ImplausiblePayday
	case l.Lines > b.BatchLines || l.Fen > b.BatchFen:
		return verdict.BatchTooLarge
	}
	return verdict.None
}

// CheckAmount is the reason against one line that pays so much.
func (b *Bounds) CheckAmount(fen int64) verdict.Reason {
	if fen > b.PersonFen {
		return verdict.PensionTooHigh
	}
	return verdict.None
}
