package city

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"citycard/durable"
)

// StateFile says what was issued in a data directory.
const StateFile = "city.json"

// State is what a city was issued with; population and registry follow from it.
type State struct {
	Seed  uint64 `json:"seed"`
	Cards int    `json:"cards"`
	Day   string `json:"day"` // YYYYMMDD: certifications and ages are dated from it
}

const dayLayout = "20060102"

// Population invents the city that was issued.
func (s State) Population() (*Population, error) {
	day, err := time.Parse(dayLayout, s.Day)
	if err != nil {
		return nil, fmt.Errorf("%s: day %q, want YYYYMMDD", StateFile, s.Day)
	}
	return NewPopulation(s.Seed, s.Cards, day)
}

// ReadState reads what was issued in dir; ok is false where nothing was.
func ReadState(dir string) (state State, ok bool, err error) {
	path := filepath.Join(dir, StateFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return State{}, false, nil
	}
	if err != nil {
		return State{}, false, err
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return State{}, false, fmt.Errorf("%s: %w", path, err)
	}
	return state, true, nil
}

func (s State) write(dir string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(dir, StateFile), append(data, '\n'))
}
