package tariff_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/kept"
	"citycard/terminals/tariff"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// begins is a table of a version that begins at a second.
func begins(version, from string) *message.FareTable {
	m := published()
	m.Version, m.EffectiveFrom = version, from
	return m
}

// three are a table of 2026 and two that begin at four in the morning of 2027, of which the second
// was published later.
func three(t *testing.T) *tariff.Schedule {
	t.Helper()
	s, err := tariff.Of(begins("old", "20260101000000"), begins("provisional", "20270101040000"), begins("new", "20270101040000"))
	must(t, err)
	return s
}

// TestTableOfTheSecond asks just before and after each table begins.
func TestTableOfTheSecond(t *testing.T) {
	zone := time.FixedZone("Asia/Shanghai", 8*3600)
	for _, test := range []struct{ at, holds, next string }{
		{"2025-12-31T23:59:59.999", "", "old"},
		{"2026-01-01T00:00:00", "old", "new"},
		{"2027-01-01T03:59:59", "old", "new"},
		{"2027-01-01T03:59:59.999999999", "old", "new"},
		{"2027-01-01T04:00:00", "new", ""},
		{"2099-01-01T00:00:00", "new", ""},
	} {
		at, err := time.ParseInLocation("2006-01-02T15:04:05", test.at, zone)
		must(t, err)
		holds, next := "", ""
		table, err := three(t).At(at)
		if err == nil {
			holds = table.Version()
		} else if !errors.Is(err, tariff.ErrNone) {
			t.Errorf("%s: %v", test.at, err)
		}
		if table, ok := three(t).Next(at); ok {
			next = table.Version()
		}
		if holds != test.holds || next != test.next {
			t.Errorf("at %s %q holds and %q is next, want %q and %q", test.at, holds, next, test.holds, test.next)
		}
	}
	table, ok := three(t).Version("new")
	if want := time.Date(2026, 12, 31, 20, 0, 0, 0, time.UTC); !ok || !table.Begins(zone).Equal(want) {
		t.Errorf("the new table begins at %s, want %s", table.Begins(zone), want)
	}
}

// TestNothingKnown: a schedule without tables has an answer to everything.
func TestNothingKnown(t *testing.T) {
	s := &tariff.Schedule{}
	_, err := s.At(time.Now())
	_, next := s.Next(time.Now())
	_, found := s.Version("")
	if !errors.Is(err, tariff.ErrNone) || next || found || !errors.Is(s.Station(1), tariff.ErrNone) || !errors.Is(s.BusLine(1), tariff.ErrNone) {
		t.Errorf("it answers %v, %v, %v", err, next, found)
	}
}

// TestPlaceOfALaterTable: a terminal may stand at a station that only a later table knows.
func TestPlaceOfALaterTable(t *testing.T) {
	grown := begins("new", "20270101040000")
	grown.MetroStations, grown.MetroClass = 3, []byte{0, 0, 0, 0, 0, 0, 0, 0, 3}
	grown.Fares[0].Prices[0].Bus[0].Line = 8
	s, err := tariff.Of(begins("old", "20260101000000"), grown)
	must(t, err)
	must(t, errors.Join(s.Station(1), s.Station(3), s.BusLine(7), s.BusLine(8)))
	if !errors.Is(s.Station(4), tariff.ErrNoFare) || !errors.Is(s.BusLine(9), tariff.ErrNoFare) {
		t.Error("a place that no table knows is accepted")
	}
}

// TestBadTableAmongGoodOnes: none is taken.
func TestBadTableAmongGoodOnes(t *testing.T) {
	s, err := tariff.Of(begins("old", "20260101000000"), begins("", "20270101040000"))
	if err == nil || len(s.All()) != 0 {
		t.Errorf("%d tables, %v", len(s.All()), err)
	}
}

// keptFile puts the three tables in a file.
func keptFile(t *testing.T) (path string, whole []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "fares")
	s, err := tariff.Open(path)
	must(t, err)
	s.Set(nil, three(t).All()...)
	must(t, s.Save())
	whole, err = os.ReadFile(path)
	must(t, err)
	return path, whole
}

// TestKept: a schedule that is opened again is the same; one without a file keeps nothing.
func TestKept(t *testing.T) {
	path, _ := keptFile(t)
	again, err := tariff.Open(path)
	must(t, err)
	want := three(t).All()
	same := slices.EqualFunc(again.All(), want, func(a, b *tariff.Table) bool { return proto.Equal(a.Message(), b.Message()) })
	if !same {
		t.Errorf("opened again it has %v", again.All())
	}
	must(t, three(t).Save())
}

// TestDamage changes bytes of a kept file and cuts it: it is named and never taken for tables.
func TestDamage(t *testing.T) {
	path, whole := keptFile(t)
	damaged := func(what string, i int) {
		t.Helper()
		s, err := tariff.Open(path)
		if !errors.Is(err, kept.ErrDamaged) || !strings.Contains(err.Error(), path) || len(s.All()) != 0 {
			t.Fatalf("%s %d: %v", what, i, err)
		}
	}
	for i := range whole {
		spoilt := slices.Clone(whole)
		spoilt[i] ^= 1
		must(t, os.WriteFile(path, spoilt, 0o600))
		damaged("byte", i)
		must(t, os.WriteFile(path, whole[:i], 0o600))
		damaged("cut to", i)
	}
	must(t, kept.Write(path, "CITYFAR2", slices.Values([]*message.KeptFares{{Table: begins("old", "20260101000000")}, {Table: begins("bad", "2027")}})))
	damaged("a bad table", 0)
	must(t, os.WriteFile(path, whole, 0o600))
	s, err := tariff.Open(path)
	if must(t, err); len(s.All()) != 3 {
		t.Errorf("%d tables of the whole file", len(s.All()))
	}
}
