package load

import (
	"fmt"
	"slices"
	"strings"

	"citycard/clearing/chart"
	"citycard/ledger"
)

// CapDiffers is a channel whose account may owe something else than its contract says.
type CapDiffers struct {
	Channel  string
	Cap      ledger.Fen  // the account's
	Contract *ledger.Fen // nil: it has none
}

// String is for the log.
func (d CapDiffers) String() string {
	if d.Contract == nil {
		return fmt.Sprintf("%s: cap %v yuan, no contract", d.Channel, d.Cap)
	}
	return fmt.Sprintf("%s: cap %v yuan, contract %v", d.Channel, d.Cap, *d.Contract)
}

// CapsThatDiffer are the channels whose accounts have other caps than their contracts of a day, by
// name. The authority holds both; what does not pass through it is held by the account alone.
func (c *Contracts) CapsThatDiffer(day ledger.Day, accounts []ledger.Account) (all []CapDiffers) {
	for i := range accounts {
		a := &accounts[i]
		if chart.KindOf(a.Code) != "channel" || a.Flags&ledger.Closed != 0 {
			continue
		}
		channel := Placer(a.Code).Channel()
		switch contract, ok := c.On(day, channel); {
		case !ok:
			all = append(all, CapDiffers{channel, a.Cap, nil})
		case contract.LimitFen != a.Cap:
			all = append(all, CapDiffers{channel, a.Cap, &contract.LimitFen})
		}
	}
	slices.SortFunc(all, func(a, b CapDiffers) int { return strings.Compare(a.Channel, b.Channel) })
	return all
}
