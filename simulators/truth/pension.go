package truth

import (
	"errors"
	"fmt"
	"time"

	"citycard/simulators/document"
)

// PensionRule is one version of the limits of a list of pensions, relative to the day on which it
// is booked: how many months its month may be before or after that day's month, how many days its
// payday may be before or after that day, how much one line may pay, and how many lines and how
// much money the list may have. The limits themselves are allowed.
type PensionRule struct {
	document.Head
	To          document.LastDay `json:"effective_to"`
	MonthsBack  int              `json:"months_back"`
	MonthsAhead int              `json:"months_ahead"`
	DaysBack    int              `json:"payday_days_back"`
	DaysAhead   int              `json:"payday_days_ahead"`
	PaydayOn    paydayOn         `json:"payday_on"`
	Person      int64            `json:"person_fen"`
	Lines       int              `json:"batch_lines"`
	Fen         int64            `json:"batch_fen"`
	document.Source

	days calendar
}

// paydayOn says on which days a payday may be.
type paydayOn string

const (
	anyDay  paydayOn = "any"
	workday paydayOn = "workday"
)

// check names a limit that is missing: no list at all would be allowed.
func (p PensionRule) check() error {
	switch {
	case p.PaydayOn == "":
		return errors.New("payday_on: missing, want any or workday")
	case p.Person < 1:
		return fmt.Errorf("person_fen: %d, want at least 1", p.Person)
	case p.Lines < 1:
		return fmt.Errorf("batch_lines: %d, want at least 1", p.Lines)
	case p.Fen < 1:
		return fmt.Errorf("batch_fen: %d, want at least 1", p.Fen)
	}
	return nil
}

// UnmarshalText reads one of the two words.
func (p *paydayOn) UnmarshalText(text []byte) error {
	if *p = paydayOn(text); *p != anyDay && *p != workday {
		return fmt.Errorf("payday_on %q, want any or workday", text)
	}
	return nil
}

// Pension is the version that holds on a day, if there is one.
func (r *Rules) Pension(day time.Time) (rule PensionRule, ok bool) {
	at := document.MomentOf(day)
	for _, v := range r.pension {
		if v.From <= at && at <= document.Moment(v.To) {
			v.days = r.days
			return v, true
		}
	}
	return PensionRule{}, false
}

// Refuses says why a list is refused as a whole on a day. It checks the month, then the payday,
// then the size, then the calendar, and returns "" if the list is not refused.
func (p *PensionRule) Refuses(day time.Time, month, payday string, lines int, fen int64) (reason string, err error) {
	paid, err := time.Parse("20060102", payday)
	if err != nil {
		return "", fmt.Errorf("payday: %w", err)
	}
	of, err := time.Parse("200601", month)
	if err != nil {
		return "", fmt.Errorf("month: %w", err)
	}
	date := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, time.UTC)
	first := date.AddDate(0, 0, 1-date.Day())
	switch {
	case of.Before(first.AddDate(0, -p.MonthsBack, 0)), of.After(first.AddDate(0, p.MonthsAhead, 0)):
		return "implausible_month", nil
	case paid.Before(date.AddDate(0, 0, -p.DaysBack)), paid.After(date.AddDate(0, 0, p.DaysAhead)):
		return "implausible_payday", nil
	case lines > p.Lines, fen > p.Fen:
		return "batch_too_large", nil
	}
	return p.refusesDay(payday), nil
}

// refusesDay is why a payday is none by the calendar, "" if it is one.
func (p *PensionRule) refusesDay(payday string) (reason string) {
	switch kind, known := p.days[payday]; {
	case p.PaydayOn != workday:
		return ""
	case !known:
		return "no_rule"
	case kind != "workday":
		return "payday_not_workday"
	}
	return ""
}

// Payday is the payday of a list that is sent on a day: that day, or the first after it that is one
// by the calendar, if the rule allows so late a payday.
func (p *PensionRule) Payday(day time.Time) time.Time {
	for n := range p.DaysAhead + 1 {
		if paid := day.AddDate(0, 0, n); p.refusesDay(paid.Format("20060102")) == "" {
			return paid
		}
	}
	return day
}
