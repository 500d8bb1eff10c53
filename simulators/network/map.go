package network

import (
	_ "embed"
	"fmt"

	"citycard/simulators/document"
)

// Map is one version of the network.
type Map struct {
	document.Head
	Stations []Station `json:"stations"`
	Lines    []Line    `json:"lines"`
	Bus      []int     `json:"bus_lines"`
	document.Source
}

// Station is a place to enter and to leave the metro.
type Station struct {
	Number  int    `json:"number"` // 1..n over all lines
	Name    string `json:"name"`
	English string `json:"name_en"`
}

// Line is a metro line as the sequence of its stops. A loop ends at the station where it begins.
type Line struct {
	Number  int    `json:"number"`
	Name    string `json:"name"`
	English string `json:"name_en"`
	Stops   []Stop `json:"stops"`
}

// Stop is a station on a line.
type Stop struct {
	Station int `json:"station"`
	Metres  int `json:"metres"` // from the stop before it on this line; 0 for the first
}

// Maps are the versions of the network, by date.
type Maps []Map

//go:embed zhengzhou_network.json
var zhengzhouNetwork []byte

// Zhengzhou is the network document of the built-in city.
func Zhengzhou() []byte { return zhengzhouNetwork }

// ReadMaps reads a network document.
func ReadMaps(data []byte) (Maps, error) {
	maps, err := document.Versions[Map](documentName, data)
	if err != nil {
		return nil, err
	}
	for i := range maps {
		if err := maps[i].check(); err != nil {
			return nil, fmt.Errorf("%s: versions[%d]: %w", documentName, i, err)
		}
	}
	return maps, nil
}

const documentName = "network.json"

// At is the map that holds at a moment.
func (ms Maps) At(at document.Moment) *Map { return &ms[document.At(ms, at)] }

// check finds what a simulation cannot go on with. What else may be wrong with a document,
// clearing says.
func (m *Map) check() error {
	if len(m.Lines) == 0 && len(m.Bus) == 0 {
		return fmt.Errorf("neither a metro line nor a bus line")
	}
	for i, l := range m.Lines {
		if len(l.Stops) < 2 {
			return fmt.Errorf("lines[%d].stops: %d, want at least 2", i, len(l.Stops))
		}
		for j, s := range l.Stops {
			if s.Station < 1 || s.Station > len(m.Stations) || s.Metres < 0 {
				return fmt.Errorf("lines[%d].stops[%d]: station %d after %d metres, want a station from 1 to %d", i, j, s.Station, s.Metres, len(m.Stations))
			}
		}
	}
	return nil
}

// Shortest computes the shortest ways in metres between all stations (Floyd and Warshall), by the
// stations' numbers less one; -1 means no way.
func (m *Map) Shortest() [][]int {
	count := len(m.Stations)
	d := make([][]int, count)
	for i := range d {
		d[i] = make([]int, count)
		for j := range d[i] {
			if i != j {
				d[i][j] = -1
			}
		}
	}
	for _, l := range m.Lines {
		for i := 1; i < len(l.Stops); i++ {
			a, b, metres := l.Stops[i-1].Station-1, l.Stops[i].Station-1, l.Stops[i].Metres
			if a != b && (d[a][b] < 0 || metres < d[a][b]) {
				d[a][b], d[b][a] = metres, metres
			}
		}
	}
	for via := range d {
		for i := range d {
			for j := range d {
				if d[i][via] < 0 || d[via][j] < 0 {
					continue
				}
				if way := d[i][via] + d[via][j]; d[i][j] < 0 || way < d[i][j] {
					d[i][j] = way
				}
			}
		}
	}
	return d
}
