package pension

import (
	"fmt"
	"time"

	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Month is a calendar month as YYYYMM, the form the payout lists use. The zero
// value means none.
type Month int32

// ParseMonth reads YYYYMM.
func ParseMonth(s string) (Month, error) {
	t, err := time.Parse("200601", s)
	if err != nil || t.Year() < 1900 {
		return 0, fmt.Errorf("month %q: want YYYYMM, from 190001", s)
	}
	return MonthOf(t), nil
}

// MonthOf is the calendar month of t, in t's location.
func MonthOf(t time.Time) Month { return Month(t.Year()*100 + int(t.Month())) }

// String is YYYYMM, or nothing for the zero value.
func (m Month) String() string {
	if m == 0 {
		return ""
	}
	return fmt.Sprintf("%06d", int32(m))
}

// Next is the month after m.
func (m Month) Next() Month {
	if m%100 == 12 {
		return m + 100 - 11
	}
	return m + 1
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

// State is the state of a person's entitlement.
type State string

// The states. A suspension ends with a certification, which moves
// CertifiedUntil; a stop is final.
const (
	Eligible  State = "eligible"
	Suspended State = "suspended"
	Stopped   State = "stopped"
)

// Entitlement is what the registry says about a person.
type Entitlement struct {
	State          State
	ApprovedFen    ledger.Fen // a month; 0 = no pension
	CertifiedUntil Month      // the last month the certification covers; 0 = never certified
	LastMonth      Month      // when stopped: the last month owed, that of the death; 0 = none
}

// Check is the first reason against amount being owed for month.
func (e Entitlement) Check(month Month, amount ledger.Fen) verdict.Reason {
	switch {
	case e.ApprovedFen <= 0, e.State == Stopped && month > e.LastMonth,
		e.State != Eligible && e.State != Suspended && e.State != Stopped:
		return verdict.NotEntitled
	case e.State == Suspended, month > e.CertifiedUntil:
		return verdict.CertificationLapsed
	case amount != e.ApprovedFen:
		return verdict.AmountDiffers
	}
	return verdict.None
}
