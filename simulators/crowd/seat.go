package crowd

import (
	"fmt"

	"citycard/clearing/message"
	"citycard/language"
	"citycard/simulators/document"
	"citycard/simulators/network"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
	"citycard/terminals/tariff"
)

// seat is the place of a SAM: in a lot's gate of a line in a station, or in its validator on a bus
// line. Each lot has one SAM in every seat.
type seat struct {
	where
	payee     string
	operator  uint16 // its number on cards
	terminals [plan.Lots][6]byte
	vehicles  [plan.Lots]string
}

// where tells seats apart.
type where struct {
	metro   bool
	stray   bool // in no registry
	line    uint16
	station uint16
}

// grid is the network of all its versions, in the form that a planner of millions of rides needs.
type grid struct {
	seats   []seat
	strays  map[uint16]uint16 // the stray seat of a bus line's seat
	periods []period
	costly  uint32 // fen; no ride costs more
}

// period is a time in which neither prices nor the network change.
type period struct {
	from  document.Moment
	table *tariff.Table // nil: terminals have no fares
	*roads
	*prices
}

// Begins is the moment from which the period lasts.
func (p period) Begins() document.Moment { return p.from }

// roads are the seats of one version of the network.
type roads struct {
	gates []uint16 // of the metro
	buses []uint16
	hot   []uint16 // of the hot operator, all of one mode
}

// prices are those of one version of the fares over one network.
type prices struct {
	stations  int
	fares     *truth.Fares
	metro     map[rider][]uint32 // fen by (entry-1)*stations + exit-1
	bus       map[rider][]uint32 // fen by seat
	highest   uint32             // fen, of a trip past the limit
	limit     int32              // seconds
	transfers bool               // there are some
	overstay  int                // seconds that are more than the limit
}

// rider is who pays the same prices: cards of a type, in a band, after a transfer.
type rider struct {
	kind     byte
	band     string
	transfer int // 0: none
}

func newGrid(d *plan.Day, hot string) (*grid, error) {
	g := &grid{strays: map[uint16]uint16{}}
	if err := g.seat(d.Town); err != nil {
		return nil, err
	}
	periods, err := d.Periods()
	if err != nil {
		return nil, err
	}
	known, priced, heated := map[*network.Map]*roads{}, map[*truth.Fares]*prices{}, false
	for _, p := range periods {
		if known[p.Map] == nil {
			known[p.Map] = g.roads(p.Map, hot)
		}
		if priced[p.Prices] == nil {
			if priced[p.Prices], err = g.price(d.Town, p); err != nil {
				return nil, err
			}
		}
		heated = heated || len(known[p.Map].hot) > 0
		g.periods = append(g.periods, period{p.From, p.Table, known[p.Map], priced[p.Prices]})
	}
	if hot != "" && !heated {
		return nil, language.Textf("hot operator %q has no line in the network", hot)
	}
	costly, err := periods.Costly()
	g.costly = uint32(costly)
	return g, err
}

// seat makes the seats of all versions of the network: gates, buses, and stray buses.
func (g *grid) seat(t *plan.Town) error {
	for _, at := range t.Rules.Maps.Gates() {
		_, operator := t.Operator(network.Metro, at.Line)
		one := seat{where: where{metro: true, line: uint16(at.Line), station: uint16(at.Station)}, payee: t.MetroPayee(at.Line), operator: uint16(operator)}
		for lot := range plan.Lots {
			number, err := plan.Terminal(plan.Gate, at.Station, plan.GateLot(at.Line, lot))
			if err != nil {
				return err
			}
			one.terminals[lot] = number
		}
		g.seats = append(g.seats, one)
	}
	buses := t.Rules.Maps.BusLines()
	for _, stray := range []bool{false, true} {
		for _, line := range buses {
			_, operator := t.Operator(network.Bus, line)
			one := seat{where: where{stray: stray, line: uint16(line)}, payee: t.BusPayee(line), operator: uint16(operator)}
			validator, place := plan.Validator, uint16(len(g.seats))
			if stray {
				validator = plan.StrayValidator
				g.strays[place-uint16(len(buses))] = place
			}
			for lot := range plan.Lots {
				terminal, err := plan.Terminal(validator, line, lot)
				if err != nil {
					return err
				}
				one.terminals[lot], one.vehicles[lot] = terminal, fmt.Sprintf("M%03d%02d", line, lot)
			}
			g.seats = append(g.seats, one)
		}
	}
	return nil
}

