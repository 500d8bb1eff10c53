package fare

import (
	"container/heap"
	"errors"
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

// Network is the metro's lines and the numbers of the bus lines.
type Network struct {
	Version  string    `json:"version"`
	Source   string    `json:"source"`
	Stations []Station `json:"stations"`
	Lines    []Line    `json:"lines"`
	BusLines []uint32  `json:"bus_lines"`
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

// LoadNetwork reads and validates a network file.
func LoadNetwork(data []byte) (*Network, error) {
	network := new(Network)
	if err := rulefile.Decode(data, network); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if err := network.Validate(); err != nil {
		return nil, err
	}
	return network, nil
}

// Validate names every fault by row and field. A valid network is connected:
// every station can be reached from every other.
func (n *Network) Validate() error {
	var faults []error
	if !rulefile.IsName(n.Version) {
		faults = append(faults, fmt.Errorf("version: %q, want 1 to 40 letters, digits, dots or hyphens", n.Version))
	}
	if n.Source == "" {
		faults = append(faults, errors.New("source: empty, want where the distances come from"))
	}
	if len(n.Stations) > maxStations {
		faults = append(faults, fmt.Errorf("stations: %d, want at most %d", len(n.Stations), maxStations))
	}
	seen := make(map[uint32]bool)
	for i, s := range n.Stations {
		if s.Number < 1 || int(s.Number) > len(n.Stations) || seen[s.Number] {
			faults = append(faults, fmt.Errorf("stations[%d].number: %d, want each of 1 to %d once", i, s.Number, len(n.Stations)))
		}
		seen[s.Number] = true
		if s.Name == "" {
			faults = append(faults, fmt.Errorf("stations[%d].name: empty, want a name", i))
		}
	}
	faults = append(faults, n.checkLines()...)
	faults = append(faults, n.checkBusLines()...)
	if len(faults) == 0 {
		faults = append(faults, n.checkConnected()...)
	}
	if len(faults) > 0 {
		return fmt.Errorf("network: %w", errors.Join(faults...))
	}
	return nil
}

func (n *Network) checkLines() []error {
	var faults []error
	seen := make(map[uint32]bool)
	for i, line := range n.Lines {
		if line.Number == 0 || seen[line.Number] {
			faults = append(faults, fmt.Errorf("lines[%d].number: %d, want each number once, from 1", i, line.Number))
		}
		seen[line.Number] = true
		if len(line.Stops) < 2 {
			faults = append(faults, fmt.Errorf("lines[%d].stops: %d, want at least 2", i, len(line.Stops)))
		}
		for j, stop := range line.Stops {
			if stop.Station < 1 || int(stop.Station) > len(n.Stations) {
				faults = append(faults, fmt.Errorf("lines[%d].stops[%d].station: %d, want 1 to %d", i, j, stop.Station, len(n.Stations)))
			}
			switch {
			case j == 0 && stop.Metres != 0:
				faults = append(faults, fmt.Errorf("lines[%d].stops[0].metres: %d, want 0 at the first stop", i, stop.Metres))
			case j > 0 && (stop.Metres < 1 || stop.Metres > maxHopMetres):
				faults = append(faults, fmt.Errorf("lines[%d].stops[%d].metres: %d, want 1 to %d", i, j, stop.Metres, maxHopMetres))
			}
		}
	}
	return faults
}

func (n *Network) checkBusLines() []error {
	var faults []error
	if len(n.BusLines) > maxBusLines {
		faults = append(faults, fmt.Errorf("bus_lines: %d, want at most %d", len(n.BusLines), maxBusLines))
	}
	seen := make(map[uint32]bool)
	for i, number := range n.BusLines {
		if number == 0 || seen[number] {
			faults = append(faults, fmt.Errorf("bus_lines[%d]: %d, want each number once, from 1", i, number))
		}
		seen[number] = true
	}
	return faults
}

func (n *Network) checkConnected() []error {
	if len(n.Stations) == 0 {
		return nil
	}
	var faults []error
	for i, metres := range n.hops().from(0) {
		if metres == unreachable {
			faults = append(faults, fmt.Errorf("lines: no way from station 1 to station %d", i+1))
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
