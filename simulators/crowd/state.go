package crowd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"citycard/simulators/plan"
)

// stateFile holds the state after the days so far. It is sealed. Its layout, big-endian: the last
// day as YYYYMMDD (4 bytes), riders (4), seats (4), then 5 bytes a seat (0 for a bus line, 1 for a
// stray one, 2 for a gate; line 2; station 2), 6 bytes a rider (balance 4, counter 2) and 4 bytes a
// SAM (its last sequence; by lot, then seat).
const (
	stateFile  = "crowd.state"
	stateMagic = "CROWDST2"
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
	seats     []seat
	purses    []holding
	sequences [plan.Lots][]uint32 // the last of each SAM, by seat
}

// recall reads the memory of a city, or starts a new one with the opening balances. The network may
// have other seats than it had: those of before keep their sequences.
func recall(dir string, c *plan.City, t *plan.Town, seats []seat) (*memory, error) {
	path := filepath.Join(dir, stateFile)
	data, err := plan.ReadSealed(path, stateMagic)
	if errors.Is(err, os.ErrNotExist) {
		return begin(c, t, seats)
	}
	if err != nil {
		return nil, err
	}
	other := fmt.Errorf("%s: of another city or network", path)
	if len(data) < head {
		return nil, other
	}
	m := &memory{day: int(binary.BigEndian.Uint32(data)), seats: seats, purses: make([]holding, c.Riders)}
	riders, before := binary.BigEndian.Uint32(data[4:]), int(binary.BigEndian.Uint32(data[8:]))
	if data = data[head:]; int(riders) != c.Riders || len(data) != 5*before+6*c.Riders+4*plan.Lots*before {
		return nil, other
	}
	places := make(map[where]int, len(seats))
	for i := range seats {
		places[seats[i].where] = i
	}
	now := make([]int, before) // by place before
	for i := range now {
		var known bool
		if now[i], known = places[readWhere([5]byte(data))]; !known {
			return nil, other
		}
		data = data[5:]
	}
	for i := range m.purses {
		m.purses[i] = holding{binary.BigEndian.Uint32(data), binary.BigEndian.Uint16(data[4:])}
		data = data[6:]
	}
	for lot := range m.sequences {
		m.sequences[lot] = make([]uint32, len(seats))
		for i := range before {
			m.sequences[lot][now[i]] = binary.BigEndian.Uint32(data)
			data = data[4:]
		}
	}
	return m, nil
}

// bytes is a place in the state's file.
func (w where) bytes() [5]byte {
	b := [5]byte{0, byte(w.line >> 8), byte(w.line), byte(w.station >> 8), byte(w.station)}
	switch {
	case w.metro:
		b[0] = 2
	case w.stray:
		b[0] = 1
	}
	return b
}

func readWhere(b [5]byte) where {
	return where{
		metro: b[0] == 2, stray: b[0] == 1, line: binary.BigEndian.Uint16(b[1:]), station: binary.BigEndian.Uint16(b[3:]),
	}
}

func begin(c *plan.City, t *plan.Town, seats []seat) (*memory, error) {
	m := &memory{seats: seats, purses: make([]holding, c.Riders)}
	for i := range m.purses {
		k, err := newCard(c, t, i)
		if err != nil {
			return nil, err
		}
		m.purses[i].balance = k.Opening
	}
	for lot := range m.sequences {
		m.sequences[lot] = make([]uint32, len(seats))
	}
	return m, nil
}

func (m *memory) save(dir string) error {
	b := make([]byte, 0, head+5*len(m.seats)+6*len(m.purses)+4*plan.Lots*len(m.seats))
	for _, n := range []int{m.day, len(m.purses), len(m.seats)} {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	for i := range m.seats {
		where := m.seats[i].bytes()
		b = append(b, where[:]...)
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
