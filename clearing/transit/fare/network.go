package fare

import (
	"container/heap"
	_ "embed" // the example network
	"fmt"
	"math"

	"citycard/clearing/rulefile"
)

const (
	// maxStations bounds a network: a table holds a price for every pair.
	maxStations = 512
	// maxBusLines bounds the bus lines of a network.
	maxBusLines  = 2000
	maxHopMetres = 200_000
)

//go:embed example_network.json
var exampleNetwork string

// ExampleNetworkJSON is a small invented network, for trials and tests.
func ExampleNetworkJSON() []byte { return []byte(exampleNetwork) }

// Networks are all versions of the network, by date.
type Networks struct{ versions []Network }

// Network is the metro's lines and the numbers of the bus lines, until the next version begins. A
// day before the first version has the first, so that no day is without a network.
type Network struct {
	rulefile.Since
	Stations []Station `json:"stations"`
	Lines    []Line    `json:"lines"`
	BusLines []uint32  `json:"bus_lines"`
	rulefile.Figures
}

// Station is a place to enter and leave. Stations are numbered 1 to n across
// all lines; an interchange is one station on several lines.
type Station struct {
	Number uint32 `json:"number"`
	Name   string `json:"name"`
	NameEn string `json:"name_en"`
}

// Line is a sequence of stops, travelled both ways. A loop ends where it began.
type Line struct {
	Number uint32 `json:"number"`
	Name   string `json:"name"`
	NameEn string `json:"name_en"`
	Stops  []Stop `json:"stops"`
}

// Stop is a station on a line. Metres is the way from the stop before; 0 at the
// first stop.
type Stop struct {
	Station uint32 `json:"station"`
	Metres  int64  `json:"metres"`
}

// LoadNetworks reads and checks a network document. The error names every fault by version, row and
// field. Every version is connected: every station can be reached from every other.
func LoadNetworks(data []byte) (*Networks, error) {
	versions, err := rulefile.Read(data, (*Network).check)
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	return &Networks{versions}, nil
}

// Examples names the versions that the document marks as examples.
func (ns *Networks) Examples() []string { return rulefile.Examples(ns.versions) }

// Terms are the versions with their days.
func (ns *Networks) Terms() []rulefile.Term { return rulefile.Terms(ns.versions) }

func (n *Network) check(where string) []error {
	faults := n.CheckSource(where)
	if len(n.Stations) > maxStations {
		return append(faults, fmt.Errorf("%s.stations: %d, want at most %d", where, len(n.Stations), maxStations))
	}
	seen := make(map[uint32]bool)
	for i, s := range n.Stations {
		if s.Number < 1 || int(s.Number) > len(n.Stations) || seen[s.Number] {
			faults = append(faults, fmt.Errorf("%s.stations[%d].number: %d, want each of 1 to %d once", where, i, s.Number, len(n.Stations)))
		}
		seen[s.Number] = true
		if s.Name == "" {
			faults = append(faults, fmt.Errorf("%s.stations[%d].name: empty, want a name", where, i))
		}
	}
	faults = append(faults, n.checkLines(where)...)
	faults = append(faults, n.checkBusLines(where)...)
	if len(faults) == 0 {
		faults = append(faults, n.checkConnected(where)...)
	}
	return faults
}

func (n *Network) checkLines(where string) []error {
	var faults []error
	seen := make(map[uint32]bool)
	for i, line := range n.Lines {
		if line.Number == 0 || seen[line.Number] {
			faults = append(faults, fmt.Errorf("%s.lines[%d].number: %d, want each number once, from 1", where, i, line.Number))
		}
		seen[line.Number] = true
		if len(line.Stops) < 2 {
			faults = append(faults, fmt.Errorf("%s.lines[%d].stops: %d, want at least 2", where, i, len(line.Stops)))
		}
		for j, stop := range line.Stops {
			if stop.Station < 1 || int(stop.Station) > len(n.Stations) {
				faults = append(faults, fmt.Errorf("%s.lines[%d].stops[%d].station: %d, want 1 to %d", where, i, j, stop.Station, len(n.Stations)))
			}
			switch {
			case j == 0 && stop.Metres != 0:
				faults = append(faults, fmt.Errorf("%s.lines[%d].stops[0].metres: %d, want 0 at the first stop", where, i, stop.Metres))
			case j > 0 && (stop.Metres < 1 || stop.Metres > maxHopMetres):
				faults = append(faults, fmt.Errorf("%s.lines[%d].stops[%d].metres: %d, want 1 to %d", where, i, j, stop.Metres, maxHopMetres))
			}
		}
	}
	return faults
}

func (n *Network) checkBusLines(where string) []error {
	var faults []error
	if len(n.BusLines) > maxBusLines {
		faults = append(faults, fmt.Errorf("%s.bus_lines: %d, want at most %d", where, len(n.BusLines), maxBusLines))
	}
	seen := make(map[uint32]bool)
	for i, number := range n.BusLines {
		if number == 0 || seen[number] {
			faults = append(faults, fmt.Errorf("%s.bus_lines[%d]: %d, want each number once, from 1", where, i, number))
		}
		seen[number] = true
	}
	return faults
}

func (n *Network) checkConnected(where string) []error {
	if len(n.Stations) == 0 {
		return nil
	}
	var faults []error
	for i, metres := range n.hops().from(0) {
		if metres == unreachable {
			faults = append(faults, fmt.Errorf("%s.lines: no way from station 1 to station %d", where, i+1))
		}
	}
	return faults
}

// unreachable marks a station that no line leads to.
const unreachable = math.MaxInt64

type hop struct {
	to     int
	metres int64
}

// graph lists the neighbours of each station; index = number - 1.
type graph [][]hop

func (n *Network) hops() graph {
	g := make(graph, len(n.Stations))
	for _, line := range n.Lines {
		for j := 1; j < len(line.Stops); j++ {
			a, b, metres := int(line.Stops[j-1].Station)-1, int(line.Stops[j].Station)-1, line.Stops[j].Metres
			g[a] = append(g[a], hop{b, metres})
			g[b] = append(g[b], hop{a, metres})
		}
	}
	return g
}

// from is the shortest way in metres from one station to each (Dijkstra).
func (g graph) from(start int) []int64 {
	metres := make([]int64, len(g))
	for i := range metres {
		metres[i] = unreachable
	}
	metres[start] = 0
	queue := &frontier{{start, 0}}
	for queue.Len() > 0 {
		at := heap.Pop(queue).(hop)
		if at.metres > metres[at.to] {
			continue
		}
		for _, next := range g[at.to] {
			if way := at.metres + next.metres; way < metres[next.to] {
				metres[next.to] = way
				heap.Push(queue, hop{next.to, way})
			}
		}
	}
	return metres
}

// frontier is a heap of stations by distance from the start.
type frontier []hop

func (f frontier) Len() int           { return len(f) }
func (f frontier) Less(i, j int) bool { return f[i].metres < f[j].metres }
func (f frontier) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *frontier) Push(x any)        { *f = append(*f, x.(hop)) }
func (f *frontier) Pop() any {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}
