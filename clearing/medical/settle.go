package medical

import (
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"citycard/clearing/verdict"
)

// Split is who pays a claim, in fen. Total = fund + account + cash; the
// deductible, the share and what lies over the ceiling are parts of what the
// patient bears, kept for the statement.
type Split struct {
	TotalFen       int64
	DeductibleFen  int64 // act_pay_dedc
	ShareFen       int64 // the patient's share inside the bands
	OverCeilingFen int64 // what the fund would have paid without its ceiling
	FundFen        int64 // fund_pay_sumamt
	AccountFen     int64 // acct_pay
	CashFen        int64 // psn_cash_pay
	RuleVersion    string
}

// PatientFen is psn_part_amt: what the fund does not pay.
func (s Split) PatientFen() int64 { return s.TotalFen - s.FundFen }

// Check checks the equations of a settlement against its claim. It fails on a split that was
// altered or wrongly computed, and names the equation.
func (s Split) Check(claim Claim) error {
	for _, part := range []struct {
		name string
		fen  int64
	}{
		{"deductible", s.DeductibleFen},
		{"share", s.ShareFen},
		{"over ceiling", s.OverCeilingFen},
		{"fund", s.FundFen},
		{"account", s.AccountFen},
		{"cash", s.CashFen},
	} {
		if part.fen < 0 {
			return fmt.Errorf("medical split: %s is %d fen, want 0 or more", part.name, part.fen)
		}
	}
	if s.TotalFen != claim.TotalFen {
		return fmt.Errorf("medical split: total %d fen, the claim has %d", s.TotalFen, claim.TotalFen)
	}
	if sum := s.FundFen + s.AccountFen + s.CashFen; sum != s.TotalFen {
		return fmt.Errorf("medical split: fund + account + cash = %d fen, want the total %d", sum, s.TotalFen)
	}
	if s.FundFen > claim.InScopeFen {
		return fmt.Errorf("medical split: fund %d fen, more than the %d in scope", s.FundFen, claim.InScopeFen)
	}
	borne := claim.OwnPayFen + claim.OverLimitFen + claim.FirstPayFen + s.DeductibleFen + s.ShareFen + s.OverCeilingFen
	if borne != s.PatientFen() {
		return fmt.Errorf("medical split: what the patient bears adds up to %d fen, want %d", borne, s.PatientFen())
	}
	return nil
}

// Settle splits a claim of person at a hospital of class on the calendar day of
// day. year is the person's tally before this claim, accountFen what the
// personal account holds (a negative balance pays nothing).
//
// A claim that cannot be settled has a reason and no split; NoRule says that the table has no row
// for it; the operator has to correct that, not the hospital. An error is the caller's mistake: the
// tally is of a later year than the claim, or the table splits wrongly.
func Settle(rules *Rules, person Person, class Class, year YearSoFar, claim Claim, day time.Time, accountFen int64) (Split, verdict.Reason, error) {
	if reason := claim.refuse(person); reason != verdict.None {
		return Split{}, reason, nil
	}
	v, ok := rules.at(day)
	if !ok {
		return Split{}, verdict.NoRule, nil
	}
	row, ok := v.schemes[schemeKey{person.Insurance, person.Status, claim.Kind, class}]
	if !ok {
		return Split{}, verdict.NoRule, nil
	}
	year, err := year.forDay(day)
	if err != nil {
		return Split{}, verdict.None, err
	}
	split := row.split(claim, year.used(claim.Kind), accountFen)
	split.RuleVersion = v.Name()
	if err := split.Check(claim); err != nil {
		return Split{}, verdict.None, err
	}
	return split, verdict.None, nil
}

func (s scheme) split(claim Claim, used Used, accountFen int64) Split {
	deductible := min(claim.InScopeFen, s.deductible(used))
	due := s.bandsPay(deductible, claim.InScopeFen)
	fund := due
	if s.hasCeiling {
		fund = min(due, max(0, s.ceilingFen-used.FundFen))
	}
	patient := claim.TotalFen - fund
	account := min(patient, max(0, accountFen))
	return Split{
		TotalFen:       claim.TotalFen,
		DeductibleFen:  deductible,
		ShareFen:       claim.InScopeFen - deductible - due,
		OverCeilingFen: due - fund,
		FundFen:        fund,
		AccountFen:     account,
		CashFen:        patient - account,
	}
}

// deductible is the deductible of the year's next settlement, rounded half-up to a whole fen.
func (s scheme) deductible(used Used) int64 {
	if used.Settlements == 0 || !s.readmission.Valid {
		return s.deductibleFen
	}
	return s.readmission.Decimal.Mul(decimal.NewFromInt(s.deductibleFen)).Round(0).IntPart()
}

// bandsPay is what the bands pay of the cost in (from, to]. The products with the ratios are summed
// exactly and rounded half-up to a whole fen here, once. The difference that rounding makes falls
// to the patient's share. The result cannot exceed to - from: the exact sum does not, and to - from
// is a whole number.
func (s scheme) bandsPay(from, to int64) int64 {
	var sum decimal.Decimal
	var below int64
	for _, b := range s.bands {
		top := to
		if b.upToFen != 0 {
			top = min(to, b.upToFen)
		}
		if width := top - max(from, below); width > 0 {
			sum = sum.Add(b.ratio.Mul(decimal.NewFromInt(width)))
		}
		below = b.upToFen
	}
	return sum.Round(0).IntPart()
}
