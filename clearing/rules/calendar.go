package rules

import (
	"errors"
	"fmt"

	"citycard/clearing/calendar"
	"citycard/ledger"
)

// ValueDate is the day on which an operator's money of a cleared day is due. Once that day has
// come, every later edition gives the same: neither the days nor the figures up to it may change.
// The error is a *calendar.MissingYearError.
func (s *Set) ValueDate(cleared ledger.Day) (ledger.Day, error) {
	return s.Payouts.ValueDate(s.Calendar, cleared)
}

// Covers returns an error unless the calendar has the year of a day and the years in which later
// versions of the other documents begin.
func (s *Set) Covers(today ledger.Day) error { return errors.Join(s.uncovered(today)...) }

// uncovered names the years that the calendar lacks, each with the reason for which it is needed.
func (s *Set) uncovered(today ledger.Day) (faults []error) {
	if _, err := s.Calendar.Kind(today); err != nil {
		faults = append(faults, fmt.Errorf("%s: %s: %w", Calendar.File(), today, err))
	}
	for _, kind := range Kinds() {
		for _, t := range s.Terms(kind) {
			if begins := t.First.Day(); kind != Calendar && begins > today {
				if _, err := s.Calendar.Kind(begins); err != nil {
					faults = append(faults, fmt.Errorf("%s: %s begins on %s: %w", kind.File(), t.Name, begins, err))
				}
			}
		}
	}
	return faults
}

// keepsDays names the first day up to a last one that the calendar makes another kind of day than
// the one before it did. A day that no calendar had may get its kind, even when it has passed:
// otherwise a calendar that comes too late would never come.
func (s *Set) keepsDays(before *Set, last ledger.Day) (faults []error) {
	var first calendar.Change
	changed := 0
	for _, change := range s.Calendar.Changes(before.Calendar) {
		if change.Date > last || change.Was == "" || change.Was == change.Is {
			continue
		}
		if changed++; changed == 1 {
			first = change
		}
	}
	switch {
	case changed == 0:
		return nil
	case first.Is == "":
		first.Is = "missing"
	}
	return []error{fmt.Errorf("%s: %s would be %s and was %s (days changed: %d); want the kinds of days up to %s unchanged",
		Calendar.File(), first.Date, first.Is, first.Was, changed, last)}
}
