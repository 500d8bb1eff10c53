package crowd

import (
	"fmt"
	"time"

	"citycard/cardos/tunion"
	"citycard/language"
	"citycard/simulators/network"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
)

// seat is the place of a SAM: in a lot's gate of a line in a station, or in its validator on a bus
// line. Each lot has one SAM in every seat.
type seat struct {
	metro     bool
	stray     bool // in no registry
	line      uint16
	station   uint16
	payee     string
	fen       [cardKinds]uint32 // of a bus ride, by card type
	terminals [plan.Lots][6]byte
	vehicles  [plan.Lots]string
}

// cardKinds bounds the card types, 1..3.
const cardKinds = int(tunion.CardSenior) + 1

// grid is the network in the form that a planner of millions of rides needs.
type grid struct {
	seats    []seat
	gates    []uint16 // seats of the metro
	buses    []uint16
	strays   []uint16 // by place in buses
	hot      []uint16 // seats of the hot operator, all of one mode
	stations int
	metro    [cardKinds][]uint32 // fen by (entry-1)*stations + exit-1
	highest  uint32              // fen, of a trip past the limit
	limit    int32               // seconds
}

func newGrid(n *network.Network, rules *truth.Rules, fares *truth.Fares, hot string) (*grid, error) {
	g := &grid{stations: n.Stations(), limit: int32(rules.Metro.LimitMinutes * 60)}
	for _, l := range n.Metro {
		for _, s := range l.Stations {
			one := seat{metro: true, line: uint16(l.Number), station: uint16(s.Number), payee: "operator:" + l.Operator}
			for lot := range plan.Lots {
				number, err := plan.Terminal(plan.Gate, s.Number, plan.GateLot(l.Number, lot))
				if err != nil {
					return nil, err
				}
				one.terminals[lot] = number
			}
			g.gates = append(g.gates, g.add(one))
		}
	}
	for _, stray := range []bool{false, true} {
		for _, l := range n.Bus {
			place, err := g.bus(l, fares, stray)
			if err != nil {
				return nil, err
			}
			if stray {
				g.strays = append(g.strays, place)
			} else {
				g.buses = append(g.buses, place)
			}
		}
	}
	if err := g.heat(hot); err != nil {
		return nil, err
	}
	return g, g.price(fares)
}

func (g *grid) add(s seat) uint16 {
	g.seats = append(g.seats, s)
	return uint16(len(g.seats) - 1)
}

func (g *grid) bus(l network.BusLine, fares *truth.Fares, stray bool) (uint16, error) {
	one := seat{stray: stray, line: uint16(l.Number), payee: "operator:" + l.Operator}
	for kind := 1; kind < cardKinds; kind++ {
		fen, err := fares.Bus(uint32(kind), uint32(l.Number))
		if err != nil {
			return 0, err
		}
		one.fen[kind] = uint32(fen)
	}
	validator := plan.Validator
	if stray {
		validator = plan.StrayValidator
	}
	for lot := range plan.Lots {
		terminal, err := plan.Terminal(validator, l.Number, lot)
		if err != nil {
			return 0, err
		}
		one.terminals[lot], one.vehicles[lot] = terminal, fmt.Sprintf("M%03d%02d", l.Number, lot)
	}
	return g.add(one), nil
}

// heat finds the seats of the operator that gets most of the rides.
func (g *grid) heat(operator string) error {
	if operator == "" {
		return nil
	}
	for i := range g.seats {
		if s := &g.seats[i]; s.payee == "operator:"+operator && !s.stray {
			g.hot = append(g.hot, uint16(i))
		}
	}
	if len(g.hot) == 0 {
		return language.Textf("hot operator %q has no line in the network", operator)
	}
	return nil
}

func (g *grid) price(fares *truth.Fares) error {
	for kind := 1; kind < cardKinds; kind++ {
		prices := make([]uint32, g.stations*g.stations)
		for i := range prices {
			fen, err := fares.Metro(uint32(kind), i/g.stations+1, i%g.stations+1, 0)
			if err != nil {
				return err
			}
			prices[i] = uint32(fen)
		}
		g.metro[kind] = prices
	}
	highest, err := fares.Metro(uint32(tunion.CardOrdinary), 1, 1, time.Duration(g.limit+1)*time.Second)
	g.highest = uint32(highest)
	return err
}

// trip is the price of a metro trip in fen.
func (g *grid) trip(kind byte, entry, exit uint16, took int32) uint32 {
	if took > g.limit {
		return g.highest
	}
	return g.metro[kind][(int(entry)-1)*g.stations+int(exit)-1]
}
