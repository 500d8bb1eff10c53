package city

import (
	"encoding/csv"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"citycard/cardos/keys"
	"citycard/simulators/plan"
	"citycard/simulators/plan/plantest"
)

func zhengzhou(t testing.TB) *plan.Town { return plantest.Town(t, "../..") }

func TestPopulationIsToldByItsSeed(t *testing.T) {
	a, err := NewPopulation(plan.City{Seed: 7, Cards: 2000, Day: 20261124}, zhengzhou(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Transit) != 1600 || a.Holders != 400 || len(a.Persons) != 688 {
		t.Errorf("%d transit cards, %d holders, %d persons", len(a.Transit), a.Holders, len(a.Persons))
	}
	b, err := NewPopulation(plan.City{Seed: 7, Cards: 2000, Day: 20261124}, zhengzhou(t))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.Transit, b.Transit) || !slices.Equal(a.Persons, b.Persons) {
		t.Error("the same seed gave another city")
	}
	c, err := NewPopulation(plan.City{Seed: 8, Cards: 2000, Day: 20261124}, zhengzhou(t))
	if err != nil {
		t.Fatal(err)
	}
	if slices.Equal(a.Persons, c.Persons) {
		t.Error("another seed gave the same persons")
	}
	fates := map[plan.Fate]int{}
	for i, card := range a.Transit {
		fates[card.Fate]++
		if i < healthyCards && card.Fate != plan.Ordinary {
			t.Errorf("card %d goes through a real reader and has fate %d", i, card.Fate)
		}
	}
	for _, f := range []plan.Fate{plan.Unregistered, plan.Expired, plan.Blocked} {
		if fates[f] == 0 {
			t.Errorf("no card has fate %d", f)
		}
	}
	numbers := map[string]bool{}
	for _, p := range a.Persons {
		if numbers[p.IDNumber] {
			t.Errorf("identity number of %s occurs twice", p.Born)
		}
		numbers[p.IDNumber] = true
	}
	if _, err := NewPopulation(plan.City{Seed: 7, Cards: 9, Day: 20261124}, zhengzhou(t)); err == nil {
		t.Error("a city of 9 cards was founded")
	}
}

// The check digit worked by hand: the weights of GB 11643 are 7 9 10 5 8 4 2 1 6 3
// 7 9 10 5 8 4 2.
func TestIdentityNumber(t *testing.T) {
	got := identityNumber("19900307", 1, true)
	// 4*7+1*9+9*10+9*5+9*8+9*4+1*2+9*1+9*6+0*3+0*7+3*9+0*10+7*5+0*8+0*4+2*2 = 411; 411 mod 11 = 4
	if got != "419999199003070028" {
		t.Errorf("identity number %s", got)
	}
}

func TestRegistryFiles(t *testing.T) {
	p, err := NewPopulation(plan.City{Seed: 7, Cards: 1000, Day: 20261124}, zhengzhou(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := p.WriteRegistry(dir, keys.GenerateTest(1)); err != nil {
		t.Fatal(err)
	}
	rows := func(name string) [][]string {
		file, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		rows, err := csv.NewReader(file).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows[1:]
	}
	if got, want := len(rows("terminals.csv")), (30+16+20)*plan.Lots; got != want {
		t.Errorf("%d terminals, want %d", got, want)
	}
	seen := map[string]bool{}
	for _, r := range rows("terminals.csv") {
		if seen[r[0]] || len(r[0]) != 12 {
			t.Errorf("terminal %s occurs twice or is no number", r[0])
		}
		seen[r[0]] = true
	}
	unregistered := 0
	for _, c := range p.Transit {
		if c.Fate == plan.Unregistered {
			unregistered++
		}
	}
	if got := len(rows("cards.csv")); got != len(p.Transit)-unregistered {
		t.Errorf("%d cards of %d, %d of them unregistered", got, len(p.Transit), unregistered)
	}
	if len(rows("operators.csv")) != 3 || len(rows("channels.csv")) != 3 || len(rows("hospitals.csv")) != 8 {
		t.Error("operators, channels or hospitals are missing")
	}
	for _, r := range rows("purses.csv") {
		if seen[r[0]] || r[2] != "20000" {
			t.Errorf("purse %v", r)
		}
		seen[r[0]] = true
	}
	persons := rows("persons.csv")
	data, err := os.ReadFile(filepath.Join(dir, "persons.csv"))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range p.Persons {
		if strings.Contains(string(data), q.IDNumber) || strings.Contains(string(data), q.Name) {
			t.Fatalf("persons.csv names %s", q.Name)
		}
	}
	for _, r := range persons {
		if token, err := hex.DecodeString(r[0]); err != nil || len(token) != 16 {
			t.Fatalf("token %q", r[0])
		}
	}
}

func TestImages(t *testing.T) {
	path := filepath.Join(t.TempDir(), ImageFile)
	if _, err := readImages(path); err == nil {
		t.Error("images were read where none are")
	}
	want := [][]byte{[]byte("one"), []byte("second image")}
	if err := writeImages(path, want); err != nil {
		t.Fatal(err)
	}
	got, err := readImages(path)
	if err != nil || len(got) != 2 || string(got[1]) != "second image" {
		t.Fatalf("images %q, %v", got, err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		damaged := slices.Clone(whole)
		damaged[i] ^= 0x10
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readImages(path); err == nil {
			t.Fatalf("read with byte %d damaged", i)
		}
	}
}
