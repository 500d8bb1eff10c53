package index

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"citycard/clearing/message"
	"citycard/ledger"
)

// ServiceMode says that the terminals of an area do not check something for a while (降级模式). Of an
// id there is one.
type ServiceMode struct {
	ID       string
	Kind     message.ServiceMode
	Area     Area
	From, To Moment // both included
	// Unentered is what becomes of a card that has not entered, where the order is not checked.
	Unentered message.ExitWithoutEntry
}

// Holds reports whether the mode is in force at a moment.
func (m *ServiceMode) Holds(at Moment) bool { return m.From <= at && at <= m.To }

// Area is where a mode is in force. One of its fields is set.
type Area struct {
	Line     string // an id
	Station  uint32 // of the metro, by its number in the network
	Operator string // an id
}

// The words before an area's id or number.
const (
	areaLine     = "line"
	areaStation  = "station"
	areaOperator = "operator"
)

// ParseArea reads line:ID, station:NUMBER or operator:ID. What comes behind the colon is not looked
// up, and an id is not checked.
func ParseArea(text string) (a Area, ok bool) {
	of, name, ok := strings.Cut(text, ":")
	if !ok || name == "" {
		return a, false
	}
	switch of {
	case areaLine:
		a.Line = name
	case areaOperator:
		a.Operator = name
	case areaStation:
		n, err := strconv.ParseUint(name, 10, 16)
		if err != nil || n == 0 || strconv.FormatUint(n, 10) != name {
			return a, false
		}
		a.Station = uint32(n)
	default:
		return a, false
	}
	return a, true
}

// String is the area as ParseArea reads it.
func (a Area) String() string {
	switch {
	case a.Line != "":
		return areaLine + ":" + a.Line
	case a.Operator != "":
		return areaOperator + ":" + a.Operator
	}
	return fmt.Sprintf("%s:%d", areaStation, a.Station)
}

// Modes are the service modes of a registry, by their ids. They are never changed once somebody may
// be reading them.
type Modes struct{ rows map[string]ServiceMode }

// Add puts a mode in its place.
func (t *Modes) Add(m ServiceMode) {
	if t.rows == nil {
		t.rows = map[string]ServiceMode{}
	}
	t.rows[m.ID] = m
}

// Find finds a mode.
func (t *Modes) Find(id string) (ServiceMode, bool) {
	m, ok := t.rows[id]
	return m, ok
}

// Len counts the modes.
func (t *Modes) Len() int { return len(t.rows) }

// All goes through the modes in the order of their ids.
func (t *Modes) All() iter.Seq[ServiceMode] {
	return func(yield func(ServiceMode) bool) {
		for _, id := range slices.Sorted(maps.Keys(t.rows)) {
			if !yield(t.rows[id]) {
				return
			}
		}
	}
}

// Overlap finds another mode of the same kind and area that is in force at a moment of a mode.
func (t *Modes) Overlap(m ServiceMode) (other ServiceMode, found bool) {
	for other := range t.All() {
		if other.ID != m.ID && other.Kind == m.Kind && other.Area == m.Area && other.From <= m.To && m.From <= other.To {
			return other, true
		}
	}
	return ServiceMode{}, false
}

// with is t and then the modes of more; neither is changed.
func (t *Modes) with(more *Modes) Modes {
	switch {
	case len(more.rows) == 0:
		return *t
	case len(t.rows) == 0:
		return *more
	}
	merged := maps.Clone(t.rows)
	maps.Copy(merged, more.rows)
	return Modes{merged}
}

// ModesAt are the modes, by their ids, in force at the place of a terminal at a signed time, whose
// date must be in the calendar. A terminal that is registered without a line or a station is where
// it says it is.
func (e *Edition) ModesAt(t Terminal, line, station uint32, bcd [7]byte) (modes []ServiceMode) {
	if e.rows.Modes.Len() == 0 {
		return nil
	}
	if t.Line != 0 {
		line = t.Line
	}
	if t.Station != 0 {
		station = t.Station
	}
	at := momentOf(bcd)
	for m := range e.rows.Modes.All() {
		if m.Holds(at) && e.covers(m.Area, t, line, station, at.Day()) {
			modes = append(modes, m)
		}
	}
	return modes
}

// covers reports whether a terminal that stands at a line and a station is in an area on a day.
func (e *Edition) covers(a Area, t Terminal, line, station uint32, day ledger.Day) bool {
	switch {
	case a.Operator != "":
		return t.Operator == a.Operator
	case a.Line != "":
		l, ok := e.Line(a.Line, day)
		return ok && l.Mode == t.Mode && l.Number == line
	}
	return t.Mode == "metro" && a.Station == station
}

// Told reports whether a mode of a kind, in force at a signed time, is told to gates at a line and
// station: what a gate elsewhere makes of an entry there. Line 0 is none. The date must be in the
// calendar.
func (e *Edition) Told(kind message.ServiceMode, line, station uint32, bcd [7]byte) bool {
	at := momentOf(bcd)
	for _, m := range e.rows.Modes.rows {
		if m.Kind != kind || !m.Holds(at) {
			continue
		}
		r := e.Reach(m.Area, at.Day(), m.To.Day())
		if r.Mode == "metro" && (r.Station != 0 && r.Station == station || slices.Contains(r.Lines, line)) {
			return true
		}
	}
	return false
}

