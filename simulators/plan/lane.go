package plan

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"citycard/durable"
	"citycard/simulators/document"
	"citycard/simulators/network"
)

// Lane is a terminal that is a program of its own, behind a real reader, at which cards of the city
// ride that stay away from the simulated terminals. Its settings are called as those of cardterm.
type Lane struct {
	Agent     string `json:"agent"` // the program that it belongs to
	Name      string `json:"name"`
	Role      string `json:"role"`                // gate, validator or station (a desk)
	Direction string `json:"direction,omitempty"` // of a gate: in or out
	Line      int    `json:"line"`
	Station   int    `json:"station,omitempty"`
	Operator  int    `json:"operator"`
	Vehicle   string `json:"vehicle,omitempty"`
	Terminal  string `json:"terminal"` // its SAM, 12 digits
	Slot      int    `json:"slot"`     // of the reader for cards
	SAM       int    `json:"sam"`      // slot of the reader with its SAM; NoSlot: a SAM in software
}

// NoSlot is where a SAM is that is in no reader.
const NoSlot = -1

// MetroSlots is how many slots are needed for the gates as well.
const MetroSlots = laneBuses + 4*laneGates + laneDesk

// The slots of the lanes that there may be: buses with a SAM in software, two stations with a gate
// in each direction, and a desk at the second; these have their SAMs in readers.
const (
	laneBuses = 6
	laneGates = 2
	laneDesk  = 2
)

// Roles of lanes.
const (
	roleGate = "gate"
	roleDesk = "station"
)

// LaneFile is the file in which a city's lanes are.
const LaneFile = "lanes.json"

// IsGate says whether it is a gate of the metro.
func (l *Lane) IsGate() bool { return l.Role == roleGate }

// IsDesk says whether it is the desk of a metro station, whose staff correct cards.
func (l *Lane) IsDesk() bool { return l.Role == roleDesk }

// Number is the number of its SAM.
func (l *Lane) Number() ([6]byte, error) {
	b, err := hex.DecodeString(l.Terminal)
	if err != nil || len(b) != 6 {
		return [6]byte{}, fmt.Errorf("lane %s: terminal %q, want 12 digits", l.Name, l.Terminal)
	}
	return [6]byte(b), nil
}

// Lanes are as many lanes as there are slots for; the metro's, the last five, are there together or
// not at all.
func (t *Town) Lanes(day, slots int) (lanes []Lane, err error) {
	add := func(l Lane, sam int) {
		number, failed := Terminal(Reader, 0, len(lanes))
		err = errors.Join(err, failed)
		l.Terminal, l.SAM = hex.EncodeToString(number[:]), sam
		lanes = append(lanes, l)
	}
	m := t.Rules.Maps.At(document.Midnight(day))
	for i := range laneBuses {
		if i >= slots || len(m.Bus) == 0 {
			break
		}
		line := m.Bus[i%len(m.Bus)]
		_, operator := t.Operator(network.Bus, line)
		name := fmt.Sprintf("bus-%d", i+1)
		add(Lane{Agent: name, Name: name, Role: "validator", Line: line, Operator: operator, Vehicle: fmt.Sprintf("R%04d", i+1), Slot: i}, NoSlot)
	}
	if slots < MetroSlots || len(m.Lines) == 0 {
		return lanes, err
	}
	line := m.Lines[0]
	_, operator := t.Operator(network.Metro, line.Number)
	slot := laneBuses
	for i, stop := range []network.Stop{line.Stops[0], line.Stops[len(line.Stops)/2]} {
		for _, direction := range []string{"in", "out"} {
			add(Lane{
				Agent: fmt.Sprintf("station-%d", i+1), Name: "gate-" + direction, Role: roleGate, Direction: direction,
				Line: line.Number, Station: stop.Station, Operator: operator, Slot: slot,
			}, slot+1)
			slot += 2
		}
	}
	at := lanes[len(lanes)-1].Station
	add(Lane{Agent: "desk", Name: "desk", Role: roleDesk, Line: line.Number, Station: at, Operator: operator, Slot: slot}, slot+1)
	return lanes, err
}

// WriteLanes writes a city's lanes into its directory.
func WriteLanes(dir string, lanes []Lane) error {
	data, err := json.MarshalIndent(lanes, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, LaneFile), append(data, '\n'))
}

// ReadLanes reads them; there are none where the city was issued without.
func ReadLanes(dir string) (lanes []Lane, err error) {
	path := filepath.Join(dir, LaneFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &lanes)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return lanes, nil
}
