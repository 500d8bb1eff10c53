package load

import (
	"bytes"
	_ "embed"
	"slices"

	"citycard/clearing/rulefile"
	"citycard/ledger"
)

//go:embed zhengzhou.json
var example []byte

// Document is a document of what a purse may hold.
type Document = rulefile.File[Rule]

// Rules are all versions of what a purse may hold and how it is loaded, by their beginnings.
type Rules struct {
	versions  []Rule
	overdraft Overdraft
}

// Overdraft is how far below zero products let cards of a type go, or of any type, up to a moment.
type Overdraft func(cardType int, at rulefile.Moment) ledger.Fen

// AnyType is the type of a card that is not known.
const AnyType = -1

// Rule is one version. It is in force until the next begins. A moment before the first version
// is judged by the first, so that none is without a bound.
type Rule struct {
	rulefile.Since
	MaximumFen    ledger.Fen `json:"maximum_fen" jsonschema:"minimum=1,maximum=2147483647"`     // the most a purse may hold
	MultipleOfFen ledger.Fen `json:"multiple_of_fen" jsonschema:"minimum=1,maximum=2147483647"` // a load is a multiple of this
	// RefundAfterDays is how long a paid load must have been without a card's confirmation before
	// it may be refunded for that reason alone.
	RefundAfterDays int `json:"refund_after_days" jsonschema:"minimum=1,maximum=3650"`
	// CounterSingleFen is the largest single load of a channel that is a counter, as its contract
	// says; 0: what a purse may hold.
	CounterSingleFen ledger.Fen `json:"counter_single_fen,omitempty" jsonschema:"minimum=0,maximum=2147483647"`
	// MachineSingleFen is that of a machine.
	MachineSingleFen ledger.Fen `json:"machine_single_fen,omitempty" jsonschema:"minimum=0,maximum=2147483647"`
	// AgentSingleFen is that of an agent.
	AgentSingleFen ledger.Fen `json:"agent_single_fen,omitempty" jsonschema:"minimum=0,maximum=2147483647"`
	// OnlineSingleFen is that of an online channel.
	OnlineSingleFen ledger.Fen `json:"online_single_fen,omitempty" jsonschema:"minimum=0,maximum=2147483647"`
	// GroupCards is how many loads make an order one for a group, however small they are; 0: their
	// number does not.
	GroupCards int `json:"group_cards,omitempty" jsonschema:"minimum=0,maximum=5000"`
	// GroupFen is the sum that makes an order one for a group, however few its loads are; 0: it
	// does not.
	GroupFen ledger.Fen `json:"group_fen,omitempty" jsonschema:"minimum=0,maximum=1000000000000"`
	// GroupTransferFen is the sum from which a group pays by bank transfer; 0: it pays as it likes.
	GroupTransferFen ledger.Fen `json:"group_transfer_fen,omitempty" jsonschema:"minimum=0,maximum=1000000000000"`
	rulefile.Figures
}

// ExampleJSON is the rule file that ships with the program.
func ExampleJSON() []byte { return bytes.Clone(example) }

// LoadRules reads and checks a rule file. The error names every fault by version.
func LoadRules(data []byte) (*Rules, error) {
	versions, err := rulefile.Read(data, (*Rule).check)
	if err != nil {
		return nil, err
	}
	return &Rules{versions: versions}, nil
}

// check names what is wrong with the figures of a version.
func (r *Rule) check(where string) []error {
	return slices.Concat(
		rulefile.Range(where+".maximum_fen", r.MaximumFen, 1, 1<<31-1),
		rulefile.Range(where+".multiple_of_fen", r.MultipleOfFen, 1, r.MaximumFen),
		rulefile.Range(where+".refund_after_days", r.RefundAfterDays, 1, 3650),
		r.checkSingle(where), r.checkGroup(where), r.CheckSource(where),
	)
}

func (r *Rule) checkSingle(where string) []error {
	return slices.Concat(
		rulefile.Range(where+".counter_single_fen", r.CounterSingleFen, 0, 1<<31-1), rulefile.Range(where+".machine_single_fen", r.MachineSingleFen, 0, 1<<31-1),
		rulefile.Range(where+".agent_single_fen", r.AgentSingleFen, 0, 1<<31-1), rulefile.Range(where+".online_single_fen", r.OnlineSingleFen, 0, 1<<31-1),
	)
}

func (r *Rule) checkGroup(where string) []error {
	return slices.Concat(
		rulefile.Range(where+".group_cards", r.GroupCards, 0, MaxGroup),
		rulefile.Range(where+".group_fen", r.GroupFen, 0, mostLimit), rulefile.Range(where+".group_transfer_fen", r.GroupTransferFen, 0, mostLimit),
	)
}

// Single is the largest load of a kind of channel.
func (r *Rule) Single(kind ChannelKind) ledger.Fen {
	most := map[ChannelKind]ledger.Fen{OfCounter: r.CounterSingleFen, OfMachine: r.MachineSingleFen, OfAgent: r.AgentSingleFen, Online: r.OnlineSingleFen}[kind]
	if most == 0 {
		return r.MaximumFen
	}
	return most
}

// smallestSingle is the smallest of all kinds.
func (r *Rule) smallestSingle() ledger.Fen {
	return min(r.Single(OfCounter), r.Single(OfMachine), r.Single(OfAgent), r.Single(Online))
}

// At is the version that holds at a moment.
func (r *Rules) At(at rulefile.Moment) *Rule { return rulefile.At(r.versions, at) }

// PurseMaximum is what a purse may hold at a moment.
func (r *Rules) PurseMaximum(at rulefile.Moment) ledger.Fen { return r.At(at).MaximumFen }

// With are the same rules where products let cards go below zero.
func (r *Rules) With(overdraft Overdraft) *Rules { return &Rules{r.versions, overdraft} }

// Overdraft is how far below zero a card of a type may be at a moment.
func (r *Rules) Overdraft(cardType int, at rulefile.Moment) ledger.Fen {
	if r.overdraft == nil {
		return 0
	}
	return r.overdraft(cardType, at)
}

// own is a balance that a card has signed, without the allowance that is said to be counted in: as
// far as products give one.
func (r *Rules) own(signed, claimed uint32, at rulefile.Moment) ledger.Fen {
	return ledger.Fen(signed) - min(ledger.Fen(claimed), r.Overdraft(AnyType, at))
}

// Examples names the versions that the file marks as examples.
func (r *Rules) Examples() []string { return rulefile.Examples(r.versions) }

// Terms are the versions with their moments.
func (r *Rules) Terms() []rulefile.Term { return rulefile.Terms(r.versions) }
