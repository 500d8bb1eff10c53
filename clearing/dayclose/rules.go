package dayclose

import (
	_ "embed" // the example rules
	"fmt"

	"github.com/shopspring/decimal"

	"citycard/clearing/calendar"
	"citycard/clearing/docket"
	"citycard/clearing/rulefile"
	"citycard/ledger"
)

//go:embed example.json
var example string

// maxValueWorkdays bounds a typing error: no city pays later than that.
const maxValueWorkdays = 30

// ExampleJSON is the example rule file of payouts.
func ExampleJSON() []byte { return []byte(example) }

// Document is a document of which payouts are held.
type Document = rulefile.File[Rule]

// Rules say when payouts are due and which of them a close holds, by date.
type Rules struct{ versions []Rule }

// Rule is one version. It is in force until the next begins; for a day before the first, the first
// counts.
type Rule struct {
	rulefile.SinceDay
	// An operator's payout is held if at least WrongLeast taps at its terminals had a wrong TAC,
	// and if they are more than WrongShare of all taps whose TAC was checked.
	WrongShare decimal.Decimal `json:"wrong_share" jsonschema:"pattern=^0(\\.[0-9]{1\\,9})?$"`
	// WrongLeast is the least number of wrong TACs for which a payout is held.
	WrongLeast int64 `json:"wrong_least" jsonschema:"minimum=1,maximum=1000000000"`
	// ValueWorkdays is how many workdays after the cleared day an operator's money is due.
	ValueWorkdays int `json:"value_workdays" jsonschema:"minimum=1,maximum=30"`
	rulefile.Figures
}

// LoadRules reads and checks a rule file. The error names every fault by version.
func LoadRules(data []byte) (*Rules, error) {
	versions, err := rulefile.Read(data, (*Rule).check)
	if err != nil {
		return nil, err
	}
	return &Rules{versions}, nil
}

// check names what is wrong with the figures of a version.
func (r *Rule) check(where string) []error {
	faults := append(r.CheckSource(where), rulefile.Range(where+".value_workdays", r.ValueWorkdays, 1, maxValueWorkdays)...)
	if !rulefile.IsShare(r.WrongShare) || r.WrongShare.Equal(decimal.NewFromInt(1)) {
		faults = append(faults, fmt.Errorf("%s.wrong_share: want a share from 0 to below 1, with at most 9 decimals", where))
	}
	return append(faults, rulefile.Range(where+".wrong_least", r.WrongLeast, 1, 1_000_000_000)...)
}

// ValueDate is the day on which an operator's money of a cleared day is due. The error is a
// *calendar.MissingYearError where the calendar does not reach that far.
func (r *Rules) ValueDate(workdays *calendar.Calendar, cleared ledger.Day) (due ledger.Day, err error) {
	due = cleared
	for range r.On(cleared).ValueWorkdays {
		if due, err = workdays.NextWorkday(due); err != nil {
			return 0, err
		}
	}
	return due, nil
}

// On is the version that holds on a day.
func (r *Rules) On(day ledger.Day) *Rule { return rulefile.At(r.versions, rulefile.StartOf(day)) }

// Examples names the versions that the file marks as examples.
func (r *Rules) Examples() []string { return rulefile.Examples(r.versions) }

// holds reports whether an operator's payout is held after a day with these TACs.
func (r *Rule) holds(t docket.TACs) bool {
	all := decimal.NewFromInt(t.Wrong).Add(decimal.NewFromInt(t.Verified))
	return t.Wrong >= r.WrongLeast && decimal.NewFromInt(t.Wrong).GreaterThan(r.WrongShare.Mul(all))
}

// Terms are the versions with their days.
func (r *Rules) Terms() []rulefile.Term { return rulefile.Terms(r.versions) }
