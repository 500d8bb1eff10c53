package index

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"citycard/cardos/keys"
	"citycard/ledger"
)

// model is what a card table must hold, in the plainest form: rows by card and day.
type model map[keys.Digits]map[dayNumber]cardRow

func (m model) put(id keys.Digits, row cardRow) {
	if m[id] == nil {
		m[id] = map[dayNumber]cardRow{}
	}
	m[id][row.from] = row
}

func (m model) rows(id keys.Digits) []cardRow {
	return slices.SortedFunc(maps.Values(m[id]), func(a, b cardRow) int { return int(a.from) - int(b.from) })
}

// at is the row in force on a day, the first one for days before all.
func (m model) at(id keys.Digits, day dayNumber) (found cardRow, ok bool) {
	for _, row := range m.rows(id) {
		if !ok || row.from <= day {
			found, ok = row, true
		}
	}
	return found, ok
}

func cardNumber(n uint16) (id keys.Digits) {
	binary.BigEndian.PutUint16(id[2:], n)
	id[7] = byte(n) // so that the last two bytes decide sometimes
	return id
}

// drawTable fills a builder with rows in any order, many of them of few cards.
func drawTable(t *rapid.T, into model) CardTable {
	var b CardBuilder
	b.table.classes = []cardClass{{kind: byte(rapid.IntRange(1, 3).Draw(t, "kind"))}}
	n := rapid.IntRange(0, 3*pageCards).Draw(t, "rows")
	seed := rapid.Uint16().Draw(t, "seed")
	spread := rapid.SampledFrom([]uint16{3, 100, 9000}).Draw(t, "spread")
	ordered := rapid.Bool().Draw(t, "ordered")
	for i := range n {
		number := uint16(i)
		if !ordered {
			seed = seed*25173 + 13849
			number = seed % spread
		}
		row := cardRow{from: dayNumber(seed % 5), expires: dayNumber(i), status: Status(i % 3)}
		id := cardNumber(number)
		into.put(id, row)
		b.add(id, row)
	}
	return b.Finish(func(Number, Conflict) {})
}

// TestCardTable compares tables that were built in any order, and put on top of
// each other, with the model; and that an edition before is left as it was.
func TestCardTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := model{}
		table := drawTable(t, want)
		checkTable(t, &table, want)
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			more := model{}
			change := drawTable(t, more)
			before := model{}
			for id := range want {
				for _, row := range want[id] {
					before.put(id, row)
				}
			}
			next := table.with(&change)
			for id, rows := range more {
				for _, row := range rows {
					want.put(id, row)
				}
			}
			checkTable(t, &table, before)
			table = next
			checkTable(t, &table, want)
		}
	})
}

func checkTable(t *rapid.T, table *CardTable, want model) {
	if table.cards != len(want) {
		t.Fatalf("table holds %d cards, want %d", table.cards, len(want))
	}
	plain := func(row cardRow) cardRow { row.class, row.flags = 0, 0; return row }
	for n := range uint16(9001) {
		id := cardNumber(n)
		for _, day := range []dayNumber{0, 2, 4} {
			got, ok := table.on(id, day)
			row, known := want.at(id, day)
			if ok != known || plain(got) != row {
				t.Fatalf("card %x on day %d: %+v (%v), want %+v (%v)", id, day, got, ok, row, known)
			}
		}
		if got := table.rowsOf(id); len(got) != len(want[id]) {
			t.Fatalf("card %x has %d rows, want %d", id, len(got), len(want[id]))
		}
	}
	var last keys.Digits
	cards := 0
	for _, page := range table.pages {
		for _, id := range page.ids[:page.n] {
			if cards > 0 && bytes.Compare(last[:], id[:]) >= 0 {
				t.Fatalf("card %x stands behind %x", id, last)
			}
			last = id
			cards++
		}
	}
	if cards != table.cards {
		t.Fatalf("pages hold %d cards, want %d", cards, table.cards)
	}
}

// TestDayNumbers covers both ends and turns every kind of day round.
func TestDayNumbers(t *testing.T) {
	for _, test := range []struct {
		day    int32
		number dayNumber
		ok     bool
	}{
		{19891231, 0, false}, {19900101, 0, true}, {19920229, 789, true}, {20261124, 13476, true}, {21690606, 65535, true}, {21690607, 0, false}, {99991231, 0, false},
	} {
		n, ok := numberOf(ledger.Day(test.day))
		if ok != test.ok || ok && (n != test.number || n.day() != ledger.Day(test.day)) {
			t.Errorf("day %d has number %d (%v), want %d (%v)", test.day, n, ok, test.number, test.ok)
		}
	}
}
