package truth

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"citycard/clearing/message"
	"citycard/simulators/document"
)

// numbered is an operator and its number on cards.
type numbered struct {
	ID     string `json:"operator"`
	Number int    `json:"number"`
}

// transfer makes a ride cheaper that begins at most some minutes after another one was paid.
type transfer struct {
	Name    string `json:"name"`
	From    side   `json:"from"`
	To      side   `json:"to"`
	Minutes int64  `json:"minutes"`
	Repeat  string `json:"repeat"` // once or chained
	Off     *share `json:"off"`    // a share off, or
	OffFen  *int64 `json:"off_fen"`
	Floor   int64  `json:"floor_fen"` // it makes nothing cheaper than this
	Bearer  string `json:"bearer"`
	Apply   string `json:"apply"`
	document.Source
}

// side is a ride before or after a transfer: of a mode, and of some operators or of any.
type side struct {
	Mode      string   `json:"mode"`
	Operators []string `json:"operators"`
}

// Ridden is a ride as its card shows it, in seconds of the city's clock: a ride by bus begins as it
// is paid, a trip as it enters.
type Ridden struct {
	Metro       bool
	Operator    int // its number on the card
	Began, Paid int64
}

func (v *fareVersion) checkTransfers() error {
	for i, t := range v.Transfers {
		switch {
		case t.Apply != "terminal":
			return fmt.Errorf("transfers[%d].apply: %q, want terminal", i, t.Apply)
		case t.Minutes < 1 || (t.Off == nil) == (t.OffFen == nil):
			return fmt.Errorf("transfers[%d]: want minutes, and a share or an amount off", i)
		case t.Repeat != "once" && t.Repeat != "chained":
			return fmt.Errorf("transfers[%d].repeat: %q, want once or chained", i, t.Repeat)
		}
	}
	return nil
}

// numbers are those of operators on cards.
func (v *fareVersion) numbers(ids []string) (all []int) {
	for _, id := range ids {
		for _, o := range v.Operators {
			if o.ID == id {
				all = append(all, o.Number)
			}
		}
	}
	return all
}

func (v *fareVersion) is(r *Ridden, s *side) bool {
	return r.Metro == (s.Mode == "metro") && (len(s.Operators) == 0 || slices.Contains(v.numbers(s.Operators), r.Operator))
}

// fit is the first transfer, from 1 on, that leads from a ride to the next; 0 for none.
func (v *fareVersion) fit(from, to *Ridden) int {
	for i := range v.Transfers {
		t := &v.Transfers[i]
		if waited := to.Began - from.Paid; waited >= 0 && waited <= 60*t.Minutes && v.is(from, &t.From) && v.is(to, &t.To) {
			return i + 1
		}
	}
	return 0
}

// Transfer is the number of the transfer that leads to a ride from those that the card made before,
// the last one first; 0 for none. One that holds once does not lead on from a ride to which a
// transfer led, whether or not that one was cheaper.
func (f *Fares) Transfer(to Ridden, past ...Ridden) int {
	if len(past) == 0 {
		return 0
	}
	number := f.version.fit(&past[0], &to)
	if number == 0 || f.version.Transfers[number-1].Repeat == "chained" {
		return number
	}
	if len(past) > 1 && f.version.fit(&past[1], &past[0]) != 0 {
		return 0
	}
	return number
}

// after is what is paid of a full price after a transfer.
func (f *Fares) after(number int, full int64, usual share, instead *share, fen *int64) int64 {
	without := f.paid(full, usual, instead, fen)
	if number == 0 {
		return without
	}
	t := &f.version.Transfers[number-1]
	if without <= t.Floor {
		return without
	}
	var with int64
	switch {
	case t.OffFen != nil:
		with = without - *t.OffFen
	case fen != nil:
		with = f.part(*fen, whole, *t.Off)
	case instead != nil:
		with = f.part(full, *instead, *t.Off)
	default:
		with = f.part(full, usual, *t.Off)
	}
	return max(with, t.Floor)
}

// part is a share of an amount, less another share of that, rounded once.
func (f *Fares) part(fen int64, of, off share) int64 {
	n := big.NewInt(fen)
	n.Mul(n, big.NewInt(int64(of))).Mul(n, big.NewInt(int64(whole-off)))
	unit := new(big.Int).Mul(big.NewInt(whole), big.NewInt(whole))
	switch f.version.Rounding {
	case halfUp:
		n.Add(n, new(big.Int).Rsh(unit, 1))
	case up:
		n.Add(n, unit).Sub(n, big.NewInt(1))
	}
	return n.Quo(n, unit).Int64()
}

// MetroAfter is the price of a trip to which a transfer led. To one past the time limit none does.
func (f *Fares) MetroAfter(number int, cardType uint32, entry, exit int, took time.Duration, band string) (int64, error) {
	usual, err := f.Metro(cardType, entry, exit, took, band)
	if err != nil || took > f.Limit() {
		return usual, err
	}
	d, _ := f.discount(cardType)
	in := d.in(band)
	return f.after(number, f.version.Metro.price(f.ways[entry-1][exit-1]), d.Metro, in.Metro, in.MetroFen), nil
}

// BusAfter is the price of a ride to which a transfer led.
func (f *Fares) BusAfter(number int, cardType, line uint32, band string) (int64, error) {
	if _, err := f.Bus(cardType, line, band); err != nil {
		return 0, err
	}
	d, _ := f.discount(cardType)
	full, _ := f.full(line)
	in := d.in(band)
	return f.after(number, full, d.Bus, in.Bus, in.BusFen), nil
}

// Transfers are the transfers as terminals should get them.
func (f *Fares) Transfers() (all []*message.Transfer) {
	modes := map[string]message.Mode{"metro": message.Mode_MODE_METRO, "bus": message.Mode_MODE_BUS}
	bearers := map[string]message.Bearer{"operator": message.Bearer_BEARER_OPERATOR, "city": message.Bearer_BEARER_CITY}
	for _, t := range f.version.Transfers {
		m := &message.Transfer{
			Name: t.Name, From: modes[t.From.Mode], To: modes[t.To.Mode], Minutes: uint32(t.Minutes), Once: t.Repeat == "once",
			FloorFen: uint32(t.Floor), Bearer: bearers[t.Bearer],
		}
		for _, n := range f.version.numbers(t.From.Operators) {
			m.FromOperators = append(m.FromOperators, uint32(n))
		}
		for _, n := range f.version.numbers(t.To.Operators) {
			m.ToOperators = append(m.ToOperators, uint32(n))
		}
		if t.OffFen != nil {
			m.OffFen = uint32(*t.OffFen)
		}
		all = append(all, m)
	}
	return all
}
