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

// NetworkDocument is a document of networks.
type NetworkDocument = rulefile.File[Network]

// Networks are all versions of the network, by their beginnings.
type Networks struct{ versions []Network }

// Network is the metro's lines and the numbers of the bus lines, until the next version begins. A
// moment before the first version has the first, so that none is without a network.
type Network struct {
	rulefile.Since
	// Stations of the metro, numbered from 1 without gaps; none where there is no metro.
	Stations []Station `json:"stations" jsonschema:"maxItems=512"`
	// Lines of the metro.
	Lines []Line `json:"lines"`
	// BusLines are the numbers of the bus lines.
	BusLines []uint32 `json:"bus_lines" jsonschema:"maxItems=2000,uniqueItems=true,minimum=1,maximum=1000000"`
	rulefile.Figures
}

// Station is a place to enter and leave. Stations are numbered 1 to n across
// all lines; an interchange is one station on several lines.
type Station struct {
	// Number is what a tap names the station by.
	Number uint32 `json:"number" jsonschema:"minimum=1,maximum=512"`
	// Name for passengers, which no other station has.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=100"`
	// NameEn is the name in English.
	NameEn string `json:"name_en,omitempty" jsonschema:"maxLength=100"`
}

// Line is a sequence of stops, travelled both ways. A loop ends where it began.
type Line struct {
	// Number is what a tap names the line by.
	Number uint32 `json:"number" jsonschema:"minimum=1,maximum=1000000"`
	// Name for passengers, which no other line has.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=100"`
	// NameEn is the name in English.
	NameEn string `json:"name_en,omitempty" jsonschema:"maxLength=100"`
	// Stops are the stations in their order, travelled both ways.
	Stops []Stop `json:"stops" jsonschema:"minItems=2"`
}

// Stop is a station on a line. Metres is the way from the stop before; 0 at the
// first stop.
type Stop struct {
	// Station is the number of the station.
	Station uint32 `json:"station" jsonschema:"minimum=1,maximum=512"`
	// Metres from the stop before; 0 at the first.
	Metres int64 `json:"metres" jsonschema:"minimum=0,maximum=200000"`
}

// LoadNetworks reads and checks a network document. The error names every fault by version, row and
// field. Every version is connected: every station can be reached from every other.
func LoadNetworks(data []byte) (*Networks, error) {
	versions, err := rulefile.Read(data, (*Network).check)
	if err != nil {
		return nil, err
	}
	return &Networks{versions}, nil
}

// Examples names the versions that the document marks as examples.
func (ns *Networks) Examples() []string { return rulefile.Examples(ns.versions) }

// Terms are the versions with their moments.
func (ns *Networks) Terms() []rulefile.Term { return rulefile.Terms(ns.versions) }

func (n *Network) check(where string) []error {
	faults := n.CheckSource(where)
	if len(n.Stations) > maxStations {
		return append(faults, fmt.Errorf("%s.stations: %d, want at most %d", where, len(n.Stations), maxStations))
	}
	seen := make(map[uint32]bool)
	names := rulefile.Names{}
	for i, s := range n.Stations {
		row := fmt.Sprintf("%s.stations[%d]", where, i)
		if s.Number < 1 || int(s.Number) > len(n.Stations) || seen[s.Number] {
			faults = append(faults, fmt.Errorf("%s.number: %d, want each of 1 to %d once", row, s.Number, len(n.Stations)))
		}
		seen[s.Number] = true
		faults = append(faults, names.Check(row+".name", s.Name)...)
		faults = append(faults, rulefile.CheckOptionalName(row+".name_en", s.NameEn)...)
	}
	faults = append(faults, n.checkLines(where)...)
	faults = append(faults, n.checkBusLines(where)...)
	return append(faults, n.checkConnected(where)...)
}

