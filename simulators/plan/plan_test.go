package plan

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"citycard/simulators/truth"
)

// TestCityFile writes and reads a city's file, and checks that cities of impossible sizes are
// refused.
func TestCityFile(t *testing.T) {
	dir := t.TempDir()
	if _, ok, err := Read(dir); ok || err != nil {
		t.Errorf("an empty directory: %v, %v", ok, err)
	}
	for _, c := range []City{{Seed: 1, Cards: 10, Day: 20261124}, {Seed: 1 << 63, Cards: 100, Riders: 100}} {
		if err := c.Write(dir); err != nil {
			t.Fatal(err)
		}
		if got, ok, err := Read(dir); got != c || !ok || err != nil {
			t.Errorf("wrote %+v, read %+v, %v, %v", c, got, ok, err)
		}
	}
	for want, c := range map[string]City{
		"want 10 to 5000000":        {Cards: 9},
		"want 100 to 20000000":      {Cards: 99, Riders: 99},
		"99 riders":                 {Cards: 100, Riders: 99},
		"101 riders: want 100 to":   {Cards: 100, Riders: 101},
		"-1 riders":                 {Cards: 100, Riders: -1},
		"city of 20000001 cards: w": {Cards: 20_000_001, Riders: 100},
	} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", c, err, want)
		}
	}
	c := City{Cards: 9}
	if err := c.Write(dir); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Read(dir); err == nil || !strings.Contains(err.Error(), cityFile) {
		t.Errorf("a city of 9 cards was read: %v", err)
	}
}

// TestSealed changes every byte of a sealed file, and cuts it.
func TestSealed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	if _, err := ReadSealed(path, "MAGIC"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := WriteSealed(path, "MAGIC", []byte("body")); err != nil {
		t.Fatal(err)
	}
	if body, err := ReadSealed(path, "MAGIC"); string(body) != "body" || err != nil {
		t.Errorf("read %q, %v", body, err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		damaged := slices.Clone(whole)
		damaged[i] ^= 0x10
		for _, data := range [][]byte{damaged, whole[:i]} {
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := ReadSealed(path, "MAGIC"); !errors.Is(err, errDamaged) {
				t.Errorf("%q: %v", data, err)
			}
		}
	}
}

// TestFacts checks a card that is put on the hotlist at noon on that day and the days around it,
// and that its gravest fault is named.
func TestFacts(t *testing.T) {
	c := City{Cards: 1000, Day: 20261124}
	k := Card{Fate: Listed}
	for _, test := range []struct {
		day, second int
		odd         Odd
		want        string
	}{
		{20261123, 86_399, Late, "late"},
		{20261124, ListedSecond(57) - 1, 0, ""},
		{20261124, ListedSecond(57), Stray, "card_listed"},
		{20261125, 0, Slow, "card_listed"},
		{20251020, 86_399, Slow | SAMGap, "wrong_clock"},
		{20261124, 0, CounterGap | Late | Held, "counter_gap"},
	} {
		f := c.Facts(57, &k, test.day, test.second, test.odd)
		if got := Fault(&f, test.odd); got != test.want {
			t.Errorf("%+v: fault %q", test, got)
		}
	}
	if f := VisitorFacts(3, Stray); f != (truth.Facts{Foreign: true, NotAccepted: true, UnknownTerminal: true}) {
		t.Errorf("a visitor of a city that is no longer accepted: %+v", f)
	}
	if f := VisitorFacts(4, 0); Fault(&f, 0) != "foreign" {
		t.Errorf("a visitor: %q", Fault(&f, 0))
	}
}

// TestShares refuses shares outside 0 to 1 and fields that no record has.
func TestShares(t *testing.T) {
	s := DefaultShares()
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Shares){
		"2, want 0 to 1": func(s *Shares) { s.Undecodable = 2 }, "-1, want": func(s *Shares) { s.Hot = -1 },
		`no field "colour"`: func(s *Shares) { s.Fields = []string{"tac", "colour"} },
	} {
		s := DefaultShares()
		change(&s)
		if err := s.Check(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
	}
}