// roads finds the seats of a map, in the map's order, and those of the operator that gets most of
// the rides.
func (g *grid) roads(m *network.Map, hot string) *roads {
	r := new(roads)
	add := func(list *[]uint16, at where) {
		for i := range g.seats {
			if g.seats[i].where != at {
				continue
			}
			*list = append(*list, uint16(i))
			if hot != "" && g.seats[i].payee == "operator:"+hot {
				r.hot = append(r.hot, uint16(i))
			}
		}
	}
	seen := map[where]bool{}
	for _, l := range m.Lines {
		for _, s := range l.Stops {
			at := where{metro: true, line: uint16(l.Number), station: uint16(s.Station)}
			if !seen[at] { // a loop ends at its first station
				add(&r.gates, at)
			}
			seen[at] = true
		}
	}
	for _, line := range m.Bus {
		add(&r.buses, where{line: uint16(line)})
	}
	return r
}

// price works out what every card type of the town pays.
func (g *grid) price(t *plan.Town, p plan.Period) (*prices, error) {
	stations := len(p.Map.Stations)
	out := &prices{
		fares: p.Prices, stations: stations, metro: map[rider][]uint32{}, bus: map[rider][]uint32{},
		limit: int32(p.Prices.Limit().Seconds()), overstay: p.Overstay(), transfers: len(p.Prices.Transfers()) > 0,
	}
	priced := map[int]bool{}
	for _, line := range p.Map.Bus {
		priced[line] = true
	}
	for _, kind := range t.Types() {
		for _, band := range append([]*message.Band{{}}, p.Prices.Bands()...) {
			for transfer := range len(p.Prices.Transfers()) + 1 {
				if err := g.priceIn(out, rider{kind, band.GetName(), transfer}, priced); err != nil {
					return nil, err
				}
			}
		}
	}
	if stations == 0 {
		return out, nil
	}
	highest, err := p.Prices.Metro(uint32(t.VisitorCardType), 1, 1, p.Prices.Limit()+1, "")
	out.highest = uint32(highest)
	return out, err
}

// priceIn works out what a card type pays in a band, on the lines that have a price.
func (g *grid) priceIn(out *prices, by rider, priced map[int]bool) error {
	stations := out.stations
	metro, bus := make([]uint32, stations*stations), make([]uint32, len(g.seats))
	for i := range metro {
		fen, err := out.fares.MetroAfter(by.transfer, uint32(by.kind), i/stations+1, i%stations+1, 0, by.band)
		if err != nil {
			return err
		}
		metro[i] = uint32(fen)
	}
	for i := range g.seats {
		if s := &g.seats[i]; !s.metro && priced[int(s.line)] {
			fen, err := out.fares.BusAfter(by.transfer, uint32(by.kind), uint32(s.line), by.band)
			if err != nil {
				return err
			}
			bus[i] = uint32(fen)
		}
	}
	out.metro[by], out.bus[by] = metro, bus
	return nil
}

// ride is the price in fen of a ride from a seat at a moment, after a transfer.
func (p *prices) ride(kind byte, seat uint16, at document.Moment, transfer int) uint32 {
	return p.bus[rider{kind, p.fares.Band(at), transfer}][seat]
}

// trip is the price of a metro trip in fen, after a transfer.
func (p *prices) trip(kind byte, entry, exit uint16, took int32, entered, left document.Moment, transfer int) uint32 {
	if took > p.limit {
		return p.highest
	}
	return p.metro[rider{kind, p.fares.TripBand(entered, left), transfer}][(int(entry)-1)*p.stations+int(exit)-1]
}

// at is the period of a moment.
func (g *grid) at(moment document.Moment) *period { return &g.periods[document.At(g.periods, moment)] }
