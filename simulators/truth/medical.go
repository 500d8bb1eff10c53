package truth

import (
	"errors"

	"citycard/simulators/document"
)

// medicalVersion is one version of the medical tables, which holds from one day to another.
type medicalVersion struct {
	document.Head
	To       document.LastDay `json:"effective_to"`
	Rounding rounding         `json:"rounding"` // of the fund's share
	Schemes  []scheme         `json:"schemes"`
}

// check names what is missing.
func (v medicalVersion) check() error {
	if v.Rounding == "" {
		return errors.New("rounding: missing, want half_up, down or up")
	}
	return nil
}

// scheme is what an insurance pays of one kind of claim in one class of hospital.
type scheme struct {
	Insurance   string        `json:"insurance"`
	Status      string        `json:"status"`
	Kind        string        `json:"kind"`
	Class       string        `json:"class"`
	Deductible  int64         `json:"deductible_fen"`
	Readmission *share        `json:"readmission_ratio"` // of the deductible, from the second time in the year; none: all of it
	Bands       []medicalBand `json:"bands"`
	Ceiling     *int64        `json:"ceiling_fen"` // of the fund in the year; none: no end
	document.Source
}

// medicalBand is the fund's share of in-scope costs up to a bound, counted from
// the claim's first fen.
type medicalBand struct {
	UpTo  int64 `json:"up_to_fen"` // 0: no end
	Ratio share `json:"ratio"`
}

// Patient is what the medical rules need to know about a person, and the benefits that the person
// has used in the year so far. It is not safe for concurrent use.
type Patient struct {
	Insurance string           `json:"insurance"` // employee, resident, none
	Status    string           `json:"status"`    // working, retired, resident
	Account   int64            `json:"account_fen"`
	Year      int              `json:"year"` // that the following belongs to
	Settled   map[string]int   `json:"settled,omitempty"`
	Fund      map[string]int64 `json:"fund_fen,omitempty"` // what the fund paid, by kind
}

// begin starts a year with nothing used.
func (p *Patient) begin(year int) {
	if p.Year != year || p.Settled == nil {
		p.Year, p.Settled, p.Fund = year, map[string]int{}, map[string]int64{}
	}
}

// Claim is what a desk asks for, in fen.
type Claim struct {
	Day       int    // YYYYMMDD
	Kind      string // outpatient, inpatient
	Class     string // of the hospital
	Total     int64
	OwnPay    int64
	OverLimit int64
	FirstPay  int64
	InScope   int64
}

// Split is who pays: fund + account + cash = total.
type Split struct{ Fund, Account, Cash int64 }

// Settle splits a claim by the tables of its day and records the amounts used. For a claim that is
// refused it returns the reason and changes nothing.
func (r *Rules) Settle(p *Patient, c Claim) (split Split, refused string) {
	if p.Insurance == "none" {
		return Split{}, "not_insured"
	}
	if c.Total != c.OwnPay+c.OverLimit+c.FirstPay+c.InScope {
		return Split{}, "amounts_disagree"
	}
	s, rounds, ok := r.scheme(p, c)
	if !ok {
		return Split{}, "no_rule"
	}
	p.begin(c.Day / 10_000)
	fund := s.fund(rounds, c.InScope, p.Settled[c.Kind] > 0)
	if s.Ceiling != nil {
		fund = min(fund, max(0, *s.Ceiling-p.Fund[c.Kind]))
	}
	split = Split{Fund: fund, Account: min(c.Total-fund, p.Account)}
	split.Cash = c.Total - split.Fund - split.Account
	p.Settled[c.Kind]++
	p.Fund[c.Kind] += split.Fund
	p.Account -= split.Account
	return split, ""
}

func (r *Rules) scheme(p *Patient, c Claim) (s scheme, rounds rounding, ok bool) {
	day := document.Midnight(c.Day)
	for _, v := range r.medical {
		if day < v.From || day > document.Moment(v.To) {
			continue
		}
		for _, s := range v.Schemes {
			if s.Insurance == p.Insurance && s.Status == p.Status && s.Kind == c.Kind && s.Class == c.Class {
				return s, v.Rounding, true
			}
		}
	}
	return scheme{}, "", false
}

// fund is the fund's share of the in-scope costs above the deductible, rounded once on the sum of
// the bands. A part of the deductible is rounded half-up to a whole fen.
func (s scheme) fund(rounds rounding, inScope int64, again bool) int64 {
	deductible := s.Deductible
	if again && s.Readmission != nil {
		deductible = halfUp.fen(exact{}.plus(deductible, *s.Readmission))
	}
	from, low, sum := min(inScope, deductible), int64(0), exact{}
	for _, b := range s.Bands {
		high := inScope
		if b.UpTo > 0 {
			high = min(inScope, b.UpTo)
		}
		if part := high - max(low, from); part > 0 {
			sum = sum.plus(part, b.Ratio)
		}
		low = b.UpTo
	}
	return rounds.fen(sum)
}
