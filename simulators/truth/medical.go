package truth

import "fmt"

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
	Year      int    // calendar year of its date
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

// Settle splits a claim and records the amounts used. For a claim that the rules refuse it returns
// the reason and changes nothing.
func (r *Rules) Settle(p *Patient, c Claim) (split Split, refused string, err error) {
	if p.Insurance == "none" {
		return Split{}, "not_insured", nil
	}
	if c.Total != c.OwnPay+c.OverLimit+c.FirstPay+c.InScope {
		return Split{}, "amounts_disagree", nil
	}
	s, err := r.scheme(p, c)
	if err != nil {
		return Split{}, "", err
	}
	p.begin(c.Year)
	fund := s.fund(c.InScope, p.Settled[c.Kind] > 0)
	if s.Ceiling > 0 {
		fund = min(fund, max(0, s.Ceiling-p.Fund[c.Kind]))
	}
	split = Split{Fund: fund, Account: min(c.Total-fund, p.Account)}
	split.Cash = c.Total - split.Fund - split.Account
	p.Settled[c.Kind]++
	p.Fund[c.Kind] += split.Fund
	p.Account -= split.Account
	return split, "", nil
}

func (r *Rules) scheme(p *Patient, c Claim) (scheme, error) {
	for _, s := range r.Medical {
		if s.Insurance == p.Insurance && s.Status == p.Status && s.Kind == c.Kind && s.Class == c.Class {
			return s, nil
		}
	}
	return scheme{}, fmt.Errorf("no medical rule for %s %s, %s in class %s", p.Insurance, p.Status, c.Kind, c.Class)
}

// fund is the fund's share of the in-scope costs above the deductible, rounded
// half-up once on the sum of the bands.
func (s scheme) fund(inScope int64, again bool) int64 {
	deductible := s.Deductible
	if again && s.Readmission > 0 {
		deductible = (deductible*s.Readmission + 50) / 100
	}
	from, low, hundredths := min(inScope, deductible), int64(0), int64(0)
	for _, b := range s.Bands {
		high := inScope
		if b.UpTo > 0 {
			high = min(inScope, b.UpTo)
		}
		if part := high - max(low, from); part > 0 {
			hundredths += part * b.Percent
		}
		low = b.UpTo
	}
	return (hundredths + 50) / 100
}
