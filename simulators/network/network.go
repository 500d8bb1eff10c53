package network

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
)

// Operator runs a mode of transport and is paid for its rides.
type Operator struct {
	ID      string `json:"id"`
	Chinese string `json:"zh"`
	English string `json:"en"`
	Mode    string `json:"mode"` // metro, bus
}

// Station is one stop of a metro line.
type Station struct {
	Number  int    `json:"station"` // 1..n over all lines
	Chinese string `json:"zh"`
	English string `json:"en"`
	Metres  int    `json:"metres"` // from the stop before it on this line; 0 for the first
}

// MetroLine is a line as the sequence of its stops.
type MetroLine struct {
	Number   int       `json:"line"`
	Chinese  string    `json:"zh"`
	English  string    `json:"en"`
	Operator string    `json:"operator"`
	Stations []Station `json:"stations"`
}

// BusLine is a line on which every ride costs the same.
type BusLine struct {
	Number   int    `json:"line"`
	Operator string `json:"operator"`
}

// Channel takes money for top-ups.
type Channel struct {
	ID      string `json:"id"`
	Chinese string `json:"zh"`
	English string `json:"en"`
}

// Hospital settles claims; its class decides deductible and share.
type Hospital struct {
	ID      string `json:"id"`
	Chinese string `json:"zh"`
	English string `json:"en"`
	Class   string `json:"class"` // community, 1, 2, 3
}

// Network is the whole map.
type Network struct {
	About     string      `json:"about"`
	Operators []Operator  `json:"operators"`
	Metro     []MetroLine `json:"metro"`
	Bus       []BusLine   `json:"bus"`
	Channels  []Channel   `json:"channels"`
	Hospitals []Hospital  `json:"hospitals"`
}

//go:embed zhengzhou.json
var zhengzhou []byte

// Zhengzhou is the network that is built in.
func Zhengzhou() (*Network, error) { return read(bytes.NewReader(zhengzhou)) }

// read reads and checks a network. It refuses unknown fields, stations that are
// not numbered 1..n, lines without distance between stops, and operators that
// are not listed.
func read(r io.Reader) (*Network, error) {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	n := new(Network)
	if err := dec.Decode(n); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	if err := n.check(); err != nil {
		return nil, fmt.Errorf("network: %w", err)
	}
	return n, nil
}

// Stations is the number of stations, and so the highest station number.
func (n *Network) Stations() int {
	highest := 0
	for _, l := range n.Metro {
		for _, s := range l.Stations {
			highest = max(highest, s.Number)
		}
	}
	return highest
}

func (n *Network) check() error {
	if len(n.Metro) == 0 || len(n.Bus) == 0 || len(n.Channels) == 0 || len(n.Hospitals) == 0 {
		return fmt.Errorf("want at least one metro line, bus line, channel and hospital")
	}
	modes := map[string]string{}
	for _, o := range n.Operators {
		if o.ID == "" || o.Mode != "metro" && o.Mode != "bus" {
			return fmt.Errorf("operator %q: want an id and mode metro or bus, not %q", o.ID, o.Mode)
		}
		modes[o.ID] = o.Mode
	}
	names := map[int]string{}
	for _, l := range n.Metro {
		if modes[l.Operator] != "metro" {
			return fmt.Errorf("metro line %d: operator %q is no metro operator of this file", l.Number, l.Operator)
		}
		if err := l.check(names); err != nil {
			return fmt.Errorf("metro line %d: %w", l.Number, err)
		}
	}
	for i := 1; i <= n.Stations(); i++ {
		if names[i] == "" {
			return fmt.Errorf("no station has number %d; stations are numbered without gaps", i)
		}
	}
	for _, l := range n.Bus {
		if modes[l.Operator] != "bus" || l.Number < 1 {
			return fmt.Errorf("bus line %d: want a number and a bus operator, not %q", l.Number, l.Operator)
		}
	}
	for _, h := range n.Hospitals {
		switch h.Class {
		case "community", "1", "2", "3":
		default:
			return fmt.Errorf("hospital %q: class %q, want community, 1, 2 or 3", h.ID, h.Class)
		}
	}
	return nil
}

func (l *MetroLine) check(names map[int]string) error {
	if len(l.Stations) < 2 {
		return fmt.Errorf("%d stations, want at least 2", len(l.Stations))
	}
	for i, s := range l.Stations {
		if s.Number < 1 || s.Chinese == "" || s.English == "" {
			return fmt.Errorf("stop %d: want a number and a name in both languages", i+1)
		}
		if (s.Metres > 0) != (i > 0) {
			return fmt.Errorf("station %d: %d metres from the stop before, want more than 0 (and 0 for the first stop)", s.Number, s.Metres)
		}
		if old, ok := names[s.Number]; ok && old != s.Chinese {
			return fmt.Errorf("station %d is named %s and %s", s.Number, old, s.Chinese)
		}
		names[s.Number] = s.Chinese
	}
	return nil
}
