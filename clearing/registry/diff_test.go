package registry_test

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/registry"
	"citycard/ledger/ledgertest"
)

// said is a difference in one line: kind, effect, key, first day, and what differs.
func said(d *registry.Difference) string {
	columns := d.Kind.Columns()
	first := d.Row["effective_from"] + d.Row["day"]
	line := fmt.Sprintf("%s %s %s %s", d.Kind, d.Effect, d.Row[columns[0]], first)
	for _, column := range d.Differs {
		line += fmt.Sprintf(" %s:%s>%s", column, d.Before[column], d.Row[column])
	}
	return line
}

func (a *archive) differences(d *registry.Diff, limit int64) (lines []string) {
	a.Helper()
	for _, name := range registry.KindNames() {
		kind, err := registry.ParseKind(name)
		a.must(err)
		a.must(d.Each(a.Context(), kind, limit, func(difference *registry.Difference) error {
			lines = append(lines, said(difference))
			return nil
		}))
	}
	return lines
}

func sumsOf(t *testing.T, d *registry.Diff) (lines []string) {
	t.Helper()
	sums, err := d.Sums(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, sum := range sums {
		line := fmt.Sprintf("%s %d:", sum.Kind, sum.Rows)
		for _, effect := range registry.Effects() {
			line += fmt.Sprintf(" %d %s", sum.Effects[effect], effect)
		}
		lines = append(lines, fmt.Sprintf("%s, before %v", line, sum.Last))
	}
	return lines
}

// TestDiff says of each row of a change what it does, and to which row: before the change is
// stored, while it waits, and after it and others are in force.
func TestDiff(t *testing.T) {
	a := founded(t)
	a.change(map[string]string{"hotlist.csv": hotHeader + clearingtest.Card + ",lost,20260105120000,\n" + clearingtest.OtherCard + ",lost,20260105120000,20260105130000\n"})
	files := map[string]string{
		"operators.csv": "id,name,name_en,mode,effective_from,effective_to\n" +
			"bus,公共汽车,Bus,bus,20200101,\n" + // another name
			"tram,电车,Tram,bus,20260101,\n" +
			"metro,地铁,Metro,metro,20200101,20261231\n", // its end
		"terminals.csv": "terminal,operator,mode,line,station,effective_from,effective_to\n" +
			clearingtest.MetroGate + ",metro,metro,2,7,20260701,\n" +
			clearingtest.BusValidator + ",bus,bus,1,,20260801,20260831\n",
		"cards.csv": cardsHeader + clearingtest.Card + "," + clearingtest.Issuer + ",01,blocked,20260701,20401231,\n" +
			clearingtest.Card + "," + clearingtest.Issuer + ",01,active,20260801,20401231,\n" +
			clearingtest.Stranger + "," + clearingtest.Issuer + ",01,active,20260101,20401231,\n",
		"persons.csv": "token,insurance,status,personal_account_fen,pension_fen,certified_until,effective_from\n" +
			clearingtest.Worker + ",employee,retired,0,100,,20260101\n",
		"hotlist.csv": hotHeader + clearingtest.Card + ",lost,20260105120000,20260110000000\n" + // found
			clearingtest.OtherCard + ",stolen,20260201000000,\n" + // listed again
			clearingtest.Stranger + ",lost,20260201000000,\n",
	}
	want := []string{
		"operators corrected bus 20200101 name:公交>公共汽车",
		"operators ended metro 20200101 effective_to:>20261231",
		"operators added tram 20260101",
		"terminals changed 310000000001 20260701 line:1>2 station:1>7 effective_from:20200101>20260701",
		"terminals ended 310000000002 20260801 effective_from:20200101>20260801 effective_to:>20260831",
		"cards changed 03105070200000000001 20260701 status:active>blocked effective_from:20200101>20260701",
		"cards changed 03105070200000000001 20260801 effective_from:20200101>20260801",
		"cards added 03105070200000000099 20260101",
		"persons changed 00000000000000000000000000000001 20260101 status:working>retired pension_fen:0>100 effective_from:20200101>20260101",
		"hotlist ended 03105070200000000001 20260105120000 effective_to:>20260110000000",
		"hotlist added 03105070200000000002 20260201000000 reason:lost>stolen effective_from:20260105120000>20260201000000 effective_to:20260105130000>",
		"hotlist added 03105070200000000099 20260201000000",
	}
	sums := []string{
		"operators 3: 1 added 0 changed 1 corrected 1 ended, before [{1 2}]",
		"terminals 2: 0 added 1 changed 0 corrected 1 ended, before [{1 2}]",
		"cards 3: 1 added 2 changed 0 corrected 0 ended, before [{1 4}]",
		"persons 1: 0 added 1 changed 0 corrected 0 ended, before [{1 3}]",
		"hotlist 3: 2 added 0 changed 0 corrected 1 ended, before [{2 2}]",
	}
	check := func(when string, d *registry.Diff) {
		t.Helper()
		if got := a.differences(d, 0); !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", when, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if got := sumsOf(t, d); !slices.Equal(got, sums) {
			t.Errorf("%s:\n%s\nwant\n%s", when, strings.Join(got, "\n"), strings.Join(sums, "\n"))
		}
		if got := a.differences(d, 1); len(got) != 5 || got[4] != want[9] {
			t.Errorf("%s: the first of each kind are %q", when, got)
		}
	}
	check("not stored", a.DiffDraft(a.read(files, a.load())))
	kept := a.keep(files)
	stored := func() *registry.Diff {
		t.Helper()
		d, err := a.Diff(t.Context(), kept.Change)
		a.must(err)
		return d
	}
	check("waiting", stored())
	a.must(a.Approve(t.Context(), kept, by("ann", "bob")))
	a.change(block(clearingtest.Card, "20260701"))
	check("in force", stored())
}

