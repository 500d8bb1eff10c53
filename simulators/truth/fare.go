package truth

import (
	"fmt"
	"time"

	"citycard/clearing/message"
	"citycard/simulators/network"
)

// Fares prices rides from the map itself.
type Fares struct {
	rules   *Rules
	metres  [][]int // station-1 by station-1, the shortest way
	highest int64
	bus     []network.BusLine
}

// NewFares measures the network.
func NewFares(rules *Rules, n *network.Network) (*Fares, error) {
	f := &Fares{rules: rules, metres: shortest(n), bus: n.Bus}
	for i, row := range f.metres {
		for j, m := range row {
			if m < 0 {
				return nil, fmt.Errorf("no way leads from station %d to station %d", i+1, j+1)
			}
			f.highest = max(f.highest, rules.Metro.price(m))
		}
	}
	return f, nil
}

// shortest computes the shortest ways between all stations (Floyd and Warshall); -1 means no way.
func shortest(n *network.Network) [][]int {
	count := n.Stations()
	d := make([][]int, count)
	for i := range d {
		d[i] = make([]int, count)
		for j := range d[i] {
			if i != j {
				d[i][j] = -1
			}
		}
	}
	for _, l := range n.Metro {
		for i := 1; i < len(l.Stations); i++ {
			a, b, m := l.Stations[i-1].Number-1, l.Stations[i].Number-1, l.Stations[i].Metres
			if d[a][b] < 0 || m < d[a][b] {
				d[a][b], d[b][a] = m, m
			}
		}
	}
	for via := range d {
		for i := range d {
			for j := range d {
				if d[i][via] < 0 || d[via][j] < 0 {
					continue
				}
				if way := d[i][via] + d[via][j]; d[i][j] < 0 || way < d[i][j] {
					d[i][j] = way
				}
			}
		}
	}
	return d
}

// price is the full price of a trip in fen.
func (r metroRule) price(metres int) int64 {
	fen, from := r.FirstFen, r.FirstMetres
	for _, b := range r.Bands {
		if metres <= from {
			break
		}
		to := metres
		if b.ToMetres > 0 {
			to = min(metres, b.ToMetres)
		}
		fen += r.StepFen * int64((to-from+b.StepMetres-1)/b.StepMetres)
		from = to
	}
	return fen
}

// discounted takes the share of a price, half-up to a whole fen.
func discounted(fen, thousandths int64) int64 { return (fen*thousandths + 500) / 1000 }

func (f *Fares) discount(cardType uint32) (discount, error) {
	for _, d := range f.rules.Discounts {
		if d.CardType == cardType {
			return d, nil
		}
	}
	return discount{}, fmt.Errorf("card type %02d is not priced", cardType)
}

func (f *Fares) limit() time.Duration { return time.Duration(f.rules.Metro.LimitMinutes) * time.Minute }

// Metro is the price of a trip that took this long, in fen.
func (f *Fares) Metro(cardType uint32, entry, exit int, took time.Duration) (int64, error) {
	d, err := f.discount(cardType)
	if err != nil {
		return 0, err
	}
	if entry < 1 || exit < 1 || entry > len(f.metres) || exit > len(f.metres) {
		return 0, fmt.Errorf("stations %d and %d, want 1 to %d", entry, exit, len(f.metres))
	}
	if took > f.limit() {
		return f.highest, nil
	}
	return discounted(f.rules.Metro.price(f.metres[entry-1][exit-1]), d.Metro), nil
}

// Bus is the price of a ride, in fen.
func (f *Fares) Bus(cardType, line uint32) (int64, error) {
	d, err := f.discount(cardType)
	if err != nil {
		return 0, err
	}
	for _, r := range f.rules.Bus {
		if line >= r.From && line <= r.To {
			return discounted(r.Fen, d.Bus), nil
		}
	}
	return 0, fmt.Errorf("bus line %d is not priced", line)
}

// CheckTable compares every price of a fare table with its own calculation.
func (f *Fares) CheckTable(t *message.FareTable) error {
	n := len(f.metres)
	if int(t.GetMetroStations()) != n {
		return fmt.Errorf("fare table %s: %d stations, the map has %d", t.GetVersion(), t.GetMetroStations(), n)
	}
	if int(t.GetMetroLimitMinutes()) != f.rules.Metro.LimitMinutes {
		return fmt.Errorf("fare table %s: limit of %d minutes, want %d", t.GetVersion(), t.GetMetroLimitMinutes(), f.rules.Metro.LimitMinutes)
	}
	if len(t.GetFares()) == 0 {
		return fmt.Errorf("fare table %s: no prices", t.GetVersion())
	}
	for _, c := range t.GetFares() {
		if err := f.checkCard(c); err != nil {
			return fmt.Errorf("fare table %s: card type %02d: %w", t.GetVersion(), c.GetCardType(), err)
		}
	}
	return nil
}

func (f *Fares) checkCard(c *message.CardFares) error {
	n := len(f.metres)
	if len(c.GetMetroFen()) != n*n {
		return fmt.Errorf("%d metro prices, want %d", len(c.GetMetroFen()), n*n)
	}
	for i, price := range c.GetMetroFen() {
		want, err := f.Metro(c.GetCardType(), i/n+1, i%n+1, 0)
		if err != nil {
			return err
		}
		if int64(price) != want {
			return fmt.Errorf("station %d to %d costs %d fen, worked out %d", i/n+1, i%n+1, price, want)
		}
	}
	if int64(c.GetMetroHighestFen()) != f.highest {
		return fmt.Errorf("highest fare %d fen, worked out %d", c.GetMetroHighestFen(), f.highest)
	}
	priced := map[uint32]int64{}
	for _, b := range c.GetBus() {
		priced[b.GetLine()] = int64(b.GetFen())
	}
	for _, l := range f.bus {
		want, err := f.Bus(c.GetCardType(), uint32(l.Number))
		if err != nil {
			return err
		}
		if got, ok := priced[uint32(l.Number)]; !ok || got != want {
			return fmt.Errorf("bus line %d costs %d fen, worked out %d", l.Number, got, want)
		}
	}
	return nil
}
