package truth

import (
	"fmt"
	"time"

	"github.com/shopspring/decimal"

	"citycard/simulators/document"
	"citycard/simulators/network"
)

// fareVersion is one version of the fares.
type fareVersion struct {
	document.Head
	Rounding rounding   `json:"rounding"` // of a discounted price
	Metro    metroRule  `json:"metro"`
	Bus      busRule    `json:"bus"`
	Cards    []discount `json:"cards"`
	Bands    []band     `json:"bands"`

	Operators []numbered `json:"operators"`
	Transfers []transfer `json:"transfers"`

	Largest share `json:"largest_change"` // for those who approve fares; it prices nothing
}

// check finds what is missing and would be taken for a rule of its own.
func (v fareVersion) check() error {
	switch m := &v.Metro; {
	case v.Rounding == "":
		return fmt.Errorf("rounding: missing, want half_up, down or up")
	case m.Base == 0:
		return fmt.Errorf("metro.base_km: missing, want more than 0")
	case len(m.Steps) == 0:
		return fmt.Errorf("metro.steps: empty, want at least one")
	case m.LimitMinutes < 1:
		return fmt.Errorf("metro.limit_minutes: %d, want at least 1", m.LimitMinutes)
	}
	for i, s := range v.Metro.Steps {
		last := i == len(v.Metro.Steps)-1
		switch {
		case s.Per == 0:
			return fmt.Errorf("metro.steps[%d].per_km: missing, want more than 0", i)
		case last != (s.To == 0):
			return fmt.Errorf("metro.steps[%d].to_km: want one in every step but the last", i)
		}
	}
	if err := v.checkTransfers(); err != nil {
		return err
	}
	return v.checkBands()
}

// metroRule prices a distance: base_fen up to base_km, then in each step its fen for every per_km
// begun. The steps follow each other; the last has no end. A distance equal to a bound has the
// cheaper price. A trip longer than the time limit costs the highest single fare of the network,
// undiscounted; a trip of exactly the time limit is still in time.
type metroRule struct {
	BaseFen      int64       `json:"base_fen"`
	Base         metres      `json:"base_km"`
	Steps        []metroStep `json:"steps"`
	LimitMinutes int         `json:"limit_minutes"`
	BandBy       string      `json:"band_by"` // entry or exit
	purseRule
	document.Source
}

// purseRule is what a card must hold to begin, and whether it may end below zero. No price depends
// on it: cards of the city load before they hold too little.
type purseRule struct {
	MinimumFen int64 `json:"minimum_fen"`
	Overdraft  bool  `json:"overdraft"`
}

// metroStep is a range of distance with a price of its own.
type metroStep struct {
	To  metres `json:"to_km"` // 0: no end
	Per metres `json:"per_km"`
	Fen int64  `json:"fen"`
}

// metres is a length that documents write in kilometres.
type metres int

// UnmarshalJSON reads kilometres of whole metres; null is 0.
func (m *metres) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		*m = 0
		return nil
	}
	var km decimal.Decimal
	if err := km.UnmarshalJSON(data); err != nil {
		return err
	}
	if km = km.Shift(3); !km.IsInteger() || !km.IsPositive() {
		return fmt.Errorf("%s km, want more than 0 in whole metres", data)
	}
	*m = metres(km.IntPart())
	return nil
}

// busRule is the full price on ranges of line numbers, both ends included.
type busRule struct {
	Lines []struct {
		First uint32 `json:"first"`
		Last  uint32 `json:"last"`
		Fen   int64  `json:"fen"`
	} `json:"lines"`
	purseRule
	document.Source
}

// discount is what a card type pays, as shares of the full prices.
type discount struct {
	CardType uint32   `json:"card_type"` // file 0017, offset 10
	Name     string   `json:"name"`
	Metro    share    `json:"metro"`
	Bus      share    `json:"bus"`
	Bands    []inBand `json:"bands"`
	document.Source
}

