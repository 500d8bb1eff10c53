package plan

import (
	"fmt"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/network"
	"citycard/simulators/truth"
)

// Day is what a day is played with, whoever plays it.
type Day struct {
	Dir     string // the data directory where the city was issued
	City    City
	Network *network.Network
	Keys    *keys.Store
	Fares   *message.FareTable
	Date    time.Time // midnight, in the city's zone
	Shares  Shares
	Rides   int // of a card, about; 0: as the performer thinks fit
	// Progress is told how far a phase is, from several goroutines; it may be nil.
	Progress func(phase string, done, total int)
}

// Prices are the truth's own rules and fares. A fare table that has another price than they work
// out is refused.
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
