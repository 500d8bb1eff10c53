package medical

import (
	"fmt"
	"time"

	"citycard/clearing/verdict"
)

// maxFen is the largest amount the settlement interface can carry: its amount
// fields are decimal(16,2).
const maxFen = 1e16 - 1

// Person is what the registry says about a patient on the day of the claim.
type Person struct {
	Insurance Insurance
	Status    Status
}

// Claim is what the hospital asks for, in fen.
type Claim struct {
	Kind         Kind
	TotalFen     int64 // medfee_sumamt
	OwnPayFen    int64 // fulamt_ownpay_amt: outside the catalogue
	OverLimitFen int64 // overlmt_selfpay: above a price limit
	FirstPayFen  int64 // preselfpay_amt: the patient's first share of class B items
	InScopeFen   int64 // inscp_scp_amt: what the rules apply to
}

// refuse finds the first reason against a claim: a field, then the insurance, then the sum.
func (c Claim) refuse(person Person) verdict.Reason {
	for _, fen := range []int64{c.TotalFen, c.OwnPayFen, c.OverLimitFen, c.FirstPayFen, c.InScopeFen} {
		if fen < 0 || fen > maxFen {
			return verdict.InvalidField
		}
	}
	switch {
	case c.TotalFen == 0, c.Kind != Outpatient && c.Kind != Inpatient:
		return verdict.InvalidField
	case person.Insurance == None:
		return verdict.NotInsured
	case c.OwnPayFen+c.OverLimitFen+c.FirstPayFen+c.InScopeFen != c.TotalFen:
		return verdict.AmountsDisagree
	}
	return verdict.None
}

// Used is what one person has used of one kind of treatment in a year.
type Used struct {
	Settlements   int   // claims settled
	DeductibleFen int64 // deductibles borne
	FundFen       int64 // paid by the fund
}

// YearSoFar is what a person has used in one calendar year. The zero value is a
// person without a settled claim.
type YearSoFar struct {
	Year       int
	Inpatient  Used
	Outpatient Used
}

func (y YearSoFar) used(kind Kind) Used {
	if kind == Inpatient {
		return y.Inpatient
	}
	return y.Outpatient
}

// forDay gives the tally that counts on day: a new year starts from nothing. A
// day of an earlier year needs that year's own tally, so it is an error.
func (y YearSoFar) forDay(day time.Time) (YearSoFar, error) {
	switch year := day.Year(); {
	case y.Year == 0 || year > y.Year:
		return YearSoFar{Year: year}, nil
	case year < y.Year:
		return YearSoFar{}, fmt.Errorf("medical claim of %d against the tally of %d: pass the tally of the claim's year", year, y.Year)
	}
	return y, nil
}

// After carries the tally forward past a settled claim. It fails when day lies
// in a year before the tally's.
func (y YearSoFar) After(kind Kind, day time.Time, split Split) (YearSoFar, error) {
	next, err := y.forDay(day)
	if err != nil {
		return YearSoFar{}, err
	}
	used := &next.Outpatient
	if kind == Inpatient {
		used = &next.Inpatient
	}
	used.Settlements++
	used.DeductibleFen += split.DeductibleFen
	used.FundFen += split.FundFen
	return next, nil
}
