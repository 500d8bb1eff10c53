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
	return nil
}
