package plan

import (
	"fmt"
	"slices"
	"time"

	"citycard/cardos/keys"
	"citycard/simulators/document"
	"citycard/simulators/network"
	"citycard/simulators/truth"
	"citycard/terminals/tariff"
)

// Day holds the settings of a day, for both kinds of city.
type Day struct {
	Dir    string // the data directory where the city was issued
	City   City
	Town   *Town
	Keys   *keys.Store
	Fares  *tariff.Schedule // the published tables
	Date   time.Time        // midnight, in the city's zone
	Shares Shares
	Rides  int // per card, roughly; 0: the package's default
	// Progress is called with the progress of a phase, from several goroutines; it may be nil.
	Progress func(phase string, done, total int)
}

// Period is a time in which neither prices nor the network change.
type Period struct {
	From   document.Moment
	Table  *tariff.Table // of the terminals; nil: a terminal has no fares
	Prices *truth.Fares  // the truth's own
	Map    *network.Map
}

// Begins is the moment from which the period lasts.
func (p Period) Begins() document.Moment { return p.From }

// Periods are in order.
type Periods []Period

// At is the period of a moment.
func (ps Periods) At(at document.Moment) *Period { return &ps[document.At(ps, at)] }

// At is the moment of a second of the day; one before midnight, of yesterday, is negative.
func (d *Day) At(second int) document.Moment {
	return document.MomentOf(d.Date.Add(time.Duration(second) * time.Second))
}

// SlowAt is what a clock that is SlowDays behind shows at a second of the day.
func (d *Day) SlowAt(second int) document.Moment {
	return document.MomentOf(d.Date.AddDate(0, 0, -SlowDays).Add(time.Duration(second) * time.Second))
}

// Periods are all that the day's taps can be signed in: today, yesterday, and the day that slow
// clocks show. A fare table is refused if one of its prices is not the truth's own while it holds.
func (d *Day) Periods() (Periods, error) {
	var all Periods
	for _, days := range [][]document.Moment{
		{d.SlowAt(0), d.SlowAt(midnight)},
		{d.At(-midnight), d.At(0)}, // yesterday a terminal may have had no fares
		{d.At(0), d.At(midnight)},
	} {
		first, last := days[0], days[1]
		begins := slices.Concat([]document.Moment{first}, d.Town.Rules.Changes(first, last), d.published(first, last))
		slices.Sort(begins)
		for _, from := range slices.Compact(begins) {
			p := Period{From: from, Prices: d.Town.Rules.Fares(from), Map: d.Town.Rules.Maps.At(from)}
			var err error
			if p.Table, err = d.Fares.At(from.Time(d.Date.Location())); err != nil && from >= d.At(0) {
				return nil, fmt.Errorf("at %d: %w", from, err)
			}
			if err == nil {
				if err := p.Prices.CheckTable(p.Table.Message()); err != nil {
					return nil, fmt.Errorf("the fares of %d are not those of this city: %w", from, err)
				}
			}
			all = append(all, p)
		}
	}
	return all, nil
}

// published are the moments between two at which another table begins.
func (d *Day) published(first, last document.Moment) (changes []document.Moment) {
	for _, t := range d.Fares.All() {
		if from := document.MomentOf(t.Begins(d.Date.Location())); first < from && from < last {
			changes = append(changes, from)
		}
	}
	return changes
}

// Costly is a sum that no ride costs more than, in fen.
func (ps Periods) Costly() (int64, error) {
	var most int64
	for _, p := range ps {
		dearest, err := p.Prices.Dearest()
		if err != nil {
			return 0, err
		}
		most = max(most, dearest)
	}
	return most, nil
}

// Report tells Progress.
func (d *Day) Report(phase string, done, total int) {
	if d.Progress != nil {
		d.Progress(phase, min(done, total), total)
	}
}
