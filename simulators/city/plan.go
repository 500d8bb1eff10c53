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

// timetable plans rides over the network of the moment at which they begin.
type timetable struct {
	*plan.Day
	periods plan.Periods
}

// at is the period in which a second of the day lies.
func (t timetable) at(second int) *plan.Period { return t.periods.At(t.At(second)) }

// rides plans a card's day: journeys in slots of equal length, so that none begins before the one
// before has ended. A card that overstays makes one long metro trip and few others.
func (t timetable) rides(r dice, count int, overstays bool) []ride {
	from := plan.FirstTrain
	var list []ride
	if overstays {
		start := from + r.IntN(3600)
		p := t.at(start)
		if over := p.Overstay(); len(p.Map.Lines) > 0 && start+over+2*3600 < plan.LastTrain {
			long := t.metro(r, start, 3600)
			long.took = over + r.IntN(3600)
			list = append(list, long)
			from = long.start + long.took + 600
			count /= 3
		}
	}
	plan.Slots(r, from, count, func(start, longest int) { list = append(list, t.ride(r, start, longest)) })
	return t.whole(list)
}

// late plans rides of yesterday evening, short ones.
func (t timetable) late(r dice, count int) (list []ride) {
	plan.LateRides(r, count, func(start int) { list = append(list, t.ride(r, start, 1000)) })
	return t.whole(list)
}

// overMidnight plans a metro trip that began yesterday, where there is a metro.
func (t timetable) overMidnight(r dice) []ride {
	if len(t.at(-plan.BeforeMidnight).Map.Lines) == 0 {
		return nil
	}
	trip := t.metro(r, -plan.BeforeMidnight, plan.OverMidnight)
	trip.took = plan.OverMidnight
	return t.whole([]ride{trip})
}

// around plans rides in the morning, in the evening, and around a given second of the day: bus
// rides one second before it and on it, or where there is no bus a metro trip that begins before it
// and ends after it.
func (t timetable) around(r dice, second int) (list []ride) {
	for _, start := range []int{8 * 3600, second - 1, second, 19 * 3600} {
		switch bus := t.at(start).Map.Bus; {
		case len(bus) > 0:
			list = append(list, ride{start: start, line: bus[r.IntN(len(bus))]})
		case start != second:
			list = append(list, t.metro(r, start, 1800))
		}
	}
	return t.whole(list)
}

// whole leaves out the trips during which the network becomes another one, and those that begin
// before terminals have fares.
func (t timetable) whole(rides []ride) []ride {
	return slices.DeleteFunc(rides, func(r ride) bool {
		begun := t.at(r.start)
		return begun.Table == nil || begun.Map != t.at(r.start+r.took).Map
	})
}

func (t timetable) ride(r dice, start, longest int) ride {
	m := t.at(start).Map
	byBus := r.IntN(2) == 0
	if len(m.Lines) == 0 || byBus && len(m.Bus) > 0 {
		return ride{start: start, line: m.Bus[r.IntN(len(m.Bus))]}
	}
	return t.metro(r, start, longest)
}

// metro plans a trip that ends in time, over an interchange where the line has one.
func (t timetable) metro(r dice, start, longest int) ride {
	lines := t.at(start).Map.Lines
	line := &lines[r.IntN(len(lines))]
	from := r.IntN(len(line.Stops))
	out := ride{start: start, metro: true, line: line.Number, exitLine: line.Number, entry: line.Stops[from].Station}
	direction := 1
	if from > r.IntN(len(line.Stops)) {
		direction = -1
	}
	metres, stops := 0, plan.Between(r, 1, 14)
	out.exit = out.entry
	for at := from; stops > 0; stops-- {
		next := at + direction
		if next < 0 || next >= len(line.Stops) {
			break
		}
		metres += line.Stops[max(at, next)].Metres
		if platformSeconds+metres/metresPerSecond > longest {
			break
		}
		at = next
		out.took = platformSeconds + metres/metresPerSecond
		out.exit = line.Stops[at].Station
		if change, place, ok := interchange(lines, line.Number, out.exit); ok && r.IntN(2) == 0 {
			line, at, out.exitLine = change, place, change.Number
			direction = 1 - 2*r.IntN(2)
		}
	}
	out.took = max(out.took, platformSeconds)
	return out
}

// interchange finds another line through the station and the station's place there.
func interchange(lines []network.Line, line, station int) (*network.Line, int, bool) {
	for i := range lines {
		if lines[i].Number == line {
			continue
		}
		for j, s := range lines[i].Stops {
			if s.Station == station {
				return &lines[i], j, true
			}
		}
	}
	return nil, 0, false
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
