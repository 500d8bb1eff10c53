package fare

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/clearing/rulefile"
)

// maxClasses is how many different prices a network may have: a table names each by one byte.
const maxClasses = 256

// classes are the undiscounted prices over a network, from the lowest on, and which of them each
// pair of stations has, row by row; no pair has one where there are too many.
type classes struct {
	fen  []int64
	pair []byte
}

// highest is the highest price, 0 without a metro.
func (c classes) highest() int64 {
	if len(c.fen) == 0 {
		return 0
	}
	return c.fen[len(c.fen)-1]
}

func (m metro) classes(network *Network) (c classes) {
	full := m.fullPrices(network)
	c.fen = slices.Clone(full)
	slices.Sort(c.fen)
	if c.fen = slices.Compact(c.fen); len(c.fen) > maxClasses {
		return c
	}
	c.pair = make([]byte, len(full))
	for i, fen := range full {
		at, _ := slices.BinarySearch(c.fen, fen)
		c.pair[i] = byte(at)
	}
	return c
}

// fullPrices is the undiscounted price of every pair, row by row.
func (m metro) fullPrices(network *Network) []int64 {
	hops := network.hops()
	prices := make([]int64, 0, len(hops)*len(hops))
	for start := range hops {
		for _, way := range hops.from(start) {
			prices = append(prices, m.fullFen(way.metres, nil))
		}
	}
	return prices
}

// table prices every ride from a moment on; purse is what a purse may hold. The full prices over a
// network are the same whatever that is.
func (v *version) table(where string, network *Network, full func() classes, from rulefile.Moment, purse int64) (*message.FareTable, []error) {
	metro := full()
	if faults := v.unfit(where, network, metro, purse); len(faults) > 0 {
		return nil, faults
	}
	table := &message.FareTable{
		EffectiveFrom:     from.Packed(),
		MetroStations:     uint32(len(network.Stations)),
		MetroLimitMinutes: v.Metro.LimitMinutes,
		MaximumFen:        uint32(purse),
		MetroClass:        metro.pair,
		Bands:             v.published(),
		MetroByEntry:      len(v.Bands) > 0 && v.Metro.BandBy == byEntry,
		Transfers:         v.publishedTransfers(),
		MetroMinimumFen:   uint32(v.Metro.MinimumFen),
		MetroOverdraft:    v.Metro.Overdraft,
		BusMinimumFen:     uint32(v.Bus.MinimumFen),
		BusOverdraft:      v.Bus.Overdraft,
	}
	for i := range v.Cards {
		c := &v.Cards[i]
		fares := &message.CardFares{CardType: c.CardType, MetroHighestFen: uint32(metro.highest())}
		for band := range len(v.Bands) + 1 {
			fares.Prices = append(fares.Prices, v.prices(c, band, metro.fen, network.BusLines))
		}
		table.Fares = append(table.Fares, fares)
	}
	table.Version = v.Version + "+" + network.Version + "+" + contentHash(table)
	if size := proto.Size(table); size > maxTableBytes {
		return nil, []error{fmt.Errorf("%s: the table of %d card types, %d bands and %d transfers over the %d stations and %d bus lines of network %s has %d bytes, want at most %d, which a broker takes as one message",
			where, len(v.Cards), len(v.Bands), len(v.Transfers), len(network.Stations), len(network.BusLines), network.Version, size, maxTableBytes)}
	}
	return table, nil
}

// prices are those of a card type outside all bands, 0, or in one.
func (v *version) prices(c *card, band int, metro []int64, lines []uint32) *message.Prices {
	trip, ride := v.rates(c, band)
	p := &message.Prices{Reduced: v.reduced(metro, trip, lines, ride)}
	for _, fen := range metro {
		p.MetroFen = append(p.MetroFen, uint32(v.Rounding.pays(fen, trip)))
	}
	for _, line := range lines {
		full, _ := v.Bus.line(line)
		p.Bus = append(p.Bus, &message.BusFare{Line: line, Fen: uint32(v.Rounding.pays(full.Fen, ride))})
	}
	return p
}

