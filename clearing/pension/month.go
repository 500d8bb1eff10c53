package pension

import (
	"fmt"
	"time"

	"citycard/ledger"
)

// Month is a calendar month as YYYYMM, the form the payout lists use. The zero
// value means none.
type Month int32

// parseMonth reads YYYYMM.
func parseMonth(s string) (Month, error) {
	t, err := time.Parse("200601", s)
	if err != nil || t.Year() < 1900 {
		return 0, fmt.Errorf("month %q: want YYYYMM, from 190001", s)
	}
	return monthOf(t), nil
}

// monthOf is the calendar month of t, in t's location.
func monthOf(t time.Time) Month { return Month(t.Year()*100 + int(t.Month())) }

// String is YYYYMM, or nothing for the zero value.
func (m Month) String() string {
	if m == 0 {
		return ""
	}
	return fmt.Sprintf("%06d", int32(m))
}

// First and Last are the first and the last day of the month.
func (m Month) First() ledger.Day { return m.day(0) }
func (m Month) Last() ledger.Day  { return m.day(1).Add(-1) }

// day is the first of the month that comes so many months later.
func (m Month) day(later int) ledger.Day {
	return ledger.DayOf(time.Date(int(m/100), time.Month(int(m%100)+later), 1, 0, 0, 0, 0, time.UTC))
}

// since counts the months from another month to m; it is negative if m is the earlier one.
func (m Month) since(earlier Month) int {
	return (int(m/100)*12 + int(m%100)) - (int(earlier/100)*12 + int(earlier%100))
}
