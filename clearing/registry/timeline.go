package registry

import (
	"maps"
	"slices"

	"citycard/ledger"
)

// dated is a row that holds from a day on.
type dated interface {
	comparable
	since() ledger.Day
}

// timelines are the rows of one kind, by key and first day. Most keys have one
// row, so the latest of each is kept by itself.
type timelines[K comparable, T dated] struct {
	last    map[K]T
	earlier map[K][]T // in order of first day
}

// add puts a row in its place; one of the same first day gives way.
func (t *timelines[K, T]) add(key K, row T) {
	if t.last == nil {
		t.last, t.earlier = map[K]T{}, map[K][]T{}
	}
	last, known := t.last[key]
	switch {
	case !known || last.since() == row.since():
		t.last[key] = row
	case last.since() < row.since():
		// A new slice: the old one may belong to another edition too.
		t.earlier[key] = slices.Concat(t.earlier[key], []T{last})
		t.last[key] = row
	default:
		rows := slices.Clone(t.earlier[key])
		at, same := slices.BinarySearchFunc(rows, row, byDay)
		if same {
			rows[at] = row
		} else {
			rows = slices.Insert(rows, at, row)
		}
		t.earlier[key] = rows
	}
}

func byDay[T dated](a, b T) int { return int(a.since()) - int(b.since()) }

// on finds the row that the day falls to, whose last day may be over.
func (t *timelines[K, T]) on(key K, day ledger.Day) (T, bool) {
	row, ok := t.last[key]
	if !ok || row.since() <= day {
		return row, ok
	}
	rows := t.earlier[key]
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].since() <= day {
			return rows[i], true
		}
	}
	var none T
	return none, false
}

// at finds the row with exactly this first day.
func (t *timelines[K, T]) at(key K, first ledger.Day) (T, bool) {
	row, ok := t.on(key, first)
	return row, ok && row.since() == first
}

func (t *timelines[K, T]) knows(key K) bool {
	_, ok := t.last[key]
	return ok
}

// rows are all rows of a key, in order.
func (t *timelines[K, T]) rows(key K) []T {
	last, ok := t.last[key]
	if !ok {
		return nil
	}
	return append(slices.Clone(t.earlier[key]), last)
}

// keys lists the keys in order.
func (t *timelines[K, T]) keys(compare func(a, b K) int) []K {
	return slices.SortedFunc(maps.Keys(t.last), compare)
}

// with is t and then the rows of more; neither is changed.
func (t timelines[K, T]) with(more timelines[K, T]) timelines[K, T] {
	switch {
	case len(more.last) == 0:
		return t
	case len(t.last) == 0:
		return more
	}
	sum := timelines[K, T]{maps.Clone(t.last), maps.Clone(t.earlier)}
	for key := range more.last {
		for _, row := range more.rows(key) {
			sum.add(key, row)
		}
	}
	return sum
}

// inForce is the row of a day whose last day is not over.
func inForce[K comparable, T interface {
	dated
	span() Span
}](t *timelines[K, T], key K, day ledger.Day) (T, bool) {
	row, ok := t.on(key, day)
	if !ok || !row.span().Holds(day) {
		var none T
		return none, false
	}
	return row, true
}
