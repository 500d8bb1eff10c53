package city

import (
	"cmp"
	"slices"

	"citycard/simulators/network"
	"citycard/simulators/plan"
)

const (
	metresPerSecond = 10  // of a metro trip, stops included
	platformSeconds = 120 // to the train and from it
)

// ride is one planned journey.
type ride struct {
	start    int // second of the day; negative: yesterday
	took     int // metro: seconds between entry and exit
	metro    bool
	line     int // bus line, or the metro line of the entry gate
	exitLine int
	entry    int // metro stations
	exit     int
}

// timetable is the network in the form that a planner needs.
type timetable struct {
	lines []network.MetroLine
	bus   []network.BusLine
}

// rides plans a card's day: journeys in slots of equal length, so that none
// begins before the one before has ended. A card that overstays makes one long
// metro trip and few others.
func (t timetable) rides(r dice, count int, overstays bool) []ride {
	from := plan.FirstTrain
	var list []ride
	if overstays {
		long := t.metro(r, from+r.IntN(3600), 3600)
		long.took = plan.Overstay + r.IntN(3600)
		list = append(list, long)
		from = long.start + long.took + 600
		count /= 3
	}
	plan.Slots(r, from, count, func(start, longest int) { list = append(list, t.ride(r, start, longest)) })
	return list
}

// late plans rides of yesterday evening, short ones.
func (t timetable) late(r dice, count int) (list []ride) {
	plan.LateRides(r, count, func(start int) { list = append(list, t.ride(r, start, 1000)) })
	return list
}

// around plans bus rides in the morning, in the evening, one second before a given second of the
// day, and on that second.
func (t timetable) around(r dice, second int) (list []ride) {
	for _, start := range []int{8 * 3600, second - 1, second, 19 * 3600} {
		list = append(list, ride{start: start, line: t.bus[r.IntN(len(t.bus))].Number})
	}
	return list
}

func (t timetable) ride(r dice, start, longest int) ride {
	if r.IntN(2) == 0 {
		line := t.bus[r.IntN(len(t.bus))]
		return ride{start: start, line: line.Number}
	}
	return t.metro(r, start, longest)
}

// metro plans a trip that ends in time, over the interchange where the two lines
// have one.
func (t timetable) metro(r dice, start, longest int) ride {
	line := t.lines[r.IntN(len(t.lines))]
	from := r.IntN(len(line.Stations))
	out := ride{start: start, metro: true, line: line.Number, exitLine: line.Number, entry: line.Stations[from].Number}
	direction := 1
	if from > r.IntN(len(line.Stations)) {
		direction = -1
	}
	metres, stops := 0, plan.Between(r, 1, 14)
	out.exit = out.entry
	for at := from; stops > 0; stops-- {
		next := at + direction
		if next < 0 || next >= len(line.Stations) {
			break
		}
		metres += line.Stations[max(at, next)].Metres
		if platformSeconds+metres/metresPerSecond > longest {
			break
		}
		at = next
		out.took = platformSeconds + metres/metresPerSecond
		out.exit = line.Stations[at].Number
		if change, place, ok := t.interchange(line.Number, out.exit); ok && r.IntN(2) == 0 {
			line, at, out.exitLine = change, place, change.Number
			direction = 1 - 2*r.IntN(2)
		}
	}
	out.took = max(out.took, platformSeconds)
	return out
}

// interchange finds another line through the station and the station's place there.
func (t timetable) interchange(line, station int) (network.MetroLine, int, bool) {
	for _, l := range t.lines {
		if l.Number == line {
			continue
		}
		for i, s := range l.Stations {
			if s.Number == station {
				return l, i, true
			}
		}
	}
	return network.MetroLine{}, 0, false
}

// step is one thing that happens in a lot: a card at a terminal.
type step struct {
	at   int64 // seconds from midnight of the day; negative: yesterday
	card int   // place in the lot
	ride *ride
	out  bool // metro exit

	visit   *visit // a settlement instead of a ride; card is then a holder
	foreign bool   // another city's card rides; card is then the one it accompanies
}

// inOrder sorts steps by time; at one second by card, and entries before exits.
func inOrder(steps []step) {
	slices.SortFunc(steps, func(a, b step) int {
		if c := cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.card, b.card)); c != 0 {
			return c
		}
		switch {
		case a.out == b.out:
			return 0
		case b.out:
			return -1
		}
		return 1
	})
}
