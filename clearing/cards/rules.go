package cards

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"

	"citycard/clearing/rulefile"
	"citycard/clearing/transit/load"
	"citycard/ledger"
)

//go:embed example.json
var example []byte

// Document is a document of products.
type Document = rulefile.File[Rule]

// Rules are all versions of what is sold, by their days.
type Rules struct{ versions []Rule }

// Rule is one version. It is in force until the next begins; for a day before the first, the first
// counts.
type Rule struct {
	rulefile.SinceDay
	Products []Product `json:"products" jsonschema:"minItems=1"` // what is sold
	// ShiftDifferenceFen is what one person says alone in a day that shifts are over or short,
	// together; more takes two people.
	ShiftDifferenceFen ledger.Fen `json:"shift_difference_fen,omitempty" jsonschema:"minimum=0,maximum=100000000" doc:"What one person says alone in a day that the cash of shifts is over or short, together; more takes two people"`
	// MonthDifferenceFen is the same of a month; 0: as much as in a day.
	MonthDifferenceFen ledger.Fen `json:"month_difference_fen,omitempty" jsonschema:"minimum=0,maximum=100000000" doc:"The same in a month; left out: as much as in a day"`
	// ListingsClerk is how many cards a clerk may have listed a day of which nobody shows that they
	// are theirs; 0: any number.
	ListingsClerk int64 `json:"listings_clerk,omitempty" jsonschema:"minimum=0,maximum=1000000" doc:"Cards that a clerk may have listed a day without a proof of whose they are; 0: any number"`
	// ListingsChannel is how many all of a channel may have listed so; 0: any number.
	ListingsChannel int64 `json:"listings_channel,omitempty" jsonschema:"minimum=0,maximum=1000000" doc:"The same of a channel; 0: any number"`
	rulefile.Figures
}

// Product is a type of card as it is sold.
type Product struct {
	ID                string     `json:"id" jsonschema:"maxLength=40,pattern=^[A-Za-z0-9.-]+$" doc:"Its name in orders"`                                                                                                                  // its name in orders
	Name              string     `json:"name" jsonschema:"minLength=1,maxLength=100" doc:"In Chinese"`                                                                                                                                    // in Chinese
	NameEn            string     `json:"name_en,omitempty" jsonschema:"maxLength=100" doc:"In English"`                                                                                                                                   // in English; may be missing
	CardType          uint32     `json:"card_type" jsonschema:"minimum=0,maximum=255" doc:"As the registry has it of its cards"`                                                                                                          // as the registry has it of its cards
	PriceFen          ledger.Fen `json:"price_fen" jsonschema:"minimum=0,maximum=100000000"`                                                                                                                                              // the card is sold for
	DepositFen        ledger.Fen `json:"deposit_fen" jsonschema:"minimum=0,maximum=100000000" doc:"Held as long as the card is out"`                                                                                                      // held as long as the card is out
	FeeFen            ledger.Fen `json:"fee_fen" jsonschema:"minimum=0,maximum=100000000" doc:"For issuing it"`                                                                                                                           // for issuing it
	ReplacementFeeFen ledger.Fen `json:"replacement_fee_fen" jsonschema:"minimum=0,maximum=100000000" doc:"For another card in its place"`                                                                                                // for another card in its place
	GiveBack          bool       `json:"give_back,omitempty" doc:"What is held above deposit_fen is given back to who asks"`                                                                                                              // true if what is held of a card above deposit_fen is given back to who asks for it
	ExtendMonths      int        `json:"extend_months" jsonschema:"minimum=0,maximum=600" doc:"By how many months it is extended; 0: never"`                                                                                              // by how many months it is extended; 0: never
	Registered        bool       `json:"registered,omitempty" doc:"It is a person's, and can be reported lost"`                                                                                                                           // true if it is a person's: only such a card can be reported lost
	Refundable        bool       `json:"refundable,omitempty" doc:"It can be returned"`                                                                                                                                                   // true if it can be returned
	WaitWorkdays      int        `json:"wait_workdays" jsonschema:"minimum=1,maximum=60" doc:"Workdays until the balance of a card that cannot be presented is paid or comes onto another"`                                               // workdays until the balance of a lost or unreadable card is paid or comes onto another one: by then late taps have come
	BriefDays         int        `json:"brief_days" jsonschema:"minimum=1,maximum=60" doc:"Days after which a loss that was reported for now lapses"`                                                                                     // days after which a loss that was reported for now lapses
	InactiveMonths    int        `json:"inactive_months" jsonschema:"minimum=0,maximum=600" doc:"Months without a use after which it is inactive; 0: never"`                                                                              // months without a use after which it is inactive; 0: never
	NoticeDays        int        `json:"notice_days,omitempty" jsonschema:"minimum=0,maximum=3650" doc:"Days after that until its balance goes to an account of its own, where it stays until the card is used; 0: never"`                // days after that until its balance goes to another account; 0: never
	AloneFen          ledger.Fen `json:"alone_fen,omitempty" jsonschema:"minimum=0,maximum=100000000" doc:"What one clerk gives back alone, or has go over to another card; more takes two people, and all of it where this is left out"` // what one clerk gives back alone, or has go over to another card; more takes two people, and all of it where this is left out
	OverdraftFen      ledger.Fen `json:"overdraft_fen,omitempty" jsonschema:"minimum=0,maximum=16777215" doc:"How far below zero its purse is made to go; 0: not at all"`                                                                 // with which limit its cards are made; 0: none
	SocialSecurity    bool       `json:"social_security,omitempty" doc:"It has a social-security function, and a bank's"`                                                                                                                 // true if it has a social-security function, and a bank's
}

