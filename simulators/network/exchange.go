package network

import (
	"encoding/json"
	"fmt"
)

// The file that clearing builds its fares from.
type fareNetworks struct {
	Versions []fareNetwork `json:"versions"`
}

type fareNetwork struct {
	Version  string        `json:"version"`
	From     string        `json:"effective_from"`
	Example  bool          `json:"example"`
	Source   string        `json:"source"`
	Stations []fareStation `json:"stations"`
	Lines    []fareLine    `json:"lines"`
	BusLines []int         `json:"bus_lines"`
}

type fareStation struct {
	Number  int    `json:"number"`
	Chinese string `json:"name"`
	English string `json:"name_en"`
}

type fareLine struct {
	Number  int        `json:"number"`
	Chinese string     `json:"name"`
	English string     `json:"name_en"`
	Stops   []fareStop `json:"stops"`
}

type fareStop struct {
	Station int `json:"station"`
	Metres  int `json:"metres"`
}

// FareNetwork encodes the part of the map that a fare office needs, in the form that
// clearing reads: stations, lines with distances, numbers of bus lines.
func (n *Network) FareNetwork() ([]byte, error) {
	out := fareNetwork{Version: "simulated-1", From: "20200101", Example: true, Source: n.About, Stations: make([]fareStation, n.Stations())}
	for _, l := range n.Metro {
		line := fareLine{Number: l.Number, Chinese: l.Chinese, English: l.English}
		for _, s := range l.Stations {
			out.Stations[s.Number-1] = fareStation{s.Number, s.Chinese, s.English}
			line.Stops = append(line.Stops, fareStop{s.Number, s.Metres})
		}
		out.Lines = append(out.Lines, line)
	}
	for _, l := range n.Bus {
		out.BusLines = append(out.BusLines, l.Number)
	}
	data, err := json.MarshalIndent(fareNetworks{[]fareNetwork{out}}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	return append(data, '\n'), nil
}
