package truth

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
)

// Rules are the figures that truth calculates with.
type Rules struct {
	About     string     `json:"about"`
	Metro     metroRule  `json:"metro"`
	Bus       []busRule  `json:"bus"`
	Discounts []discount `json:"discounts"`
	Medical   []scheme   `json:"medical"`

	Pension PensionRule `json:"pension"`
	// PurseMaximum is the most that a purse may hold. A larger debit is impossible.
	PurseMaximum int64 `json:"purse_maximum_fen"`
}

// metroRule prices a distance: first_fen up to first_metres, then step_fen for each step begun. The
// bands follow each other; the last has no end. A distance equal to a limit has the cheaper price.
// A trip longer than the time limit costs the highest single fare, undiscounted; a trip of exactly
// the time limit is still in time.
type metroRule struct {
	FirstMetres  int         `json:"first_metres"`
	FirstFen     int64       `json:"first_fen"`
	Bands        []metroBand `json:"bands"`
	StepFen      int64       `json:"step_fen"`
	LimitMinutes int         `json:"limit_minutes"`
}

// metroBand is a range of distance with its own step.
type metroBand struct {
	ToMetres   int `json:"to_metres"` // 0: no end
	StepMetres int `json:"step_metres"`
}

// busRule is the full price on a range of line numbers, both ends included.
type busRule struct {
	From uint32 `json:"from"`
	To   uint32 `json:"to"`
	Fen  int64  `json:"fen"`
}

// discount is what a card type pays, in thousandths of the full price, half-up
// to a whole fen.
type discount struct {
	CardType uint32 `json:"card_type"` // file 0017, offset 10
	Metro    int64  `json:"metro_thousandths"`
	Bus      int64  `json:"bus_thousandths"`
}

// scheme is what an insurance pays of one kind of claim in one class of hospital.
type scheme struct {
	Insurance   string        `json:"insurance"`
	Status      string        `json:"status"`
	Kind        string        `json:"kind"`
	Class       string        `json:"class"`
	Deductible  int64         `json:"deductible_fen"`
	Readmission int64         `json:"readmission_percent,omitempty"` // of the deductible, from the second time in the year; 0: all of it
	Bands       []medicalBand `json:"bands"`
	Ceiling     int64         `json:"ceiling_fen,omitempty"` // of the fund in the year; 0: none
}

// medicalBand is the fund's share of in-scope costs up to a bound, counted from
// the claim's first fen.
type medicalBand struct {
	UpTo    int64 `json:"up_to_fen,omitempty"` // 0: no end
	Percent int64 `json:"percent"`
}

//go:embed example.json
var example []byte

// Example are the rules that are built in.
func Example() (*Rules, error) {
	dec := json.NewDecoder(bytes.NewReader(example))
	dec.DisallowUnknownFields()
	r := new(Rules)
	if err := dec.Decode(r); err != nil {
		return nil, fmt.Errorf("truth: rules: %w", err)
	}
	return r, nil
}