// Personal reports whether the card is a person's.
func (p *Product) Personal() bool { return p.Registered || p.SocialSecurity }

// Line is what an amount is for.
type Line string

// The lines of what something costs.
const (
	Price   Line = "price"
	Fee     Line = "fee"
	Deposit Line = "deposit"
	Purse   Line = "purse"
)

// ExampleJSON is the rule file that ships with the program.
func ExampleJSON() []byte { return bytes.Clone(example) }

// LoadRules reads and checks a rule file. The error names every fault by version.
func LoadRules(data []byte) (*Rules, error) {
	versions, err := rulefile.Read(data, (*Rule).check)
	if err != nil {
		return nil, err
	}
	return &Rules{versions}, nil
}

const (
	mostFen    = 100_000_000
	mostMonths = 600
	mostDays   = 60
	mostNotice = 3650
	mostListed = 1_000_000

	mostOverdraft = 1<<24 - 1 // the card has three bytes for it
)

// check names what is wrong with a version.
func (r *Rule) check(where string) []error {
	faults := r.CheckSource(where)
	if len(r.Products) == 0 {
		faults = append(faults, fmt.Errorf("%s.products: empty, want at least one", where))
	}
	faults = append(faults, rulefile.Range(where+".shift_difference_fen", r.ShiftDifferenceFen, 0, mostFen)...)
	faults = append(faults, rulefile.Range(where+".month_difference_fen", r.MonthDifferenceFen, 0, mostFen)...)
	faults = append(faults, rulefile.Range(where+".listings_clerk", r.ListingsClerk, 0, mostListed)...)
	faults = append(faults, rulefile.Range(where+".listings_channel", r.ListingsChannel, 0, mostListed)...)
	seen, names := map[string]bool{}, rulefile.Names{}
	for i := range r.Products {
		p, at := &r.Products[i], fmt.Sprintf("%s.products[%d]", where, i)
		if seen[p.ID] {
			faults = append(faults, fmt.Errorf("%s.id: %q again, want each once", at, p.ID))
		}
		seen[p.ID] = true
		faults = append(faults, names.Check(at+".name", p.Name)...)
		faults = append(faults, p.check(at)...)
	}
	return faults
}

func (p *Product) check(at string) (faults []error) {
	if !rulefile.IsName(p.ID) {
		faults = append(faults, fmt.Errorf("%s.id: %q, want a name of 1 to 40 letters, digits, dots or hyphens", at, p.ID))
	}
	return slices.Concat(
		faults,
		rulefile.CheckOptionalName(at+".name_en", p.NameEn),
		rulefile.Range(at+".card_type", p.CardType, 0, 255),
		rulefile.Range(at+".price_fen", p.PriceFen, 0, mostFen),
		rulefile.Range(at+".deposit_fen", p.DepositFen, 0, mostFen),
		rulefile.Range(at+".fee_fen", p.FeeFen, 0, mostFen),
		rulefile.Range(at+".replacement_fee_fen", p.ReplacementFeeFen, 0, mostFen),
		rulefile.Range(at+".extend_months", p.ExtendMonths, 0, mostMonths),
		rulefile.Range(at+".wait_workdays", p.WaitWorkdays, 1, mostDays),
		rulefile.Range(at+".brief_days", p.BriefDays, 1, mostDays),
		rulefile.Range(at+".inactive_months", p.InactiveMonths, 0, mostMonths),
		rulefile.Range(at+".alone_fen", p.AloneFen, 0, mostFen),
		rulefile.Range(at+".notice_days", p.NoticeDays, 0, mostNotice),
		rulefile.Range(at+".overdraft_fen", p.OverdraftFen, 0, mostOverdraft),
	)
}

// On is the version that holds on a day.
func (r *Rules) On(day ledger.Day) *Rule { return rulefile.At(r.versions, rulefile.StartOf(day)) }

// Product finds a product in a version.
func (r *Rule) Product(id string) (Product, bool) {
	for _, p := range r.Products {
		if p.ID == id {
			return p, true
		}
	}
	return Product{}, false
}

// Product is a product on a day or, where it is sold no more, as it was sold last.
func (r *Rules) Product(id string, day ledger.Day) (Product, bool) {
	if p, sold := r.On(day).Product(id); sold {
		return p, true
	}
	for _, v := range slices.Backward(r.versions) {
		if p, was := v.Product(id); was && v.Begins() <= rulefile.StartOf(day) {
			return p, true
		}
	}
	return Product{}, false
}

// Overdraft is how far below zero cards of a type, or of any, may be, by all versions that have
// begun: a card keeps the limit with which it was made.
func (r *Rules) Overdraft(cardType int, at rulefile.Moment) (most ledger.Fen) {
	for i, v := range r.versions {
		if i > 0 && v.Begins() > at {
			break
		}
		for _, p := range v.Products {
			if cardType == load.AnyType || int(p.CardType) == cardType {
				most = max(most, p.OverdraftFen)
			}
		}
	}
	return most
}

// Examples names the versions that the file marks as examples.
func (r *Rules) Examples() []string { return rulefile.Examples(r.versions) }

// Terms are the versions with their days.
func (r *Rules) Terms() []rulefile.Term { return rulefile.Terms(r.versions) }
