package fare

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/clearing/rulefile"
	"citycard/ledger"
)

// maxTableBytes is how long a table may be as a message: brokers take 1 MB by default.
const maxTableBytes = 900_000

// Tables are the finished tables of all rule versions over one network.
type Tables struct {
	entries []entry
}

type entry struct {
	from    rulefile.Moment // it is in force until the next begins
	table   *Table
	rules   *version // of which it is made
	network *Network
}

// PurseMaximum is what a purse may hold at a moment.
type PurseMaximum func(at rulefile.Moment) ledger.Fen

// Build makes a table for each run of moments at which one rule version, one version of the network
// and one term of the purses hold; so a version that begins later changes no table of the moments
// before it. The first table holds before its beginning too. It fails when a bus line of the
// network has no fare in a version, or where a fare is more than a purse may hold, and names every
// such fault by its place in the fares.
func Build(rules *Rules, networks *Networks, purses []rulefile.Term, purse PurseMaximum) (*Tables, error) {
	tables := &Tables{}
	priced, mapped := rules.Terms(), networks.Terms()
	var faults []error
	for i := range rules.versions {
		v := &rules.versions[i]
		for j, term := range mapped {
			full := sync.OnceValue(func() []int64 { return v.Metro.fullPrices(&networks.versions[j]) })
			for _, held := range purses {
				network := &networks.versions[j]
				e := entry{from: max(priced[i].First, term.First, held.First), rules: v, network: network}
				if e.from > min(priced[i].Last, term.Last, held.Last) {
					continue
				}
				fares, unfit := v.table(fmt.Sprintf("versions[%d]", i), network, full, max(e.from, v.Begins()), int64(purse(e.from)))
				if faults = append(faults, unfit...); len(unfit) > 0 {
					continue
				}
				var err error
				if e.table, err = newTable(fares); err != nil {
					return nil, err
				}
				e.table.network = network
				tables.entries = append(tables.entries, e)
			}
		}
	}
	return tables, errors.Join(faults...)
}

// At is the table in force at a moment. There is always one, also at a signed time that is none,
// such as 23:59:60.
func (ts *Tables) At(at rulefile.Moment) *Table { return ts.at(at).table }

func (ts *Tables) at(at rulefile.Moment) *entry {
	last := &ts.entries[0]
	for i := range ts.entries {
		if e := &ts.entries[i]; e.from <= at {
			last = e
		}
	}
	return last
}

// Last is the table that no other follows.
func (ts *Tables) Last() *Table { return ts.entries[len(ts.entries)-1].table }

// Version is the table of that name.
func (ts *Tables) Version(name string) (*Table, bool) {
	for _, e := range ts.entries {
		if e.table.Version() == name {
			return e.table, true
		}
	}
	return nil, false
}

// All lists the tables by their beginnings, oldest first.
func (ts *Tables) All() []*Table {
	all := make([]*Table, len(ts.entries))
	for i, e := range ts.entries {
		all[i] = e.table
	}
	return all
}

// table prices every ride from a moment on; purse is what a purse may hold. The full prices over a
// network are the same whatever that is.
func (v *version) table(where string, network *Network, fullPrices func() []int64, from rulefile.Moment, purse int64) (*message.FareTable, []error) {
	full := fullPrices()
	var highest int64
	if len(full) > 0 {
		highest = slices.Max(full)
	}
	if faults := v.unfit(where, network, highest, purse); len(faults) > 0 {
		return nil, faults
	}
	table := &message.FareTable{
		EffectiveFrom:     from.Packed(),
		MetroStations:     uint32(len(network.Stations)),
		MetroLimitMinutes: v.Metro.LimitMinutes,
		MaximumFen:        uint32(purse),
	}
	for _, c := range v.Cards {
		fares := &message.CardFares{CardType: c.CardType, MetroHighestFen: uint32(highest), MetroFen: make([]uint32, len(full))}
		for i, fen := range full {
			fares.MetroFen[i] = uint32(v.Rounding.price(fen, c.Metro.Decimal))
		}
		for _, line := range network.BusLines {
			full, _ := v.Bus.line(line)
			fares.Bus = append(fares.Bus, &message.BusFare{Line: line, Fen: uint32(v.Rounding.price(full.Fen, c.Bus.Decimal))})
		}
		table.Fares = append(table.Fares, fares)
	}
	table.Version = v.Version + "+" + network.Version + "+" + contentHash(table)
	if size := proto.Size(table); size > maxTableBytes {
		return nil, []error{fmt.Errorf("%s: the table of %d card types over the %d stations of network %s has %d bytes, want at most %d, which a broker takes as one message",
			where, len(v.Cards), len(network.Stations), network.Version, size, maxTableBytes)}
	}
	return table, nil
}

