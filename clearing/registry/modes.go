package registry

import (
	"fmt"
	"strconv"
	"strings"

	"citycard/clearing/message"
	"citycard/clearing/registry/index"
	"citycard/language"
)

// bySecond reports whether rows of a kind hold from a second on, not from a day on.
func (k Kind) bySecond() bool { return k == Hotlist || k == Modes }

// mode reads a service mode. A row without an id begins one under the next number. A row that has
// neither id nor beginning ends the mode of its kind and area that is in force at its end: who ends
// one in a hurry need not look it up.
func (b *builder) mode(f []string) error {
	c := cells{fields: f, stored: b.stored}
	m := index.ServiceMode{ID: f[0], Kind: message.ServiceModes()[c.oneOf(1, message.ServiceModeCodes())], To: index.Open}
	var ok bool
	if m.Area, ok = index.ParseArea(f[2]); !ok {
		c.fail(2, "line:ID, station:NUMBER or operator:ID")
	}
	if len(f) > 5 {
		m.Unentered = message.ExitWithoutEntry(c.oneOf(5, message.ExitsWithoutEntry()))
	}
	if f[4] != "" {
		m.To = c.moment(4)
	}
	if f[0] == "" && f[3] == "" && !b.stored && c.err == nil {
		return b.endMode(m)
	}
	if m.From = c.moment(3); m.To < m.From {
		c.fail(4, "a moment not before the first")
	}
	if m.ID != "" || b.stored {
		m.ID = c.id(0)
	}
	switch {
	case c.err != nil:
		return c.err
	case b.stored:
		b.rows.Modes.Add(m)
		return nil
	}
	return b.addMode(m)
}

// addMode checks a mode of a file and adds it unless it is in force already.
func (b *builder) addMode(m index.ServiceMode) error {
	if m.ID == "" {
		for known := range b.base.Modes.All() {
			if m.ID = known.ID; m == known {
				return nil
			}
		}
		m.ID = b.nextMode()
	}
	if _, twice := b.rows.Modes.Find(m.ID); twice {
		return fmt.Errorf("mode %s occurs twice", m.ID)
	}
	known, old := b.base.Modes.Find(m.ID)
	switch {
	case old && known == m:
		return nil
	case old && known.From != m.From:
		return fmt.Errorf("mode %s is registered from %s on; one that begins at another moment has another id", m.ID, known.From)
	}
	if err := b.checkMode(m); err != nil {
		return err
	}
	b.rows.Modes.Add(m)
	return nil
}

// nextMode is the next number that is no mode's id.
func (b *builder) nextMode() string {
	for n := b.base.Modes.Len() + 1; ; n++ {
		id := strconv.Itoa(n)
		_, base := b.base.Modes.Find(id)
		_, file := b.rows.Modes.Find(id)
		if !base && !file {
			return id
		}
	}
}

// endMode ends the mode of a kind and area that is in force at its last moment.
func (b *builder) endMode(m index.ServiceMode) error {
	for known := range b.base.Modes.All() {
		if known.Kind == m.Kind && known.Area == m.Area && m.To != index.Open && known.Holds(m.To) {
			known.To = m.To
			return b.addMode(known)
		}
	}
	return fmt.Errorf("mode %s of %s is not in force at %q, so it cannot end then; a row that begins one has effective_from", m.Kind.Code(), m.Area, m.To.End())
}

// checkMode refuses what no terminal could do, or where nobody has said what it should do.
func (b *builder) checkMode(m index.ServiceMode) error {
	if err := b.checkArea(m.Area); err != nil {
		return err
	}
	orders := m.Kind == message.ServiceMode_SERVICE_MODE_NO_ORDER
	switch {
	case orders && m.Unentered == message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_UNSPECIFIED:
		return fmt.Errorf("%s: exit_without_entry is empty, want one of refused, free, lowest, highest: what a card that has not entered pays to leave", m.Kind.Code())
	case !orders && m.Unentered != message.ExitWithoutEntry_EXIT_WITHOUT_ENTRY_UNSPECIFIED:
		return fmt.Errorf("%s: exit_without_entry is %q, want nothing: only no_order has it", m.Kind.Code(), m.Unentered.Code())
	}
	onBus := m.Kind == message.ServiceMode_SERVICE_MODE_NO_FARE || m.Kind == message.ServiceMode_SERVICE_MODE_NO_DATE
	if !onBus && b.transport(m.Area) != "metro" {
		return fmt.Errorf("%s of %s: it is of gates, and there are none on a bus", m.Kind.Code(), m.Area)
	}
	return nil
}

// checkArea refuses an area that is registered nowhere.
func (b *builder) checkArea(a index.Area) error {
	switch {
	case a.Line != "":
		return checkReference(b, &b.rows.Lines, &b.base.Lines, "line", a.Line, a.Line)
	case a.Operator != "":
		return checkReference(b, &b.rows.Operators, &b.base.Operators, "operator", a.Operator, a.Operator)
	}
	if !b.rows.HasStation(a.Station) && !b.base.HasStation(a.Station) {
		return fmt.Errorf("station %d has no gate, in terminals.csv or registered", a.Station)
	}
	return nil
}

// transport is that of an area, metro or bus.
func (b *builder) transport(a index.Area) string {
	for _, rows := range []*index.Rows{&b.rows, b.base} {
		if line, ok := rows.Lines.Latest(a.Line); ok {
			return line.Mode
		}
		if operator, ok := rows.Operators.Latest(a.Operator); ok {
			return operator.Mode
		}
	}
	return "metro"
}

// checkModes finds modes that are in force twice at once, and areas of which terminals could not
// know that they stand there. What only shortens a mode is not asked where it is.
func (in *importer) checkModes(next *index.Edition) {
	for m := range in.rows.Modes.All() {
		if other, found := next.Rows().Modes.Overlap(m); found {
			in.fault("modes.csv", 0, fmt.Sprintf("mode %s overlaps mode %s, which is of the same kind and area, from %s", m.ID, other.ID, other.From))
		}
		if known, old := in.base.Modes.Find(m.ID); old && known.Kind == m.Kind && known.Area == m.Area && m.To <= known.To {
			continue
		}
		if shared := next.Shared(m.Area.Operator, m.From.Day(), m.To.Day()); m.Area.Operator != "" && len(shared) > 0 {
			in.wrong("modes.csv", 0, language.Textf("mode %s: terminals of other operators stand at lines %v too, and would take it for theirs: of %s, name each line or station that is meant", m.ID, shared, m.Area))
		} else if others := next.Namesakes(m.Area.Line, m.From.Day(), m.To.Day()); len(others) > 0 {
			in.wrong("modes.csv", 0, language.Textf("mode %s: lines of other operators have the number of %s too, and their terminals would take it for theirs (%s): name each station that is meant, or give the lines numbers of their own", m.ID, m.Area, strings.Join(others, ", ")))
		} else if r := next.Reach(m.Area, m.From.Day(), m.To.Day()); r.Station == 0 && len(r.Lines) == 0 {
			in.fault("modes.csv", 0, fmt.Sprintf("mode %s: %s has no line with a number, by which terminals know where they stand", m.ID, m.Area))
		}
	}
}

func eachMode(rows *index.Rows, fn func(record) error) error {
	for m := range rows.Modes.All() {
		fields := []string{m.ID, m.Kind.Code(), m.Area.String(), m.From.String(), m.To.End(), m.Unentered.Code()}
		if err := fn(record{Modes, []byte(m.ID), m.From.Number(), fields}); err != nil {
			return err
		}
	}
	return nil
}
