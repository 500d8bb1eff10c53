package plan

import (
	"fmt"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/network"
	"citycard/simulators/truth"
)

// Day holds the settings of a day, for both kinds of city.
type Day struct {
	Dir     string // the data directory where the city was issued
	City    City
	Network *network.Network
	Keys    *keys.Store
	Fares   *message.FareTable
	Date    time.Time // midnight, in the city's zone
	Shares  Shares
	Rides   int // per card, roughly; 0: the package's default
	// Progress is called with the progress of a phase, from several goroutines; it may be nil.
	Progress func(phase string, done, total int)
}

// Prices are the truth's own rules and fares. A fare table with a price that differs from theirs is
// refused.
func (d *Day) Prices() (*truth.Rules, *truth.Fares, error) {
	rules, err := truth.Example()
	if err != nil {
		return nil, nil, err
	}
	fares, err := truth.NewFares(rules, d.Network)
	if err != nil {
		return nil, nil, err
	}
	if err := fares.CheckTable(d.Fares); err != nil {
		return nil, nil, fmt.Errorf("the fares are not those of this city: %w", err)
	}
	return rules, fares, nil
}

// Report tells Progress.
func (d *Day) Report(phase string, done, total int) {
	if d.Progress != nil {
		d.Progress(phase, min(done, total), total)
	}
}
