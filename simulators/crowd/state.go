package crowd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"citycard/simulators/city"
)

// stateFile holds what the days so far have left behind. Its layout, big-endian:
// magic, the last day as YYYYMMDD (4 bytes), riders (4), seats (4), then 6 bytes a
// rider (balance 4, counter 2), 4 bytes a SAM (its last sequence; by lot, then seat),
// and the CRC-32 (IEEE) of everything before it.
const (
	stateFile  = "crowd.state"
	stateMagic = "CROWDST1"
)

// ErrPlayed says that this day or a later one was played here already.
var ErrPlayed = errors.New("the day has been played here")

// holding is a card's memory.
type holding struct {
	balance uint32 // fen
	counter uint16 // offline sequence of the next debit
}

// memory is what the days so far have left behind.
type memory struct {
	day       int
	purses    []holding
	sequences [city.Lots][]uint32 // the last of each SAM, by seat
}

// recall reads the memory of a city, or begins it with the openings.
func recall(dir string, c City, seats int) (*memory, error) {
	path := filepath.Join(dir, stateFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return begin(c, seats)
	}
	if err != nil {
		return nil, err
	}
	const head = len(stateMagic) + 12
	want := head + 6*c.Riders + 4*city.Lots*seats + 4
	if len(data) != want || string(data[:len(stateMagic)]) != stateMagic ||
		binary.BigEndian.Uint32(data[len(data)-4:]) != crc32.ChecksumIEEE(data[:len(data)-4]) {
		return nil, fmt.Errorf("%s: damaged, or of another city or network", path)
	}
	m := &memory{day: int(binary.BigEndian.Uint32(data[len(stateMagic):])), purses: make([]holding, c.Riders)}
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

func begin(c City, seats int) (*memory, error) {
	m := &memory{purses: make([]holding, c.Riders)}
	for i := range m.purses {
		k, err := c.card(i)
		if err != nil {
			return nil, err
		}
		m.purses[i].balance = k.opening
	}
	for lot := range m.sequences {
		m.sequences[lot] = make([]uint32, seats)
	}
	return m, nil
}

func (m *memory) save(dir string) error {
	return replaceFile(filepath.Join(dir, stateFile), func(w *fileWriter) {
		b := append(make([]byte, 0, 64), stateMagic...)
		b = binary.BigEndian.AppendUint32(b, uint32(m.day))
		b = binary.BigEndian.AppendUint32(b, uint32(len(m.purses)))
		w.put(binary.BigEndian.AppendUint32(b, uint32(len(m.sequences[0]))))
		for _, p := range m.purses {
			w.put(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint32(b[:0], p.balance), p.counter))
		}
		for lot := range m.sequences {
			for _, n := range m.sequences[lot] {
				w.put(binary.BigEndian.AppendUint32(b[:0], n))
			}
		}
		w.put(binary.BigEndian.AppendUint32(b[:0], w.sum))
	})
}
