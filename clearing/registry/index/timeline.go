package index

import (
	"iter"
	"maps"
	"slices"

	"citycard/ledger"
)

// Dated is a row that holds from a day on.
type Dated interface {
	comparable
	Since() ledger.Day
}

// Spanned is a row that may have a last day too.
type Spanned interface {
	Dated
	Days() Span
}

// Timelines are the rows of one kind, by key and first day. Most keys have one
// row, so the latest of each is kept by itself.
type Timelines[K comparable, T Dated] struct {
	last    map[K]T
	earlier map[K][]T // in order of first day
}

// Add puts a row in its place; it replaces a row of the same first day.
func (t *Timelines[K, T]) Add(key K, row T) {
	if t.last == nil {
		t.last, t.earlier = map[K]T{}, map[K][]T{}
	}
	last, known := t.last[key]
	switch {
	case !known || last.Since() == row.Since():
		t.last[key] = row
	case last.Since() < row.Since():
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

func byDay[T Dated](a, b T) int { return int(a.Since()) - int(b.Since()) }

// on finds the latest row that has begun by the day; its last day may be past.
func (t *Timelines[K, T]) on(key K, day ledger.Day) (T, bool) {
	row, ok := t.last[key]
	if !ok || row.Since() <= day {
		return row, ok
	}
	rows := t.earlier[key]
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].Since() <= day {
			return rows[i], true
		}
	}
	var none T
	return none, false
}

// At finds the row with exactly this first day.
func (t *Timelines[K, T]) At(key K, first ledger.Day) (T, bool) {
	row, ok := t.on(key, first)
	return row, ok && row.Since() == first
}

// Latest is the row of a key with the latest first day.
func (t *Timelines[K, T]) Latest(key K) (T, bool) {
	row, ok := t.last[key]
	return row, ok
}

// Has reports whether there is a row of a key.
func (t *Timelines[K, T]) Has(key K) bool {
	_, ok := t.last[key]
	return ok
}

// Len counts the keys.
func (t *Timelines[K, T]) Len() int { return len(t.last) }

// Of are all rows of a key, in order.
func (t *Timelines[K, T]) Of(key K) []T {
	last, ok := t.last[key]
	if !ok {
		return nil
	}
	return append(slices.Clone(t.earlier[key]), last)
}

// Keys lists the keys in order.
func (t *Timelines[K, T]) Keys(compare func(a, b K) int) []K {
	return slices.SortedFunc(maps.Keys(t.last), compare)
}

// All goes through all rows in order of key and first day.
func (t *Timelines[K, T]) All(compare func(a, b K) int) iter.Seq2[K, T] {
	return func(yield func(K, T) bool) {
		for _, key := range t.Keys(compare) {
			for _, row := range t.Of(key) {
				if !yield(key, row) {
					return
				}
			}
		}
	}
}

// with is t and then the rows of more; neither is changed.
func (t Timelines[K, T]) with(more Timelines[K, T]) Timelines[K, T] {
	switch {
	case len(more.last) == 0:
		return t
	case len(t.last) == 0:
		return more
	}
	merged := Timelines[K, T]{maps.Clone(t.last), maps.Clone(t.earlier)}
	for key := range more.last {
		for _, row := range more.Of(key) {
			merged.Add(key, row)
		}
	}
	return merged
}

// inForce is the row of a day, unless its last day is past.
func inForce[K comparable, T Spanned](t *Timelines[K, T], key K, day ledger.Day) (T, bool) {
	row, ok := t.on(key, day)
	if !ok || !row.Days().Holds(day) {
		var none T
		return none, false
	}
	return row, true
}
