package pension

import (
	"bytes"
	_ "embed" // the example rules
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

//go:embed example.json
var example string

// ExampleJSON is the example payday file. It is no city's official rule.
func ExampleJSON() []byte { return []byte(example) }

const (
	dateLayout  = "20060102"
	maxLeadDays = 20
	shiftEarly  = "earlier"
	shiftLate   = "later"
)

// Paydays are the dated rules of when a month is paid.
type Paydays struct {
	versions []paydayVersion
}

type paydayVersion struct {
	Version       string   `json:"version"`
	EffectiveFrom string   `json:"effective_from"` // YYYYMM, the first month paid by it
	EffectiveTo   string   `json:"effective_to"`   // YYYYMM, the last; empty = open
	Day           int      `json:"day"`            // of the month paid for
	Shift         string   `json:"shift"`          // to the earlier or later working day
	BankLeadDays  int      `json:"bank_lead_days"` // working days before payday that the bank has the list
	Holidays      []string `json:"holidays"`       // weekdays without work
	WorkingDays   []string `json:"working_weekend_days"`
	Example       bool     `json:"example"`
	Source        string   `json:"source"`
}

// Payday is when a month is paid.
type Payday struct {
	Month   Month
	Day     string // YYYYMMDD, a working day
	SendBy  string // YYYYMMDD, the last day for the list to reach the bank
	Version string // of the rule
}

// LoadPaydays reads and validates a payday file. The error names every fault by
// version, row and field.
func LoadPaydays(data []byte) (*Paydays, error) {
	var file struct {
		Note     string          `json:"note"`
		Versions []paydayVersion `json:"versions"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("payday rules: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("payday rules: text after the closing brace")
	}
	if len(file.Versions) == 0 {
		return nil, errors.New("payday rules: versions: empty, want at least one")
	}
	var faults []error
	names := make(map[string]bool)
	for i, v := range file.Versions {
		where := fmt.Sprintf("versions[%d]", i)
		if v.Version == "" || names[v.Version] {
			faults = append(faults, fmt.Errorf("%s.version: %q, want a name, each once", where, v.Version))
		}
		names[v.Version] = true
		if i > 0 && (file.Versions[i-1].EffectiveTo == "" || file.Versions[i-1].EffectiveTo >= v.EffectiveFrom) {
			faults = append(faults, fmt.Errorf("%s.effective_from: %s, want a month after versions[%d].effective_to %q", where, v.EffectiveFrom, i-1, file.Versions[i-1].EffectiveTo))
		}
		faults = append(faults, v.check(where)...)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("payday rules: %w", err)
	}
	return &Paydays{versions: file.Versions}, nil
}

func (v paydayVersion) check(where string) []error {
	var faults []error
	add := func(err error) { faults = append(faults, err) }
	if _, err := ParseMonth(v.EffectiveFrom); err != nil {
		add(fmt.Errorf("%s.effective_from: %q, want YYYYMM", where, v.EffectiveFrom))
	}
	if v.EffectiveTo != "" {
		if _, err := ParseMonth(v.EffectiveTo); err != nil {
			add(fmt.Errorf("%s.effective_to: %q, want YYYYMM or nothing", where, v.EffectiveTo))
		} else if v.EffectiveTo < v.EffectiveFrom {
			add(fmt.Errorf("%s.effective_to: %s is before effective_from %s", where, v.EffectiveTo, v.EffectiveFrom))
		}
	}
	if v.Day < 1 || v.Day > 28 {
		add(fmt.Errorf("%s.day: %d, want 1 to 28, which every month has", where, v.Day))
	}
	if v.Shift != shiftEarly && v.Shift != shiftLate {
		add(fmt.Errorf("%s.shift: %q, want earlier or later", where, v.Shift))
	}
	if v.BankLeadDays < 0 || v.BankLeadDays > maxLeadDays {
		add(fmt.Errorf("%s.bank_lead_days: %d, want 0 to %d", where, v.BankLeadDays, maxLeadDays))
	}
	if v.Source == "" {
		add(fmt.Errorf("%s.source: empty, want where the rule comes from", where))
	}
	for i, s := range v.Holidays {
		if t, err := time.Parse(dateLayout, s); err != nil || isWeekend(t) {
			add(fmt.Errorf("%s.holidays[%d]: %q, want a date YYYYMMDD from Monday to Friday", where, i, s))
		}
	}
	for i, s := range v.WorkingDays {
		if t, err := time.Parse(dateLayout, s); err != nil || !isWeekend(t) {
			add(fmt.Errorf("%s.working_weekend_days[%d]: %q, want a date YYYYMMDD on a weekend", where, i, s))
		}
	}
	return faults
}

// Examples names the versions that the file marks as examples, which bind nobody.
func (p *Paydays) Examples() []string {
	var all []string
	for _, v := range p.versions {
		if v.Example {
			all = append(all, v.Version)
		}
	}
	return all
}

func isWeekend(t time.Time) bool {
	return t.Weekday() == time.Saturday || t.Weekday() == time.Sunday
}

// For is the payday of a month. It fails for a month that no version covers, and
// when the calendar leaves no working day within a month.
func (p *Paydays) For(month Month) (Payday, error) {
	text := month.String()
	if _, err := ParseMonth(text); err != nil {
		return Payday{}, err
	}
	for _, v := range p.versions {
		if v.EffectiveFrom <= text && (v.EffectiveTo == "" || text <= v.EffectiveTo) {
			return v.payday(month)
		}
	}
	return Payday{}, fmt.Errorf("payday rules: no version covers month %s", month)
}

func (v paydayVersion) payday(month Month) (Payday, error) {
	off := make(map[string]bool, len(v.Holidays))
	for _, s := range v.Holidays {
		off[s] = true
	}
	on := make(map[string]bool, len(v.WorkingDays))
	for _, s := range v.WorkingDays {
		on[s] = true
	}
	works := func(t time.Time) bool {
		s := t.Format(dateLayout)
		return on[s] || !isWeekend(t) && !off[s]
	}
	// walk goes in steps to the nearest working day, that day included.
	walk := func(t time.Time, days int) (time.Time, error) {
		for range 31 {
			if works(t) {
				return t, nil
			}
			t = t.AddDate(0, 0, days)
		}
		return time.Time{}, fmt.Errorf("payday rules %s: no working day within 31 days of %s", v.Version, t.Format(dateLayout))
	}
	direction := -1
	if v.Shift == shiftLate {
		direction = 1
	}
	day, err := walk(month.first(time.UTC).AddDate(0, 0, v.Day-1), direction)
	if err != nil {
		return Payday{}, err
	}
	send := day
	for range v.BankLeadDays {
		if send, err = walk(send.AddDate(0, 0, -1), -1); err != nil {
			return Payday{}, err
		}
	}
	return Payday{Month: month, Day: day.Format(dateLayout), SendBy: send.Format(dateLayout), Version: v.Version}, nil
}
