package main

import (
	"context"
	"slices"

	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// knownDay refuses a clearing day that the books do not have; 0, no day at all, passes.
func knownDay(ctx context.Context, books *ledger.Ledger, day ledger.Day) error {
	if day == 0 {
		return nil
	}
	days, err := books.Days(ctx)
	if err != nil {
		return err
	}
	return oneOf(days, day)
}

// oneOf refuses a day that is not in the list and names the days in it; 0 passes.
func oneOf(days []ledger.DayStatus, day ledger.Day) error {
	if day == 0 || slices.ContainsFunc(days, func(d ledger.DayStatus) bool { return d.Day == day }) {
		return nil
	}
	there := language.Textf("there are none")
	if n := len(days); n > 0 {
		there = language.Textf("there are %s to %s, citycard day status lists them", days[0].Day, days[n-1].Day)
	}
	return service.Fail("the books have no day %s", day.String()).Todo("%w", there)
}
