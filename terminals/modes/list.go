package modes

import (
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/kept"
)

// clock is the format of seconds in entries; the texts sort in the order of time.
const clock = "20060102150405"

// magic begins a file of modes.
const magic = "CITYMOD1"

// Place is where a terminal stands.
type Place struct {
	Transport     message.Mode
	Line, Station uint32 // station 0 on a bus
}

// List is the modes that a terminal knows. It is safe for concurrent use; a nil list has none.
type List struct {
	path  string
	known atomic.Pointer[message.ModeList] // checked; nil for none
}

// Open reads the modes that are kept in a file. There are none where there is no file, and with
// kept.ErrDamaged; the list can be used in both cases.
func Open(path string) (*List, error) {
	l := &List{path: path}
	lists, err := kept.Read[message.ModeList](path, magic)
	if err != nil {
		return l, fmt.Errorf("service modes: %w", err)
	}
	for _, list := range lists {
		if err := check(list); err != nil {
			return l, fmt.Errorf("service modes: %w", kept.Damaged(path, err))
		}
		l.known.Store(list)
	}
	return l, nil
}

// Save puts the modes in their file, on disk. A crash leaves the old file or the new one.
func (l *List) Save() error {
	var all iter.Seq[*message.ModeList] = func(yield func(*message.ModeList) bool) {
		if known := l.known.Load(); known != nil {
			yield(known)
		}
	}
	if err := kept.Write(l.path, magic, all); err != nil {
		return fmt.Errorf("service modes: %w", err)
	}
	return nil
}

// Parse reads a published list, and refuses one by which no terminal could act.
func Parse(value []byte) (*message.ModeList, error) {
	if len(value) > message.ModesLimit {
		return nil, fmt.Errorf("it has %d bytes, at most %d", len(value), message.ModesLimit)
	}
	list := new(message.ModeList)
	if err := proto.Unmarshal(value, list); err != nil {
		return nil, fmt.Errorf("it is no list of modes: %w", err)
	}
	return list, check(list)
}

func check(list *message.ModeList) error {
	if n := len(list.GetModes()); n > message.MostModes {
		return fmt.Errorf("it has %d modes, at most %d", n, message.MostModes)
	}
	seen := map[string]bool{}
	for _, m := range list.GetModes() {
		if seen[m.GetId()] {
			return fmt.Errorf("mode %q stands twice", m.GetId())
		}
		seen[m.GetId()] = true
		if err := checkEntry(m); err != nil {
			return fmt.Errorf("mode %q: %w", m.GetId(), err)
		}
	}
	return checkIssuers(list.GetIssuers())
}

func checkEntry(m *message.ModeEntry) error {
	inOrder := m.GetKind() == message.ServiceMode_SERVICE_MODE_NO_ORDER
	said := m.GetExitWithoutEntry() != message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_UNSPECIFIED
	switch {
	case !slices.Contains(message.ServiceModes(), m.GetKind()):
		return fmt.Errorf("kind %d is not known here", m.GetKind())
	case m.GetTransport() != message.Mode_MODE_METRO && m.GetTransport() != message.Mode_MODE_BUS:
		return fmt.Errorf("transport %d is not known here", m.GetTransport())
	case (len(m.GetLines()) == 0) != (m.GetStation() != 0) || slices.Contains(m.GetLines(), 0):
		return fmt.Errorf("it is at lines %v and station %d, want one of them", m.GetLines(), m.GetStation())
	case !second(m.GetFrom()) || m.GetTo() != "" && (!second(m.GetTo()) || m.GetTo() < m.GetFrom()):
		return fmt.Errorf("it holds from %q to %q, want YYYYMMDDhhmmss", m.GetFrom(), m.GetTo())
	case inOrder != said || m.GetExitWithoutEntry() > message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_HIGHEST || m.GetExitWithoutEntry() < 0:
		return fmt.Errorf("who leaves without an entry: %d is not known here", m.GetExitWithoutEntry())
	}
	return nil
}

func second(text string) bool {
	_, err := time.Parse(clock, text)
	return err == nil && len(text) == len(clock) // Parse takes fractions as well
}

// Replace puts another list, which was checked, in the place of the known one. It must not be
// changed afterwards.
func (l *List) Replace(list *message.ModeList) { l.known.Store(list) }

// Version is the version of the registry that the list is of, 0 for none.
func (l *List) Version() int64 {
	if l == nil {
		return 0
	}
	return l.known.Load().GetVersion()
}

// Len counts the modes that are known, in force or not.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return len(l.known.Load().GetModes())
}

// At are the modes in force at a place, at a time in the city's zone.
func (l *List) At(p Place, at time.Time) (s Set) {
	if l == nil {
		return s
	}
	now, latest := at.Format(clock), ""
	for _, m := range l.known.Load().GetModes() {
		if m.GetFrom() > now || m.GetTo() != "" && m.GetTo() < now || !covers(m, p) {
			continue
		}
		if m.GetKind() == message.ServiceMode_SERVICE_MODE_NO_ORDER && m.GetFrom() >= latest {
			s.Unentered, latest = m.GetExitWithoutEntry(), m.GetFrom()
		}
		s.add(m.GetKind())
	}
	return s
}

func covers(m *message.ModeEntry, p Place) bool {
	return m.GetTransport() == p.Transport &&
		(m.GetStation() != 0 && m.GetStation() == p.Station || slices.Contains(m.GetLines(), p.Line))
}

// Set is the modes in force at a place and time; the zero value has none.
type Set struct {
	// Kinds are those in force, in the order of their numbers.
	Kinds []message.ServiceMode
	// Unentered is what becomes of a card that wants to leave without an entry, by the mode that
	// began last of those in which the order is not checked.
	Unentered message.ExitWithoutEntry
}

func (s *Set) add(kind message.ServiceMode) {
	if i, found := slices.BinarySearch(s.Kinds, kind); !found {
		s.Kinds = slices.Insert(s.Kinds, i, kind)
	}
}

// Has reports whether a mode of a kind is in force.
func (s *Set) Has(kind message.ServiceMode) bool { return slices.Contains(s.Kinds, kind) }

// Equal reports whether the same kinds are in force.
func (s *Set) Equal(other Set) bool { return slices.Equal(s.Kinds, other.Kinds) }