// Reach is what terminals know of an area: the kind of transport, and lines or a station.
type Reach struct {
	Mode    string // metro, bus
	Lines   []uint32
	Station uint32
}

// Reach is that of an area from a day to another one. The lines of an operator are those that are
// registered as its own and those at which its terminals stand, without those that it shares. A
// line that has its number with others reaches none.
func (e *Edition) Reach(a Area, from, to ledger.Day) Reach {
	switch {
	case a.Station != 0:
		return Reach{Mode: "metro", Station: a.Station}
	case a.Line != "":
		l, ok := e.Line(a.Line, from)
		if !ok {
			l, _ = e.rows.Lines.Latest(a.Line)
		}
		if len(e.Namesakes(a.Line, from, to)) > 0 {
			return Reach{Mode: l.Mode}
		}
		return Reach{Mode: l.Mode, Lines: numbers(map[uint32]bool{l.Number: true})}
	}
	transport, own, others := e.linesOf(a.Operator, from, to)
	for number := range others {
		delete(own, number)
	}
	return Reach{Mode: transport, Lines: numbers(own)}
}

// Namesakes are the lines of other operators, by their ids, that have the transport and the number
// of a line on a day from one to another. A terminal knows the number of its line and not its id,
// so no mode of such a line can be told to its terminals alone.
func (e *Edition) Namesakes(line string, from, to ledger.Day) (ids []string) {
	l, ok := e.Line(line, from)
	if !ok {
		l, ok = e.rows.Lines.Latest(line)
	}
	if !ok || l.Number == 0 {
		return nil
	}
	for other := range between(&e.rows.Lines, from, to) {
		if other.ID != line && other.Operator != l.Operator && other.Mode == l.Mode && other.Number == l.Number {
			ids = append(ids, other.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Shared are the lines of an operator, by their numbers, at which terminals of other operators
// stand too from a day to another one. A terminal knows the number of its line and not whose line
// it is, so no mode of an operator can be told to the terminals of such a line.
func (e *Edition) Shared(operator string, from, to ledger.Day) []uint32 {
	_, own, others := e.linesOf(operator, from, to)
	maps.DeleteFunc(own, func(number uint32, _ bool) bool { return !others[number] })
	return numbers(own)
}

// linesOf are the numbers of an operator's lines, and of the lines at which terminals of others of
// its transport stand. A terminal that is registered without a line may stand at each of those of
// its operator, and at any if that has none.
func (e *Edition) linesOf(id string, from, to ledger.Day) (transport string, own, others map[uint32]bool) {
	operator, ok := e.Operator(id, from)
	if !ok {
		operator, _ = e.rows.Operators.Latest(id)
	}
	own, others = map[uint32]bool{}, map[uint32]bool{}
	roaming := map[string][]uint32{} // operators with terminals that have no line, and their lines
	for t := range between(&e.rows.Terminals, from, to) {
		switch {
		case t.Mode != operator.Mode:
		case t.Operator == id:
			own[t.Line] = true
		case t.Line == 0:
			roaming[t.Operator] = nil
		default:
			others[t.Line] = true
		}
	}
	for l := range between(&e.rows.Lines, from, to) {
		if l.Mode == operator.Mode && l.Operator == id {
			own[l.Number] = true
		} else if lines, ok := roaming[l.Operator]; ok && l.Mode == operator.Mode && l.Number != 0 {
			roaming[l.Operator] = append(lines, l.Number)
		}
	}
	for _, lines := range roaming {
		for _, number := range lines {
			others[number] = true
		}
		if len(lines) == 0 {
			maps.Copy(others, own)
		}
	}
	return operator.Mode, own, others
}

// between goes through the rows that hold on a day of a span, in no order.
func between[K comparable, T Spanned](t *Timelines[K, T], from, to ledger.Day) iter.Seq[T] {
	return func(yield func(T) bool) {
		for key, row := range t.last {
			if row.Since() <= to && (row.Days().To == 0 || row.Days().To >= from) && !yield(row) {
				return
			}
			next := row.Since()
			for _, row := range slices.Backward(t.earlier[key]) {
				over := next <= from || row.Days().To != 0 && row.Days().To < from
				if next = row.Since(); !over && next <= to && !yield(row) {
					return
				}
			}
		}
	}
}

// numbers are numbers of lines in order, without that of a line that has none.
func numbers(found map[uint32]bool) []uint32 {
	delete(found, 0)
	return slices.Sorted(maps.Keys(found))
}

// HasStation reports whether a gate is registered at a station of the metro, on whatever day.
func (r *Rows) HasStation(station uint32) bool {
	for _, t := range r.Terminals.All(Compare) {
		if t.Mode == "metro" && t.Station == station {
			return true
		}
	}
	return false
}
