package pension

import (
	"fmt"
	"time"
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

// since counts the months from an earlier one to m; below zero where m is the earlier.
func (m Month) since(earlier Month) int {
	return (int(m/100)*12 + int(m%100)) - (int(earlier/100)*12 + int(earlier%100))
}

// State is where a person's entitlement stands.
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
	ApprovedFen    int64 // a month; 0 = no pension
	CertifiedUntil Month // the last month the certification covers; 0 = never certified
	LastMonth      Month // when stopped: the last month owed, that of the death; 0 = none
}

// Codes of a refusal, in order of precedence: the first three are of a whole list, the
// others of one line. NotPaid belongs to bank answers, NotReturned to payments that
// repeat a returned one.
const (
	CodeMonth         = "implausible_month"
	CodePayday        = "implausible_payday"
	CodeBatchTooLarge = "batch_too_large"

	CodeNotEntitled         = "not_entitled"
	CodeCertificationLapsed = "certification_lapsed"
	CodeAmountDiffers       = "amount_differs"
	CodePensionTooHigh      = "pension_too_high"
	CodeNotPaid             = "not_paid"
	CodeNotReturned         = "not_returned"
)

// Refusal says why a line is not paid, or a return not accepted. Callers find
// it with errors.As and pass its Code on.
type Refusal struct {
	Code   string
	Detail string
}

func (r *Refusal) Error() string { return "pension line refused: " + r.Code + ": " + r.Detail }

// Check says whether amountFen is owed for month: nil, or the first reason
// against it.
func (e Entitlement) Check(month Month, amountFen int64) *Refusal {
	switch {
	case e.ApprovedFen <= 0:
		return &Refusal{CodeNotEntitled, "no pension is approved"}
	case e.State == Stopped && month > e.LastMonth:
		return &Refusal{CodeNotEntitled, fmt.Sprintf("stopped; month %s is not owed", month)}
	case e.State != Eligible && e.State != Suspended && e.State != Stopped:
		return &Refusal{CodeNotEntitled, fmt.Sprintf("state is %q, want eligible, suspended or stopped", e.State)}
	case e.State == Suspended:
		return &Refusal{CodeCertificationLapsed, "suspended until the person is certified again"}
	case month > e.CertifiedUntil:
		return &Refusal{CodeCertificationLapsed, fmt.Sprintf("certified until %q, month is %s", e.CertifiedUntil, month)}
	case amountFen != e.ApprovedFen:
		return &Refusal{CodeAmountDiffers, fmt.Sprintf("line has %d fen, %d are approved", amountFen, e.ApprovedFen)}
	}
	return nil
}
