package load

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"

	"citycard/ledger"
)

//go:embed zhengzhou.json
var example []byte

// Rules bound a load, from a day on.
type Rules struct {
	Version       string     `json:"version"`
	Source        string     `json:"source"`
	EffectiveFrom ledger.Day `json:"effective_from"`
	MaximumFen    int64      `json:"maximum_fen"`     // the most a purse may hold
	MultipleOfFen int64      `json:"multiple_of_fen"` // a load is a multiple of this
	// RefundAfterDays is how long a paid load must have been without a card's word
	// before it may be given back on that ground alone.
	RefundAfterDays int `json:"refund_after_days"`
}

// ExampleJSON is the rule file that ships with the program.
func ExampleJSON() []byte { return bytes.Clone(example) }

// ParseRules reads and checks a rule file.
func ParseRules(data []byte) (Rules, error) {
	var r Rules
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return Rules{}, fmt.Errorf("load rules: %w", err)
	}
	switch {
	case r.Version == "" || r.Source == "":
		return Rules{}, fmt.Errorf("load rules: version and source must be given")
	case !r.EffectiveFrom.Valid():
		return Rules{}, fmt.Errorf("load rules: effective_from is %d, want YYYYMMDD", r.EffectiveFrom)
	case r.MaximumFen <= 0 || r.MaximumFen > 1<<31-1:
		return Rules{}, fmt.Errorf("load rules: maximum_fen is %d, want 1 to %d", r.MaximumFen, 1<<31-1)
	case r.MultipleOfFen <= 0 || r.MultipleOfFen > r.MaximumFen:
		return Rules{}, fmt.Errorf("load rules: multiple_of_fen is %d, want 1 to %d", r.MultipleOfFen, r.MaximumFen)
	case r.RefundAfterDays < 1 || r.RefundAfterDays > 3650:
		return Rules{}, fmt.Errorf("load rules: refund_after_days is %d, want 1 to 3650", r.RefundAfterDays)
	}
	return r, nil
}
