package truth

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
)

// CheckTable compares every price of a fare table, and its bands, with its own calculation.
func (f *Fares) CheckTable(t *message.FareTable) error {
	if err := f.check(t); err != nil {
		return fmt.Errorf("fare table %s: %w", t.GetVersion(), err)
	}
	return nil
}

func (f *Fares) check(t *message.FareTable) error {
	n := len(f.ways)
	switch {
	case int(t.GetMetroStations()) != n:
		return fmt.Errorf("%d stations, the map has %d", t.GetMetroStations(), n)
	case int(t.GetMetroLimitMinutes()) != f.version.Metro.LimitMinutes:
		return fmt.Errorf("limit of %d minutes, want %d", t.GetMetroLimitMinutes(), f.version.Metro.LimitMinutes)
	case len(t.GetMetroClass()) != n*n:
		return fmt.Errorf("%d metro prices, want %d", len(t.GetMetroClass()), n*n)
	case len(t.GetFares()) == 0:
		return fmt.Errorf("no prices")
	}
	if err := f.checkBands(t); err != nil {
		return err
	}
	for _, c := range t.GetFares() {
		if err := f.checkCard(t, c); err != nil {
			return fmt.Errorf("card type %02d: %w", c.GetCardType(), err)
		}
	}
	return nil
}

func (f *Fares) checkBands(t *message.FareTable) error {
	if t.GetMetroByEntry() != f.ByEntry() {
		return fmt.Errorf("trips have the band of their entry: %t, want %t", t.GetMetroByEntry(), f.ByEntry())
	}
	if want := f.Bands(); !slices.EqualFunc(t.GetBands(), want, func(a, b *message.Band) bool { return proto.Equal(a, b) }) {
		return fmt.Errorf("bands %v, want %v", t.GetBands(), want)
	}
	if want := f.Transfers(); !slices.EqualFunc(t.GetTransfers(), want, func(a, b *message.Transfer) bool { return proto.Equal(a, b) }) {
		return fmt.Errorf("transfers %v, want %v", t.GetTransfers(), want)
	}
	return nil
}

func (f *Fares) checkCard(t *message.FareTable, c *message.CardFares) error {
	if _, err := f.discount(c.GetCardType()); err != nil {
		return err
	}
	if int64(c.GetMetroHighestFen()) != f.highest {
		return fmt.Errorf("highest fare %d fen, worked out %d", c.GetMetroHighestFen(), f.highest)
	}
	bands := []string{""}
	for _, b := range f.version.Bands {
		bands = append(bands, b.Name)
	}
	if len(c.GetPrices()) != len(bands) {
		return fmt.Errorf("prices of %d times of day, want %d", len(c.GetPrices()), len(bands))
	}
	for i, in := range c.GetPrices() {
		if err := f.checkPrices(t, c.GetCardType(), in, bands[i]); err != nil {
			return err
		}
	}
	return nil
}

func (f *Fares) checkPrices(t *message.FareTable, cardType uint32, in *message.Prices, band string) error {
	n := len(f.ways)
	for i, class := range t.GetMetroClass() {
		want, err := f.Metro(cardType, i/n+1, i%n+1, 0, band)
		if err != nil {
			return err
		}
		if int(class) >= len(in.GetMetroFen()) || int64(in.GetMetroFen()[class]) != want {
			return fmt.Errorf("station %d to %d: class %d of %v, worked out %d fen", i/n+1, i%n+1, class, in.GetMetroFen(), want)
		}
	}
	priced := map[uint32]int64{}
	for _, b := range in.GetBus() {
		priced[b.GetLine()] = int64(b.GetFen())
	}
	for _, line := range f.bus {
		want, err := f.Bus(cardType, uint32(line), band)
		if err != nil {
			return err
		}
		if got, ok := priced[uint32(line)]; !ok || got != want {
			return fmt.Errorf("bus line %d costs %d fen, worked out %d", line, got, want)
		}
	}
	if got, want := len(in.GetReduced()), len(f.version.Transfers); got != want {
		return fmt.Errorf("prices after %d transfers, want %d", got, want)
	}
	for i, list := range in.GetReduced() {
		if err := f.checkReduced(t, cardType, list, i+1, band); err != nil {
			return fmt.Errorf("after transfer %s: %w", f.version.Transfers[i].Name, err)
		}
	}
	return nil
}

// checkReduced compares the list of prices after a transfer; one that takes an amount off has none.
func (f *Fares) checkReduced(t *message.FareTable, cardType uint32, list *message.Reduced, number int, band string) error {
	of, n := &f.version.Transfers[number-1], len(f.ways)
	if of.OffFen != nil || of.To.Mode != "metro" {
		if len(list.GetMetroFen()) > 0 {
			return fmt.Errorf("prices of the metro %v, want none", list.GetMetroFen())
		}
	} else {
		for i, class := range t.GetMetroClass() {
			want, err := f.MetroAfter(number, cardType, i/n+1, i%n+1, 0, band)
			if err != nil {
				return err
			}
			if int(class) >= len(list.GetMetroFen()) || int64(list.GetMetroFen()[class]) != want {
				return fmt.Errorf("station %d to %d: class %d of %v, worked out %d fen", i/n+1, i%n+1, class, list.GetMetroFen(), want)
			}
		}
	}
	if of.OffFen != nil || of.To.Mode != "bus" {
		if len(list.GetBus()) > 0 {
			return fmt.Errorf("prices of buses %v, want none", list.GetBus())
		}
		return nil
	}
	if len(list.GetBus()) < len(f.bus) {
		return fmt.Errorf("prices of %d bus lines, want %d", len(list.GetBus()), len(f.bus))
	}
	for _, line := range list.GetBus() {
		want, err := f.BusAfter(number, cardType, line.GetLine(), band)
		if err != nil || int64(line.GetFen()) != want {
			return fmt.Errorf("bus line %d costs %d fen, worked out %d", line.GetLine(), line.GetFen(), want)
		}
	}
	return nil
}
