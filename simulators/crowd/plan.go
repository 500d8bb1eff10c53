package crowd

import (
	"cmp"
	"slices"

	"citycard/simulators/plan"
)

// Moves of a card at a terminal, in the order of one second.
const (
	enter uint8 = iota
	board
	leave
)

// visitorBit marks the number of a visitor's card within a lot.
const visitorBit = 1 << 31

// tap is one planned tap; the fields below the line are known once the lot's taps have been carried
// out in order.
type tap struct {
	at    int32  // seconds from midnight; negative: yesterday
	took  int32  // leave: seconds since the entry
	card  uint32 // in the lot
	seat  uint16
	entry uint16 // leave: station of the entry
	move  uint8
	odd   plan.Odd

	copies   uint8 // letters about it
	counter  uint16
	fen      uint32
	before   before // where a transfer from it makes the ride cheaper
	balance  uint32 // after it
	sequence uint32
}

const (
	longestRide = 45 * 60
	overstays   = 0.001 // of metro trips
	lateRides   = 2
)

// plan returns the planned taps of a lot's cards, in order of time.
func (l *lot) plan() []tap {
	taps := make([]tap, 0, len(l.cards)*l.Rides*8/5)
	for i := range l.cards {
		d := mixed(l.City.Seed, forRides, uint64(l.date), uint64(l.index(i)))
		rides := plan.FatefulRides
		if l.cards[i].Fate == plan.Listed && l.date == l.City.Day {
			at := int32(plan.ListedSecond(l.index(i)))
			taps = l.bus(l.bus(taps, &d, tap{at: at - 1, card: uint32(i)}), &d, tap{at: at, card: uint32(i)})
		}
		if l.cards[i].Fate == plan.Ordinary {
			if d.Chance(l.Shares.Late) {
				plan.LateRides(&d, lateRides, func(start int) {
					taps = l.bus(taps, &d, tap{at: int32(start), card: uint32(i), odd: plan.Late})
				})
			}
			rides = l.Count(&d)
		}
		plan.Slots(&d, plan.FirstTrain, rides, func(start, longest int) { taps = l.ride(taps, &d, uint32(i), start, longest) })
		if d.Chance(l.Shares.Foreign) {
			taps = l.bus(taps, &d, tap{at: int32(plan.Between(&d, plan.FirstTrain, plan.LastTrain)), card: uint32(i) | visitorBit})
		}
	}
	slices.SortFunc(taps, func(a, b tap) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.card, b.card), cmp.Compare(a.move, b.move))
	})
	return taps
}

func (l *lot) pick(d *dice, seats []uint16) uint16 { return seats[d.Below(len(seats))] }

// bus adds a tap on some bus; where there is none, or none has fares, it adds nothing.
func (l *lot) bus(taps []tap, d *dice, t tap) []tap {
	p := l.signed(&t)
	if len(p.buses) == 0 || p.table == nil {
		return taps
	}
	t.seat, t.move = l.pick(d, p.buses), board
	return append(taps, t)
}

// ride adds a ride that takes longest at most.
func (l *lot) ride(taps []tap, d *dice, card uint32, start, longest int) []tap {
	in := tap{at: int32(start), card: card, move: board}
	p := l.signed(&in)
	seats, metro := p.buses, d.Below(2) == 0
	if metro = len(p.buses) == 0 || metro && len(p.gates) > 0; metro {
		seats = p.gates
	}
	if len(p.hot) > 0 && d.Chance(l.Shares.Hot) {
		seats, metro = p.hot, l.grid.seats[p.hot[0]].metro
	}
	in.seat = l.pick(d, seats)
	if !metro {
		return append(taps, in)
	}
	in.move = enter
	out := tap{card: card, seat: l.pick(d, seats), move: leave, entry: l.grid.seats[in.seat].station}
	out.took = int32(plan.Between(d, 120, max(121, min(longestRide, longest))))
	if longest > p.overstay+3600 && d.Chance(overstays) {
		out.took = int32(plan.Between(d, p.overstay, p.overstay+3600))
	}
	if out.at = in.at + out.took; l.signed(&out).roads != p.roads {
		return taps // nobody is inside while the network becomes another one
	}
	return append(taps, in, out)
}