func (n *Network) checkLines(where string) []error {
	var faults []error
	seen := make(map[uint32]bool)
	names := rulefile.Names{}
	for i, line := range n.Lines {
		row := fmt.Sprintf("%s.lines[%d]", where, i)
		if line.Number < 1 || line.Number > maxLine || seen[line.Number] {
			faults = append(faults, fmt.Errorf("%s.number: %d, want each number once, from 1 to %d", row, line.Number, maxLine))
		}
		seen[line.Number] = true
		faults = append(faults, names.Check(row+".name", line.Name)...)
		faults = append(faults, rulefile.CheckOptionalName(row+".name_en", line.NameEn)...)
		if len(line.Stops) < 2 {
			faults = append(faults, fmt.Errorf("%s.stops: %d, want at least 2", row, len(line.Stops)))
		}
		faults = append(faults, n.checkStops(row, line.Stops)...)
	}
	return faults
}

func (n *Network) checkStops(row string, stops []Stop) []error {
	var faults []error
	for i, stop := range stops {
		switch {
		case !n.has(stop.Station):
			faults = append(faults, fmt.Errorf("%s.stops[%d].station: %d, want 1 to %d", row, i, stop.Station, len(n.Stations)))
		case i > 0 && stop.Station == stops[i-1].Station:
			faults = append(faults, fmt.Errorf("%s.stops[%d].station: %d again, want another one than the stop before", row, i, stop.Station))
		}
		switch {
		case i == 0 && stop.Metres != 0:
			faults = append(faults, fmt.Errorf("%s.stops[0].metres: %d, want 0 at the first stop", row, stop.Metres))
		case i > 0 && (stop.Metres < 1 || stop.Metres > maxHopMetres):
			faults = append(faults, fmt.Errorf("%s.stops[%d].metres: %d, want 1 to %d", row, i, stop.Metres, maxHopMetres))
		}
	}
	return faults
}

// has reports whether the network has a station.
func (n *Network) has(station uint32) bool { return station >= 1 && int(station) <= len(n.Stations) }

func (n *Network) checkBusLines(where string) []error {
	var faults []error
	if len(n.BusLines) > maxBusLines {
		faults = append(faults, fmt.Errorf("%s.bus_lines: %d, want at most %d", where, len(n.BusLines), maxBusLines))
	}
	seen := make(map[uint32]bool)
	for i, number := range n.BusLines {
		if number < 1 || number > maxLine || seen[number] {
			faults = append(faults, fmt.Errorf("%s.bus_lines[%d]: %d, want each number once, from 1 to %d", where, i, number, maxLine))
		}
		seen[number] = true
	}
	return faults
}

// checkConnected finds a network in pieces. A stop at no station, a fault of its own, cuts no line.
func (n *Network) checkConnected(where string) []error {
	if len(n.Stations) == 0 {
		return nil
	}
	var faults []error
	for i, way := range n.hops().from(0) {
		if way.metres == unreachable {
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
	line   int // index
}

// graph lists the neighbours of each station; index = number - 1.
type graph [][]hop

func (n *Network) hops() graph {
	g := make(graph, len(n.Stations))
	for i, line := range n.Lines {
		before := -1
		for _, stop := range line.Stops {
			if !n.has(stop.Station) {
				continue
			}
			at := int(stop.Station) - 1
			if before >= 0 {
				metres := min(max(stop.Metres, 0), maxHopMetres)
				g[before] = append(g[before], hop{at, metres, i})
				g[at] = append(g[at], hop{before, metres, i})
			}
			before = at
		}
	}
	return g
}

// reach is how far a station is by the shortest way from where the ways begin, and its last hop:
// the station before, and the line.
type reach struct {
	metres     int64
	from, line int // indices
}

// from is the shortest way from one station to each (Dijkstra).
func (g graph) from(start int) []reach {
	ways := make([]reach, len(g))
	for i := range ways {
		ways[i].metres = unreachable
	}
	ways[start].metres = 0
	queue := &frontier{{to: start}}
	for queue.Len() > 0 {
		at := heap.Pop(queue).(hop)
		if at.metres > ways[at.to].metres {
			continue
		}
		for _, next := range g[at.to] {
			if way := at.metres + next.metres; way < ways[next.to].metres {
				ways[next.to] = reach{way, at.to, next.line}
				heap.Push(queue, hop{to: next.to, metres: way})
			}
		}
	}
	return ways
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
