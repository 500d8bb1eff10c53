package load

import (
	"bytes"
	_ "embed" // the example contracts
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"citycard/clearing/rulefile"
	"citycard/ledger"
)

//go:embed contracts.json
var exampleContracts []byte

// ChannelKind is what a channel is to its customers.
type ChannelKind string

// The kinds of channels.
const (
	OfCounter ChannelKind = "counter"
	OfMachine ChannelKind = "machine"
	OfAgent   ChannelKind = "agent"
	Online    ChannelKind = "online"
)

// ContractsDocument is a document of the contracts with top-up channels.
type ContractsDocument = rulefile.File[ContractsRule]

// Contracts are the contracts with top-up channels, by date.
type Contracts struct{ versions []ContractsRule }

// ContractsRule is one version. It is in force until the next begins; for a day before the first,
// the first counts.
type ContractsRule struct {
	rulefile.SinceDay
	// Contracts has each channel at most once. One that is not here gets no commission.
	Contracts []Contract `json:"contracts" jsonschema:"minItems=1"`
	rulefile.Figures
}

// Contract is what is agreed with one channel.
type Contract struct {
	Channel string `json:"channel" jsonschema:"maxLength=40,pattern=^[A-Za-z0-9.-]+$"` // its id in the registry
	// Kind is what it is to its customers.
	Kind ChannelKind `json:"kind" jsonschema:"enum=counter,enum=machine,enum=agent,enum=online"`
	// CommissionShare is the share of a day's loads that the channel earns; the day's amount is
	// rounded down to whole fen.
	CommissionShare decimal.Decimal `json:"commission_share" jsonschema:"pattern=^(0(\\.[0-9]{1\\,9})?|1(\\.0{1\\,9})?)$"`
	// CommissionFen is what it earns for each load.
	CommissionFen ledger.Fen `json:"commission_fen" jsonschema:"minimum=0,maximum=100000000"`
	// LimitFen is how much it may owe; 0: it pays before it loads.
	LimitFen ledger.Fen `json:"limit_fen" jsonschema:"minimum=0,maximum=1000000000000"`
	// Acts are what its counters may do, as the API names it: load, and the acts on cards. What
	// gives cash out or changes a social-security card is for a counter alone.
	Acts []string `json:"acts" jsonschema:"minItems=1,pattern=^(load|sell|report_loss|report_loss_for_now|find|replace|extend|return|hand_in|refund|cut_deposit|unblock_pin|activate_social|suspend_social)$"`
}

// LoadAct is the act of a contract by which a channel loads cards.
const LoadAct = "load"

// Acts are all that contracts may name, and whether a channel of any kind may have it.
func Acts() map[string]bool {
	return map[string]bool{
		LoadAct: true, "sell": true, "report_loss": true, "report_loss_for_now": true, "find": true, "replace": true, "extend": true, "hand_in": true, "unblock_pin": true,
		"return": false, "refund": false, "cut_deposit": false, "activate_social": false, "suspend_social": false,
	}
}

// May reports whether the channel may do something.
func (c *Contract) May(act string) bool { return slices.Contains(c.Acts, act) }

const mostLimit, mostCommission = 1_000_000_000_000, 100_000_000

// ExampleContractsJSON is the example file of contracts.
func ExampleContractsJSON() []byte { return bytes.Clone(exampleContracts) }

// LoadContracts reads and checks a file of contracts. The error names every fault by version.
func LoadContracts(data []byte) (*Contracts, error) {
	versions, err := rulefile.Read(data, (*ContractsRule).check)
	if err != nil {
		return nil, err
	}
	return &Contracts{versions}, nil
}

func (r *ContractsRule) check(where string) []error {
	faults := r.CheckSource(where)
	if len(r.Contracts) == 0 {
		faults = append(faults, fmt.Errorf("%s.contracts: empty, want at least one", where))
	}
	seen := map[string]bool{}
	for i := range r.Contracts {
		c, at := &r.Contracts[i], fmt.Sprintf("%s.contracts[%d]", where, i)
		faults = append(faults, c.check(at)...)
		if seen[c.Channel] {
			faults = append(faults, fmt.Errorf("%s.channel: %q is there twice, want one contract of each channel", at, c.Channel))
		}
		seen[c.Channel] = true
	}
	return faults
}

// check names what is wrong with a contract.
func (c *Contract) check(at string) (faults []error) {
	if !isLabel(c.Channel) {
		faults = append(faults, fmt.Errorf("%s.channel: %q, want 1 to 40 letters, digits, points and hyphens", at, c.Channel))
	}
	if !slices.Contains([]ChannelKind{OfCounter, OfMachine, OfAgent, Online}, c.Kind) {
		faults = append(faults, fmt.Errorf("%s.kind: %q, want counter, machine, agent or online", at, c.Kind))
	}
	if !rulefile.IsShare(c.CommissionShare) {
		faults = append(faults, fmt.Errorf("%s.commission_share: want a share from 0 to 1, with at most 9 decimals", at))
	}
	faults = append(faults, c.checkActs(at)...)
	faults = append(faults, rulefile.Range(at+".commission_fen", c.CommissionFen, 0, mostCommission)...)
	faults = append(faults, rulefile.Range(at+".limit_fen", c.LimitFen, 0, mostLimit)...)
	return faults
}

func (c *Contract) checkActs(at string) (faults []error) {
	if len(c.Acts) == 0 {
		faults = append(faults, fmt.Errorf("%s.acts: empty, want what the channel may do", at))
	}
	for i, act := range c.Acts {
		anybody, known := Acts()[act]
		switch {
		case !known:
			faults = append(faults, fmt.Errorf("%s.acts[%d]: %q, want one of %s", at, i, act, strings.Join(slices.Sorted(maps.Keys(Acts())), ", ")))
		case !anybody && c.Kind != OfCounter:
			faults = append(faults, fmt.Errorf("%s.acts[%d]: %q is for a channel of kind counter alone", at, i, act))
		case slices.Index(c.Acts, act) != i:
			faults = append(faults, fmt.Errorf("%s.acts[%d]: %q is there twice", at, i, act))
		}
	}
	return faults
}

func isLabel(text string) bool {
	return text != "" && len(text) <= 40 && !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '.' && r != '-'
	})
}

// Commission is what the channel earns for a day's loads.
func (c *Contract) Commission(loads int64, sum ledger.Fen) ledger.Fen {
	share := c.CommissionShare.Mul(decimal.NewFromInt(int64(sum))).Floor().IntPart()
	return ledger.Fen(share) + ledger.Fen(loads)*c.CommissionFen
}

// On is the contract of a channel on a day; ok is false where there is none.
func (c *Contracts) On(day ledger.Day, channel string) (of Contract, ok bool) {
	return c.at(rulefile.StartOf(day), channel)
}

func (c *Contracts) at(at rulefile.Moment, channel string) (of Contract, ok bool) {
	list := rulefile.At(c.versions, at).Contracts
	i := slices.IndexFunc(list, func(c Contract) bool { return c.Channel == channel })
	if i < 0 {
		return of, false
	}
	return list[i], true
}

// Version names the version that holds on a day.
func (c *Contracts) Version(day ledger.Day) string {
	return rulefile.At(c.versions, rulefile.StartOf(day)).Name()
}

// Examples names the versions that the file marks as examples.
func (c *Contracts) Examples() []string { return rulefile.Examples(c.versions) }

// Terms are the versions with their days.
func (c *Contracts) Terms() []rulefile.Term { return rulefile.Terms(c.versions) }
