package medical

import (
	"fmt"
	"time"
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

// Codes of a refusal, in order of precedence.
const (
	CodeInvalidField    = "invalid_field"
	CodeNotInsured      = "not_insured"
	CodeAmountsDisagree = "amounts_disagree"
)

// Refusal says why a claim cannot be settled; the claim is at fault, not the
// rules. Callers find it with errors.As and pass its Code on to the hospital.
type Refusal struct {
	Code   string
	Detail string
}

func (r *Refusal) Error() string { return "medical claim refused: " + r.Code + ": " + r.Detail }

// NoRuleError says that the table has no row for a claim: the day lies outside
// every version, or the registry holds a person or hospital of an unknown kind.
// It is for the operator, not the hospital.
type NoRuleError struct {
	Day    string // YYYYMMDD
	Person Person
	Kind   Kind
	Class  Class
}

func (e *NoRuleError) Error() string {
	return fmt.Sprintf("medical rules: no row on %s for %s/%s/%s/%s; add one or correct the registry",
		e.Day, e.Person.Insurance, e.Person.Status, e.Kind, e.Class)
}

// refuse finds the first reason against a claim, or nil.
func (c Claim) refuse(person Person) *Refusal {
	for _, part := range []struct {
		name string
		fen  int64
	}{
		{"medfee_sumamt", c.TotalFen},
		{"fulamt_ownpay_amt", c.OwnPayFen},
		{"overlmt_selfpay", c.OverLimitFen},
		{"preselfpay_amt", c.FirstPayFen},
		{"inscp_scp_amt", c.InScopeFen},
	} {
		if part.fen < 0 || part.fen > maxFen {
			return &Refusal{CodeInvalidField, fmt.Sprintf("%s is %d fen, want 0 to %d", part.name, part.fen, int64(maxFen))}
		}
	}
	if c.TotalFen == 0 {
		return &Refusal{CodeInvalidField, "medfee_sumamt is 0 fen, want more"}
	}
	if c.Kind != Outpatient && c.Kind != Inpatient {
		return &Refusal{CodeInvalidField, fmt.Sprintf("kind is %q, want outpatient or inpatient", c.Kind)}
	}
	if person.Insurance == None {
		return &Refusal{CodeNotInsured, "the person has no insurance on the day of the claim"}
	}
	if sum := c.OwnPayFen + c.OverLimitFen + c.FirstPayFen + c.InScopeFen; sum != c.TotalFen {
		return &Refusal{CodeAmountsDisagree, fmt.Sprintf("medfee_sumamt is %d fen, its parts add up to %d", c.TotalFen, sum)}
	}
	return nil
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
