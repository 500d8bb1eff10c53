package fare

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

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
//
// A day that the calendar lacks is in no band that is for days of some kinds.
func Build(rules *Rules, networks *Networks, purses []rulefile.Term, purse PurseMaximum, days *message.DayKinds) (*Tables, error) {
	calendar, err := message.NewCalendar(days)
	if err != nil {
		return nil, err
	}
	tables := &Tables{}
	priced, mapped := rules.Terms(), networks.Terms()
	var faults []error
	for i := range rules.versions {
		v := &rules.versions[i]
		for j, term := range mapped {
			full := sync.OnceValue(func() classes { return v.Metro.classes(&networks.versions[j]) })
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
				if e.table, err = newTable(fares); err != nil {
					return nil, err
				}
				e.table.rules, e.table.network, e.table.days = v, network, calendar
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

// Table answers what a ride costs. It is safe for concurrent use and must not
// be changed through the message it was made from.
type Table struct {
	message  *message.FareTable
	rules    *version          // of which it is made
	network  *Network          // over which it was made
	days     *message.Calendar // by which a day is in a band
	stations uint32
	class    []byte // stations * stations
	cards    map[uint32]fares
}

// fares are those of a card type.
type fares struct {
	highest int64
	prices  []prices // outside all bands, then in each band
}

type prices struct {
	metro   []uint32 // by class
	bus     map[uint32]int64
	reduced []reduced // after each transfer
}

// reduced are the prices after a transfer, in the mode to which it leads; none where it takes an
// amount off.
type reduced struct {
	metro []uint32
	bus   map[uint32]int64
}

// newTable checks a table that was stored or received, its hash included, and
// makes it ready for use. It keeps the message.
func newTable(m *message.FareTable) (*Table, error) {
	var faults []error
	if _, err := rulefile.ParsePacked(m.GetEffectiveFrom()); err != nil {
		faults = append(faults, fmt.Errorf("effective_from: %w", err))
	}
	stations := m.GetMetroStations()
	if stations > maxStations {
		return nil, fmt.Errorf("fare table %q: metro_stations: %d, want at most %d", m.GetVersion(), stations, maxStations)
	}
	if want := int(stations * stations); len(m.GetMetroClass()) != want {
		faults = append(faults, fmt.Errorf("metro_class: %d bytes, want %d", len(m.GetMetroClass()), want))
	}
	if len(m.GetFares()) == 0 {
		faults = append(faults, errors.New("fares: empty, want at least one card type"))
	}
	faults = append(faults, m.CheckBands(), m.CheckTransfers())
	table := &Table{message: m, stations: stations, class: m.GetMetroClass(), cards: make(map[uint32]fares)}
	for i, row := range m.GetFares() {
		where := fmt.Sprintf("fares[%d]", i)
		if _, again := table.cards[row.GetCardType()]; again {
			faults = append(faults, fmt.Errorf("%s.card_type: %d again, want each type once", where, row.GetCardType()))
		}
		if most := dearest(row); most > m.GetMaximumFen() {
			faults = append(faults, fmt.Errorf("%s: a price of %d fen, want at most %d (maximum_fen)", where, most, m.GetMaximumFen()))
		}
		f, wrong := table.read(where, row)
		table.cards[row.GetCardType()], faults = f, append(faults, wrong...)
	}
	err := errors.Join(faults...)
	if err == nil {
		if hash := contentHash(m); !strings.HasSuffix(m.GetVersion(), "+"+hash) {
			err = fmt.Errorf("version: want it to end in +%s, the hash of the prices", hash)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("fare table %q: %w", m.GetVersion(), err)
	}
	return table, nil
}

// read arranges the prices of a card type for look-up.
func (t *Table) read(where string, row *message.CardFares) (f fares, faults []error) {
	if want := len(t.message.GetBands()) + 1; len(row.GetPrices()) != want {
		faults = append(faults, fmt.Errorf("%s.prices: %d, want %d, outside all bands and in each", where, len(row.GetPrices()), want))
	}
	classes := 0
	if len(t.class) > 0 {
		classes = int(slices.Max(t.class)) + 1
	}
	f.highest = int64(row.GetMetroHighestFen())
	for i, in := range row.GetPrices() {
		if len(in.GetMetroFen()) != classes {
			faults = append(faults, fmt.Errorf("%s.prices[%d].metro_fen: %d prices, want %d", where, i, len(in.GetMetroFen()), classes))
		}
		p := prices{metro: in.GetMetroFen(), bus: make(map[uint32]int64, len(in.GetBus())), reduced: readReduced(in)}
		for j, line := range in.GetBus() {
			if _, again := p.bus[line.GetLine()]; again {
				faults = append(faults, fmt.Errorf("%s.prices[%d].bus[%d].line: %d again, want each line once", where, i, j, line.GetLine()))
			}
			p.bus[line.GetLine()] = int64(line.GetFen())
		}
		f.prices = append(f.prices, p)
	}
	return f, faults
}

// readReduced arranges the prices after transfers, which were checked.
func readReduced(in *message.Prices) (all []reduced) {
	for _, list := range in.GetReduced() {
		r := reduced{metro: list.GetMetroFen(), bus: make(map[uint32]int64, len(list.GetBus()))}
		for _, line := range list.GetBus() {
			r.bus[line.GetLine()] = int64(line.GetFen())
		}
		all = append(all, r)
	}
	return all
}

// dearest is the highest price of a card type.
func dearest(row *message.CardFares) uint32 {
	most := row.GetMetroHighestFen()
	for _, in := range row.GetPrices() {
		for _, fen := range in.GetMetroFen() {
			most = max(most, fen)
		}
		for _, line := range in.GetBus() {
			most = max(most, line.GetFen())
		}
	}
	return most
}
