package plan

import (
	"cmp"
	"fmt"
	"slices"

	"citycard/clearing/message"
	"citycard/simulators/document"
)

// Tables are the published fare tables, by the moment from which terminals use them.
type Tables []Table

// Table is a published fare table.
type Table struct {
	From document.Moment
	*message.FareTable
}

// NewTables sorts published tables. Of two that begin at one moment the later of the list counts.
func NewTables(published []*message.FareTable) (Tables, error) {
	var tables Tables
	for _, t := range published {
		from, err := document.Packed(t.GetEffectiveFrom())
		if err != nil {
			return nil, fmt.Errorf("fare table %s: effective_from: %w", t.GetVersion(), err)
		}
		tables = slices.DeleteFunc(tables, func(old Table) bool { return old.From == from })
		tables = append(tables, Table{from, t})
	}
	slices.SortFunc(tables, func(a, b Table) int { return cmp.Compare(a.From, b.From) })
	return tables, nil
}

// At is the table of a terminal whose clock shows a moment: the last that has begun; nil before the
// first.
func (ts Tables) At(at document.Moment) *message.FareTable {
	for _, t := range slices.Backward(ts) {
		if t.From <= at {
			return t.FareTable
		}
	}
	return nil
}

// changes are the moments after the first and up to the last at which another table begins.
func (ts Tables) changes(first, last document.Moment) (changes []document.Moment) {
	for _, t := range ts {
		if first < t.From && t.From <= last {
			changes = append(changes, t.From)
		}
	}
	return changes
}