// TestDiffFounding compares the founding change with nothing.
func TestDiffFounding(t *testing.T) {
	a := founded(t)
	d, err := a.Diff(t.Context(), 1)
	a.must(err)
	sums, err := d.Sums(t.Context())
	a.must(err)
	for _, sum := range sums {
		if sum.Effects[registry.Added] != sum.Rows || len(sum.Last) > 0 {
			t.Errorf("founding: %+v", sum)
		}
	}
	if len(sums) != 6 {
		t.Errorf("founding has rows of %d kinds, want 6", len(sums))
	}
}

// TestDiffAltered finds rows that are not those that were imported, and changes that are none.
func TestDiffAltered(t *testing.T) {
	a := founded(t)
	number := a.keep(block(clearingtest.Card, "20260701")).Change
	_, err := a.ledger.Pool().Exec(t.Context(), "UPDATE registry_rows SET record = replace(record, 'blocked', 'active') WHERE change = $1", number)
	a.must(err)
	d, err := a.Diff(t.Context(), number)
	a.must(err)
	if _, err := d.Sums(t.Context()); !errors.Is(err, registry.ErrAltered) {
		t.Errorf("altered rows are compared with %v", err)
	}
	if _, err := a.Diff(t.Context(), 9); !errors.Is(err, registry.ErrNoChange) {
		t.Errorf("a change that is none: %v", err)
	}
}

// TestDiffLarge compares 100,000 cards through one session. The memory in use does not grow with
// the rows that were seen.
func TestDiffLarge(t *testing.T) {
	const cards, limit = 100_000, 8 << 20
	a := founded(t)
	list := func(status, from string) map[string]string {
		var text strings.Builder
		text.WriteString(cardsHeader)
		for i := range cards {
			fmt.Fprintf(&text, "031050702%011d,%s,01,%s,%s,20401231,\n", 1000+i, clearingtest.Issuer, status, from)
		}
		return map[string]string{"cards.csv": text.String()}
	}
	a.change(list("active", "20200101"))
	number := a.keep(list("blocked", "20260701")).Change
	single := registry.NewStore(ledgertest.Connect(t, a.ledger.Pool().Config().ConnString(), 1).Pool())
	d, err := single.Diff(t.Context(), number)
	a.must(err)
	inUse := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	first, n := inUse(), 0
	a.must(d.Each(t.Context(), registry.Cards, 0, func(difference *registry.Difference) error {
		if n++; n%20_000 == 0 {
			if now := inUse(); now > first+limit {
				t.Errorf("%d rows have taken %d bytes of memory, want at most %d for any number", n, now-first, limit)
			}
		}
		if !reflect.DeepEqual(difference.Differs, []string{"status", "effective_from"}) {
			return fmt.Errorf("row %d: %s", n, said(difference))
		}
		return nil
	}))
	if got := sumsOf(t, d); n != cards || !slices.Equal(got, []string{"cards 100000: 0 added 100000 changed 0 corrected 0 ended, before [{2 100000} {1 4}]"}) {
		t.Errorf("%d rows, sums %q", n, got)
	}
}
