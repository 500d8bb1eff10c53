package load

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"citycard/ledger"
)

//go:embed zhengzhou.json
var example []byte

// Rules are all versions of what a purse may hold and how it is loaded, by date.
type Rules struct {
	versions []Rule
	names    string
}

// Rule is one version. It holds until the next begins; what is dated before the first
// is held against the first, so that there is no day without a bound.
type Rule struct {
	Version       string     `json:"version"`
	EffectiveFrom ledger.Day `json:"effective_from"`
	MaximumFen    int64      `json:"maximum_fen"`     // the most a purse may hold
	MultipleOfFen int64      `json:"multiple_of_fen"` // a load is a multiple of this
	// RefundAfterDays is how long a paid load must have been without a card's word
	// before it may be given back on that ground alone.
	RefundAfterDays int    `json:"refund_after_days"`
	Example         bool   `json:"example"`
	Source          string `json:"source"`
}

// ExampleJSON is the rule file that ships with the program.
func ExampleJSON() []byte { return bytes.Clone(example) }

// ParseRules reads and checks a rule file. The error names every fault by version.
func ParseRules(data []byte) (*Rules, error) {
	var file struct {
		Note     string `json:"note"`
		Versions []Rule `json:"versions"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("load rules: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("load rules: text after the closing brace")
	}
	if len(file.Versions) == 0 {
		return nil, errors.New("load rules: versions: empty, want at least one")
	}
	var faults []error
	names, named := []string{}, map[string]bool{}
	for i, r := range file.Versions {
		where := fmt.Sprintf("versions[%d]", i)
		if err := r.check(); err != nil {
			faults = append(faults, fmt.Errorf("%s.%w", where, err))
		}
		if named[r.Version] {
			faults = append(faults, fmt.Errorf("%s.version: %q again, want each name once", where, r.Version))
		}
		named[r.Version] = true
		if i > 0 && r.EffectiveFrom <= file.Versions[i-1].EffectiveFrom {
			faults = append(faults, fmt.Errorf("%s.effective_from: %s, want a day after %s", where, r.EffectiveFrom, file.Versions[i-1].EffectiveFrom))
		}
		content, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("load rules: %w", err)
		}
		sum := sha256.Sum256(content)
		names = append(names, r.Version+"+"+hex.EncodeToString(sum[:4]))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("load rules: %w", errors.Join(faults...))
	}
	return &Rules{versions: file.Versions, names: strings.Join(names, ",")}, nil
}

// check gives the first fault of a version.
func (r Rule) check() error {
	switch {
	case r.Version == "" || strings.ContainsAny(r.Version, "+,"):
		return fmt.Errorf("version: %q, want a name without plus sign and comma", r.Version)
	case r.Source == "":
		return errors.New("source: empty, want where the figures come from")
	case !r.EffectiveFrom.Valid():
		return fmt.Errorf("effective_from: %d, want YYYYMMDD", r.EffectiveFrom)
	case r.MaximumFen <= 0 || r.MaximumFen > 1<<31-1:
		return fmt.Errorf("maximum_fen: %d, want 1 to %d", r.MaximumFen, 1<<31-1)
	case r.MultipleOfFen <= 0 || r.MultipleOfFen > r.MaximumFen:
		return fmt.Errorf("multiple_of_fen: %d, want 1 to %d", r.MultipleOfFen, r.MaximumFen)
	case r.RefundAfterDays < 1 || r.RefundAfterDays > 3650:
		return fmt.Errorf("refund_after_days: %d, want 1 to 3650", r.RefundAfterDays)
	}
	return nil
}

// On is the version that holds on a day.
func (r *Rules) On(day ledger.Day) *Rule {
	at := 0
	for i := range r.versions {
		if r.versions[i].EffectiveFrom <= day {
			at = i
		}
	}
	return &r.versions[at]
}

// PurseMaximum is what a purse may hold on every day from the first to the last.
func (r *Rules) PurseMaximum(first, last ledger.Day) int64 {
	least := r.On(first).MaximumFen
	for _, v := range r.versions {
		if first < v.EffectiveFrom && v.EffectiveFrom <= last {
			least = min(least, v.MaximumFen)
		}
	}
	return least
}

// Examples names the versions that the file marks as examples.
func (r *Rules) Examples() []string {
	var all []string
	for _, v := range r.versions {
		if v.Example {
			all = append(all, v.Version)
		}
	}
	return all
}

// Names are the versions of the file, each with a hash of its content.
func (r *Rules) Names() string { return r.names }
