package dayclose

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

	"github.com/shopspring/decimal"

	"citycard/clearing/docket"
	"citycard/ledger"
)

//go:embed example.json
var example string

// ExampleJSON is the example rule file of held payouts.
func ExampleJSON() []byte { return []byte(example) }

// Rules say which payouts a close holds, by date.
type Rules struct{ versions []Rule }

// Rule is one version. It holds until the next begins; a day before the first is held
// against the first.
type Rule struct {
	Version       string     `json:"version"`
	EffectiveFrom ledger.Day `json:"effective_from"`
	// An operator's payout is held where at least WrongLeast taps at its terminals had a
	// wrong TAC, and these are more than WrongShare of all whose TAC was checked.
	WrongShare decimal.Decimal `json:"wrong_share"`
	WrongLeast int64           `json:"wrong_least"`
	Example    bool            `json:"example"`
	Source     string          `json:"source"`

	name string
}

// LoadRules reads and checks a rule file. The error names every fault by version.
func LoadRules(data []byte) (*Rules, error) {
	var file struct {
		Note     string `json:"note"`
		Versions []Rule `json:"versions"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, fmt.Errorf("payout rules: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("payout rules: text after the closing brace")
	}
	if len(file.Versions) == 0 {
		return nil, errors.New("payout rules: versions: empty, want at least one")
	}
	var faults []error
	named := map[string]bool{}
	for i := range file.Versions {
		r, where := &file.Versions[i], fmt.Sprintf("versions[%d]", i)
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
			return nil, fmt.Errorf("payout rules: %w", err)
		}
		sum := sha256.Sum256(content)
		r.name = r.Version + "+" + hex.EncodeToString(sum[:4])
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("payout rules: %w", errors.Join(faults...))
	}
	return &Rules{versions: file.Versions}, nil
}

// check gives the first fault of a version.
func (r *Rule) check() error {
	switch {
	case r.Version == "" || strings.Contains(r.Version, "+"):
		return fmt.Errorf("version: %q, want a name without a plus sign", r.Version)
	case r.Source == "":
		return errors.New("source: empty, want where the figures come from")
	case !r.EffectiveFrom.Valid():
		return fmt.Errorf("effective_from: %d, want YYYYMMDD", r.EffectiveFrom)
	case r.WrongShare.IsNegative() || r.WrongShare.Exponent() < -9 || r.WrongShare.Exponent() > 0 || r.WrongShare.GreaterThanOrEqual(decimal.NewFromInt(1)):
		return errors.New("wrong_share: want a share from 0 to below 1, with at most 9 decimals")
	case r.WrongLeast < 1:
		return fmt.Errorf("wrong_least: %d, want 1 or more", r.WrongLeast)
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

// Examples names the versions that the file marks as examples.
func (r *Rules) Examples() []string {
	var all []string
	for i := range r.versions {
		if r.versions[i].Example {
			all = append(all, r.versions[i].Version)
		}
	}
	return all
}

// holds reports whether an operator's payout waits after a day with these TACs.
func (r *Rule) holds(t docket.TACs) bool {
	all := decimal.NewFromInt(t.Wrong).Add(decimal.NewFromInt(t.Verified))
	return t.Wrong >= r.WrongLeast && decimal.NewFromInt(t.Wrong).GreaterThan(r.WrongShare.Mul(all))
}