// unfit finds rides over a network without a price, or with one that is more than a purse may hold.
func (v *version) unfit(where string, network *Network, highest, purse int64) (faults []error) {
	if highest > purse {
		faults = append(faults, fmt.Errorf("%s.metro: highest fare %d fen over network %s, want at most %d, which a purse may hold", where, highest, network.Version, purse))
	}
	for _, line := range network.BusLines {
		switch full, ok := v.Bus.line(line); {
		case !ok:
			faults = append(faults, fmt.Errorf("%s.bus.lines: no fare for line %d of network %s", where, line, network.Version))
		case full.Fen > purse:
			faults = append(faults, fmt.Errorf("%s.bus.lines: line %d of network %s costs %d fen, want at most %d, which a purse may hold", where, line, network.Version, full.Fen, purse))
		}
	}
	return faults
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

// contentHash is the first 8 hexadecimal digits of a SHA-256 over every field
// that prices a tap: the beginning as documents write it, then big-endian 32-bit
// numbers in the order of the message, each list after its length. It does not
// use the protobuf encoding, whose bytes may change between library versions.
func contentHash(table *message.FareTable) string {
	from, _ := rulefile.ParsePacked(table.EffectiveFrom) // newTable has looked at it
	content := []byte(from.String())
	number := func(v uint32) { content = binary.BigEndian.AppendUint32(content, v) }
	number(table.MetroStations)
	number(table.MetroLimitMinutes)
	number(table.MaximumFen)
	number(uint32(len(table.Fares)))
	for _, fares := range table.Fares {
		number(fares.CardType)
		number(fares.MetroHighestFen)
		number(uint32(len(fares.MetroFen)))
		for _, fen := range fares.MetroFen {
			number(fen)
		}
		number(uint32(len(fares.Bus)))
		for _, line := range fares.Bus {
			number(line.Line)
			number(line.Fen)
		}
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:4])
}

// dearest is the highest price of a card type.
func dearest(row *message.CardFares) uint32 {
	most := row.GetMetroHighestFen()
	for _, fen := range row.GetMetroFen() {
		most = max(most, fen)
	}
	for _, line := range row.GetBus() {
		most = max(most, line.GetFen())
	}
	return most
}

// Table answers what a ride costs. It is safe for concurrent use and must not
// be changed through the message it was made from.
type Table struct {
	message  *message.FareTable
	network  *Network // over which it was made
	stations uint32
	cards    map[uint32]prices
}

type prices struct {
	metro   []uint32 // stations * stations
	highest int64
	bus     map[uint32]int64
}

// newTable checks a table that was stored or received, its hash included, and
// makes it ready for use. It keeps the message.
func newTable(fares *message.FareTable) (*Table, error) {
	var faults []error
	if _, err := rulefile.ParsePacked(fares.GetEffectiveFrom()); err != nil {
		faults = append(faults, fmt.Errorf("effective_from: %w", err))
	}
	stations := fares.GetMetroStations()
	if stations > maxStations {
		return nil, fmt.Errorf("fare table %q: metro_stations: %d, want at most %d", fares.GetVersion(), stations, maxStations)
	}
	if len(fares.GetFares()) == 0 {
		faults = append(faults, errors.New("fares: empty, want at least one card type"))
	}
	table := &Table{message: fares, stations: stations, cards: make(map[uint32]prices)}
	for i, row := range fares.GetFares() {
		if _, again := table.cards[row.GetCardType()]; again {
			faults = append(faults, fmt.Errorf("fares[%d].card_type: %d again, want each type once", i, row.GetCardType()))
		}
		if want := int(stations) * int(stations); len(row.GetMetroFen()) != want {
			faults = append(faults, fmt.Errorf("fares[%d].metro_fen: %d prices, want %d", i, len(row.GetMetroFen()), want))
		}
		if most := dearest(row); most > fares.GetMaximumFen() {
			faults = append(faults, fmt.Errorf("fares[%d]: a price of %d fen, want at most %d (maximum_fen)", i, most, fares.GetMaximumFen()))
		}
		p := prices{metro: row.GetMetroFen(), highest: int64(row.GetMetroHighestFen()), bus: make(map[uint32]int64)}
		for j, line := range row.GetBus() {
			if _, again := p.bus[line.GetLine()]; again {
				faults = append(faults, fmt.Errorf("fares[%d].bus[%d].line: %d again, want each line once", i, j, line.GetLine()))
			}
			p.bus[line.GetLine()] = int64(line.GetFen())
		}
		table.cards[row.GetCardType()] = p
	}
	if hash := contentHash(fares); len(faults) == 0 && !strings.HasSuffix(fares.GetVersion(), "+"+hash) {
		faults = append(faults, fmt.Errorf("version: want it to end in +%s, the hash of the prices", hash))
	}
	if len(faults) > 0 {
		return nil, fmt.Errorf("fare table %q: %w", fares.GetVersion(), errors.Join(faults...))
	}
	return table, nil
}
