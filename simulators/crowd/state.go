package crowd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"citycard/simulators/plan"
)

// stateFile holds the state after the days so far. It is sealed. Its layout, big-endian:
// the last day as YYYYMMDD (4 bytes), riders (4), seats (4), then 6 bytes a rider (balance 4,
// counter 2) and 4 bytes a SAM (its last sequence; by lot, then seat).
const (
	stateFile  = "crowd.state"
	stateMagic = "CROWDST1"
	head       = 12
)

// ErrPlayed says that this day or a later one was played here already.
var ErrPlayed = errors.New("the day has been played here")

// holding is a card's memory.
type holding struct {
	balance uint32 // fen
	counter uint16 // offline sequence of the next debit
}

// memory is the state after the days so far.
type memory struct {
	day       int
	purses    []holding
	sequences [plan.Lots][]uint32 // the last of each SAM, by seat
}

// recall reads the memory of a city, or starts a new one with the opening balances.
func recall(dir string, c *plan.City, seats int) (*memory, error) {
	path := filepath.Join(dir, stateFile)
	data, err := plan.ReadSealed(path, stateMagic)
	if errors.Is(err, os.ErrNotExist) {
		return begin(c, seats)
	}
	if err != nil {
		return nil, err
	}
	if len(data) != head+6*c.Riders+4*plan.Lots*seats {
		return nil, fmt.Errorf("%s: of another city or network", path)
	}
	m := &memory{day: int(binary.BigEndian.Uint32(data)), purses: make([]holding, c.Riders)}
	data = data[head:]
	for i := range m.purses {
		m.purses[i] = holding{binary.BigEndian.Uint32(data), binary.BigEndian.Uint16(data[4:])}
		data = data[6:]
	}
	for lot := range m.sequences {
		m.sequences[lot] = make([]uint32, seats)
		for i := range m.sequences[lot] {
			m.sequences[lot][i] = binary.BigEndian.Uint32(data)
			data = data[4:]
		}
	}
	return m, nil
}

func begin(c *plan.City, seats int) (*memory, error) {
	m := &memory{purses: make([]holding, c.Riders)}
	for i := range m.purses {
		k, err := newCard(c, i)
		if err != nil {
			return nil, err
		}
		m.purses[i].balance = k.Opening
	}
	for lot := range m.sequences {
		m.sequences[lot] = make([]uint32, seats)
	}
	return m, nil
}

func (m *memory) save(dir string) error {
	b := make([]byte, 0, head+6*len(m.purses)+4*plan.Lots*len(m.sequences[0]))
	for _, n := range []int{m.day, len(m.purses), len(m.sequences[0])} {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	for _, p := range m.purses {
		b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint32(b, p.balance), p.counter)
	}
	for lot := range m.sequences {
		for _, n := range m.sequences[lot] {
			b = binary.BigEndian.AppendUint32(b, n)
		}
	}
	return plan.WriteSealed(filepath.Join(dir, stateFile), stateMagic, b)
}
