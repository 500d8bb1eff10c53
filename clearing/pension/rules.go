package pension

import (
	_ "embed" // the example rules
	"fmt"
	"slices"

	"citycard/clearing/calendar"
	"citycard/clearing/rulefile"
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

// Document is a document of bounds of paydays.
type Document = rulefile.File[Bounds]

// Rules are all versions of the bounds of a payday, ordered by date, with the calendar of workdays.
type Rules struct {
	versions []Bounds
	workdays *calendar.Calendar
}

// Bounds are what a payday may ask for while they are in force. Both ends of each
// range belong to it.
type Bounds struct {
	rulefile.Between
	MonthsBack      int        `json:"months_back" jsonschema:"minimum=0,maximum=120"`          // a month before the clearing day's may be so old
	MonthsAhead     int        `json:"months_ahead" jsonschema:"minimum=0,maximum=12"`          // and a later one so far ahead
	PaydayDaysBack  int        `json:"payday_days_back" jsonschema:"minimum=0,maximum=366"`     // the payday against the clearing day
	PaydayDaysAhead int        `json:"payday_days_ahead" jsonschema:"minimum=0,maximum=366"`    // and after it
	PaydayOn        string     `json:"payday_on" jsonschema:"enum=any,enum=workday"`            // on which days a payday may be
	PersonFen       ledger.Fen `json:"person_fen" jsonschema:"minimum=1,maximum=1000000000000"` // the most that one line pays
	BatchLines      int        `json:"batch_lines" jsonschema:"minimum=1,maximum=20000"`        // the most lines of a list
	BatchFen        ledger.Fen `json:"batch_fen" jsonschema:"minimum=1,maximum=1000000000000"`  // the most that a list asks for
	rulefile.Figures
}

// LoadRules reads and checks a rule file. The error names every fault by version
// and field.
func LoadRules(data []byte) (*Rules, error) {
	versions, err := rulefile.Read(data, (*Bounds).check)
	if err != nil {
		return nil, err
	}
	return &Rules{versions, new(calendar.Calendar)}, nil
}

// With are the same rules with another calendar; LoadRules gives them one that knows no day.
func (r *Rules) With(workdays *calendar.Calendar) *Rules { return &Rules{r.versions, workdays} }

// On which days a payday may be.
const (
	anyDay      = "any"
	onlyWorkday = "workday"
)

// check names what is wrong with the bounds of one version.
func (b *Bounds) check(where string) []error {
	const years, days, fen = 120, 366, 1_000_000_000_000
	return slices.Concat(
		rulefile.Range(where+".months_back", b.MonthsBack, 0, years),
		rulefile.Range(where+".months_ahead", b.MonthsAhead, 0, 12),
		rulefile.Range(where+".payday_days_back", b.PaydayDaysBack, 0, days),
		rulefile.Range(where+".payday_days_ahead", b.PaydayDaysAhead, 0, days),
		checkPaydayOn(where+".payday_on", b.PaydayOn),
		rulefile.Range(where+".person_fen", b.PersonFen, 1, fen),
		rulefile.Range(where+".batch_lines", b.BatchLines, 1, MaxLines),
		rulefile.Range(where+".batch_fen", b.BatchFen, b.PersonFen, fen),
		b.CheckSource(where),
	)
}

func checkPaydayOn(where, value string) []error {
	if value != anyDay && value != onlyWorkday {
		return []error{fmt.Errorf("%s: %q, want %s or %s", where, value, anyDay, onlyWorkday)}
	}
	return nil
}

// On finds the bounds in force on a day.
func (r *Rules) On(day ledger.Day) (*Bounds, bool) { return rulefile.Holding(r.versions, day) }

// Examples names the versions that the file marks as examples: figures that nobody
// answers for. A city that pays real pensions must have none.
func (r *Rules) Examples() []string { return rulefile.Examples(r.versions) }

// List is what a list says of itself.
type List struct {
	Month  Month
	Payday ledger.Day
	Lines  int
	Fen    ledger.Fen // of all its lines
}

// Check is the first reason against a list on a clearing day, and the bounds in force then.
func (r *Rules) Check(clearing ledger.Day, l List) (*Bounds, verdict.Reason) {
	b, ok := r.On(clearing)
	if !ok {
		return nil, verdict.NoRule
	}
	if reason := b.Check(clearing, l); reason != verdict.None || b.PaydayOn != onlyWorkday {
		return b, reason
	}
	switch kind, err := r.workdays.Kind(l.Payday); {
	case err != nil: // the calendar does not have that year
		return b, verdict.NoRule
	case kind != calendar.Workday:
		return b, verdict.PaydayNotWorkday
	}
	return b, verdict.None
}

// Check is the first reason against a list on a clearing day, but for the calendar. A month or a
// payday far from the day is a typing error or worse, and it would pay every pensioner at once.
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

// checkAmount is the reason against a line of this amount.
func (b *Bounds) checkAmount(fen ledger.Fen) verdict.Reason {
	if fen > b.PersonFen {
		return verdict.PensionTooHigh
	}
	return verdict.None
}

// Terms are the versions with their days.
func (r *Rules) Terms() []rulefile.Term { return rulefile.Terms(r.versions) }