// Fares are the prices of one version of the fares over one map.
type Fares struct {
	version *fareVersion
	ways    [][]int // metres, station-1 by station-1, the shortest way
	highest int64
	bus     []int
	days    calendar
}

func newFares(v *fareVersion, m *network.Map, ways [][]int, days calendar) (*Fares, error) {
	f := &Fares{version: v, ways: ways, bus: m.Bus, days: days}
	for i, row := range ways {
		for j, way := range row {
			if way < 0 {
				return nil, fmt.Errorf("no way leads from station %d to station %d", i+1, j+1)
			}
			f.highest = max(f.highest, v.Metro.price(way))
		}
	}
	return f, nil
}

// price is the full price of a trip in fen.
func (r *metroRule) price(distance int) int64 {
	fen, from := r.BaseFen, int(r.Base)
	for _, s := range r.Steps {
		if distance <= from {
			break
		}
		to := distance
		if s.To > 0 {
			to = min(distance, int(s.To))
		}
		fen += s.Fen * int64((to-from+int(s.Per)-1)/int(s.Per))
		from = to
	}
	return fen
}

// discounted is the share of a price, rounded.
func (f *Fares) discounted(fen int64, s share) int64 {
	return f.version.Rounding.fen(exact{}.plus(fen, s))
}

func (f *Fares) discount(cardType uint32) (discount, error) {
	for _, d := range f.version.Cards {
		if d.CardType == cardType {
			return d, nil
		}
	}
	return discount{}, fmt.Errorf("card type %02d is not priced", cardType)
}

// Limit is how long a trip may take before the highest fare is due.
func (f *Fares) Limit() time.Duration {
	return time.Duration(f.version.Metro.LimitMinutes) * time.Minute
}

// MayEnd reports whether a card whose last day is over, YYYYMMDD, may still end a trip: it began by
// the end of that day, and took no longer than the limit.
func (f *Fares) MayEnd(last int, entered, left time.Time) bool {
	year, month, day := entered.Date()
	took := left.Sub(entered)
	return year*10_000+int(month)*100+day <= last && took >= 0 && took <= f.Limit()
}

// Metro is the price of a trip in a band that took this long, in fen.
func (f *Fares) Metro(cardType uint32, entry, exit int, took time.Duration, band string) (int64, error) {
	d, err := f.discount(cardType)
	if err != nil {
		return 0, err
	}
	if entry < 1 || exit < 1 || entry > len(f.ways) || exit > len(f.ways) {
		return 0, fmt.Errorf("stations %d and %d, want 1 to %d", entry, exit, len(f.ways))
	}
	if took > f.Limit() {
		return f.highest, nil
	}
	in := d.in(band)
	return f.paid(f.version.Metro.price(f.ways[entry-1][exit-1]), d.Metro, in.Metro, in.MetroFen), nil
}

// full is the price of a ride on a line without a discount.
func (f *Fares) full(line uint32) (int64, error) {
	for _, r := range f.version.Bus.Lines {
		if line >= r.First && line <= r.Last {
			return r.Fen, nil
		}
	}
	return 0, fmt.Errorf("bus line %d is not priced", line)
}

// Bus is the price of a ride in a band, in fen.
func (f *Fares) Bus(cardType, line uint32, band string) (int64, error) {
	d, err := f.discount(cardType)
	if err != nil {
		return 0, err
	}
	fen, err := f.full(line)
	in := d.in(band)
	return f.paid(fen, d.Bus, in.Bus, in.BusFen), err
}

// Dearest is a sum that no ride costs more than, in fen.
func (f *Fares) Dearest() (int64, error) {
	dearest := f.highest
	for _, line := range f.bus {
		fen, err := f.full(uint32(line))
		if err != nil {
			return 0, err
		}
		dearest = max(dearest, fen)
	}
	for _, d := range f.version.Cards {
		for _, in := range d.Bands {
			if in.BusFen != nil {
				dearest = max(dearest, *in.BusFen)
			}
		}
	}
	return dearest, nil
}