// unfit finds rides over a network without a price, or with one that is more than a purse may hold.
func (v *version) unfit(where string, network *Network, metro classes, purse int64) (faults []error) {
	if len(metro.fen) > maxClasses {
		faults = append(faults, fmt.Errorf("%s.metro: %d different prices over network %s, want at most %d", where, len(metro.fen), network.Version, maxClasses))
	}
	if highest := metro.highest(); highest > purse {
		faults = append(faults, fmt.Errorf("%s.metro: highest fare %d fen over network %s, want at most %d, which a purse may hold", where, highest, network.Version, purse))
	}
	for i, minimum := range []int64{v.Metro.MinimumFen, v.Bus.MinimumFen} {
		if minimum > purse {
			faults = append(faults, fmt.Errorf("%s.%s.minimum_fen: %d, want at most %d, which a purse may hold", where, [...]string{"metro", "bus"}[i], minimum, purse))
		}
	}
	for _, line := range network.BusLines {
		switch full, ok := v.Bus.line(line); {
		case !ok:
			faults = append(faults, fmt.Errorf("%s.bus.lines: no fare for line %d of network %s", where, line, network.Version))
		case full.Fen > purse:
			faults = append(faults, fmt.Errorf("%s.bus.lines: line %d of network %s costs %d fen, want at most %d, which a purse may hold", where, line, network.Version, full.Fen, purse))
		}
	}
	return append(faults, v.unfitBands(where, network, metro.highest(), purse)...)
}

// contentHash is the first 8 hexadecimal digits of a SHA-256 over every field that prices a tap:
// the beginning as documents write it, then big-endian 32-bit numbers in the order of the
// message, each list after its length. The prices outside all bands are those of each pair of
// stations; bands, and the classes and prices in them, and transfers with theirs, and what purses
// must hold, follow where there are any. It does not use the protobuf encoding, whose bytes may
// change between library versions.
func contentHash(table *message.FareTable) string {
	from, _ := rulefile.ParsePacked(table.EffectiveFrom) // newTable has looked at it
	h := hashed(from.String())
	h.numbers(table.MetroStations, table.MetroLimitMinutes, table.MaximumFen, uint32(len(table.Fares)))
	for _, fares := range table.Fares {
		h.numbers(fares.CardType, fares.MetroHighestFen, uint32(len(table.MetroClass)))
		for _, class := range table.MetroClass {
			h.numbers(fares.Prices[0].MetroFen[class])
		}
		h.bus(fares.Prices[0].Bus)
	}
	if len(table.Bands) > 0 {
		h.bands(table)
	}
	if len(table.Transfers) > 0 {
		h.transfers(table)
	}
	h.balances(table)
	sum := sha256.Sum256(h)
	return hex.EncodeToString(sum[:4])
}

// hashed is what is hashed of a table.
type hashed []byte

func (h *hashed) numbers(all ...uint32) {
	for _, v := range all {
		*h = binary.BigEndian.AppendUint32(*h, v)
	}
}

func (h *hashed) bus(lines []*message.BusFare) {
	h.numbers(uint32(len(lines)))
	for _, line := range lines {
		h.numbers(line.Line, line.Fen)
	}
}

// balances adds what purses must hold: metro, then bus, each its minimum and 1 for an overdraft.
func (h *hashed) balances(table *message.FareTable) {
	all := []uint32{table.MetroMinimumFen, 0, table.BusMinimumFen, 0}
	for i, may := range []bool{table.MetroOverdraft, table.BusOverdraft} {
		if may {
			all[2*i+1] = 1
		}
	}
	if slices.Max(all) > 0 {
		h.numbers(all...)
	}
}

func (h *hashed) bands(table *message.FareTable) {
	var byEntry uint32
	if table.MetroByEntry {
		byEntry = 1
	}
	h.numbers(byEntry, uint32(len(table.Bands)))
	for _, b := range table.Bands {
		h.numbers(uint32(len(b.Name)))
		*h = append(*h, b.Name...)
		h.numbers(b.FromMinute, b.ToMinute, uint32(len(b.Days)))
		for _, kind := range b.Days {
			h.numbers(uint32(kind))
		}
	}
	*h = append(*h, table.MetroClass...)
	for _, fares := range table.Fares {
		for _, in := range fares.Prices[1:] {
			h.numbers(uint32(len(in.MetroFen)))
			h.numbers(in.MetroFen...)
			h.bus(in.Bus)
		}
	}
}

func (h *hashed) transfers(table *message.FareTable) {
	h.numbers(uint32(len(table.Transfers)))
	for _, t := range table.Transfers {
		var once uint32
		if t.Once {
			once = 1
		}
		h.numbers(uint32(len(t.Name)))
		*h = append(*h, t.Name...)
		h.numbers(uint32(t.From), uint32(len(t.FromOperators)))
		h.numbers(t.FromOperators...)
		h.numbers(uint32(t.To), uint32(len(t.ToOperators)))
		h.numbers(t.ToOperators...)
		h.numbers(t.Minutes, once, t.OffFen, t.FloorFen, uint32(t.Bearer))
	}
	*h = append(*h, table.MetroClass...)
	for _, fares := range table.Fares {
		for _, in := range fares.Prices {
			for _, list := range in.Reduced {
				h.numbers(uint32(len(list.MetroFen)))
				h.numbers(list.MetroFen...)
				h.bus(list.Bus)
			}
		}
	}
}
