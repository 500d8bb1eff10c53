package outbox

import (
	"bytes"
	"fmt"
	"slices"
)

// Limits of local records: they are copied into every new segment, so they are few and small.
const (
	// MaxLocal is how many local records may stand at a time.
	MaxLocal      = 128
	maxLocalKey   = 64
	maxLocalValue = 2 << 10
)

// Local is a record that stays in the outbox: something the terminal has to know again after a
// crash, and that is never sent. Of those with the same key the last one stands; one without a
// value says that none does.
type Local struct {
	Key   []byte
	Value []byte
}

func (l Local) validate() error {
	if len(l.Key) == 0 || len(l.Key) > maxLocalKey {
		return fmt.Errorf("outbox: key of a local record of %d bytes, want 1 to %d", len(l.Key), maxLocalKey)
	}
	if len(l.Value) > maxLocalValue {
		return fmt.Errorf("outbox: local record of %d bytes, at most %d", len(l.Value), maxLocalValue)
	}
	return nil
}

// record is how a local record is written: it is the one without a topic.
func (l Local) record() Record { return Record{Key: l.Key, Value: l.Value} }

// locals are the local records that stand, in the order in which their keys came.
type locals []Local

// with returns the records that stand after some more. It fails where those are too many, and
// leaves the present ones as they are.
func (s locals) with(more []Local) (locals, error) {
	if len(more) == 0 {
		return s, nil
	}
	s = slices.Clone(s)
	for _, l := range more {
		at := slices.IndexFunc(s, func(has Local) bool { return bytes.Equal(has.Key, l.Key) })
		l = Local{bytes.Clone(l.Key), bytes.Clone(l.Value)} // the caller's bytes are its own
		switch {
		case len(l.Value) == 0 && at >= 0:
			s = slices.Delete(s, at, at+1)
		case len(l.Value) == 0:
		case at >= 0:
			s[at] = l
		default:
			s = append(s, l)
		}
	}
	if len(s) > MaxLocal {
		return nil, fmt.Errorf("outbox: %d local records would stand, at most %d", len(s), MaxLocal)
	}
	return s, nil
}

// frame is how they are written at the start of a segment; empty if there are none.
func (s locals) frame(salt [8]byte, first uint64) []byte {
	if len(s) == 0 {
		return nil
	}
	f := frame{first: first}
	for _, l := range s {
		f.payload = appendRecord(f.payload, l.record())
	}
	return encodeFrame(salt, f)
}

// Locals returns the local records that stand on the disk, in the order in which their keys came.
func (l *Log) Locals() []Local {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.local)
}
