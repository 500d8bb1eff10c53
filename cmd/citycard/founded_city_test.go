package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"citycard/cmd/books"
	"citycard/cmd/check"
	"citycard/ledger"
	"citycard/simulators/truth"
)

// ringNetwork is a loop of four stations, a branch of two more, and three bus lines, of which one
// has the number of a metro line.
const ringNetwork = `{
	"note": "of the city's transport office",
	"versions": [{
		"version": "ring-2025", "effective_from": "20250101",
		"stations": [
			{"number": 1, "name": "北门", "name_en": "North Gate"}, {"number": 2, "name": "东门", "name_en": "East Gate"}, {"number": 3, "name": "南门", "name_en": "South Gate"},
			{"number": 4, "name": "西门", "name_en": "West Gate"}, {"number": 5, "name": "港口", "name_en": "Harbour"}, {"number": 6, "name": "灯塔", "name_en": "Lighthouse"}
		],
		"lines": [
			{"number": 1, "name": "环线", "name_en": "Ring", "stops": [{"station": 1, "metres": 0}, {"station": 2, "metres": 1500}, {"station": 3, "metres": 2500}, {"station": 4, "metres": 3500}, {"station": 1, "metres": 2500}]},
			{"number": 2, "name": "港线", "name_en": "Harbour line", "stops": [{"station": 3, "metres": 0}, {"station": 5, "metres": 4000}, {"station": 6, "metres": 4501}]}
		],
		"bus_lines": [1, 70, 71],
		"example": false, "source": "decree 1"
	}]
}`

// ringFares are three versions, of which two begin within the tests' day.
const ringFares = `{
	"note": "of the city's council",
	"versions": [
		{"version": "f-1", "effective_from": "20250101", "rounding": "up", %s, "cards": [
			{"card_type": 1, "name": "ordinary", "metro": "0.925", "bus": "1", "example": false, "source": "decree 2"},
			{"card_type": 5, "name": "pupil", "metro": "0.333333333", "bus": "0.5", "example": false, "source": "decree 2"}
		]},
		{"version": "f-2", "effective_from": "2026-01-05T04:00", "rounding": "up", %[1]s, "cards": [
			{"card_type": 1, "name": "ordinary", "metro": "0.95", "bus": "0.905", "example": false, "source": "decree 3"},
			{"card_type": 5, "name": "pupil", "metro": "0.5", "bus": "0", "example": false, "source": "decree 3"}
		]},
		{"version": "f-3", "effective_from": "2026-01-05T12:30", "rounding": "down", %[1]s, "cards": [
			{"card_type": 1, "name": "ordinary", "metro": "1", "bus": "0.795", "example": false, "source": "decree 4"},
			{"card_type": 5, "name": "pupil", "metro": "0.25", "bus": "0.125", "example": false, "source": "decree 4"}
		]}
	]
}`

// ringPrices are the full prices of all versions.
const ringPrices = `"metro": {"base_fen": 300, "base_km": "2.5", "steps": [{"to_km": "7.5", "per_km": "2.5", "fen": 70}, {"per_km": "4", "fen": 90}], "limit_minutes": 75, "example": false, "source": "decree 2"},
	"bus": {"lines": [{"first": 1, "last": 9, "fen": 150}, {"first": 70, "last": 79, "fen": 275}], "example": false, "source": "decree 2"}`

// edits are what the city's people change in the other templates: a pattern and what takes its
// place. Every pattern must be there.
func edits() map[string][][2]string {
	return map[string][][2]string{
		"loads.json": {{`"maximum_fen": 100000`, `"maximum_fen": 30000`}, {`"multiple_of_fen": 1000`, `"multiple_of_fen": 2000`}},
		"medical.json": {
			{`"deductible_fen": (\d)`, `"deductible_fen": 1${1}`},
			{`"readmission_ratio": "[^"]*"`, `"readmission_ratio": "0.333"`},
			{`"ratio": "0\.(\d)\d*"`, `"ratio": "0.${1}173"`},
			{`"ceiling_fen": \d+`, `"ceiling_fen": 123457`},
		},
		// Some pensions are more than a person may get, and lists are cut shorter.
		"pension.json": {
			{`"payday_on": "any"`, `"payday_on": "workday"`}, {`"person_fen": \d+`, `"person_fen": 450000`}, {`"batch_lines": \d+`, `"batch_lines": 60`},
		},
		"contracts.json": {{`"limit_fen": 20000000`, `"limit_fen": 10000000`}},
		"products.json":  {{`"deposit_fen": 3000`, `"deposit_fen": 2000`}},
		"payouts.json":   {{`"value_workdays": 1`, `"value_workdays": 2`}},
		// The day itself is none on which pensions are paid.
		"calendar.csv": {{`20260105,workday,[^\n]*`, `20260105,holiday,decree 5`}, {`20260104,restday,[^\n]*`, `20260104,workday,decree 5`}, {`example: `, `decree 6: `}},
		"city.json": {
			{`"mode": "bus", "lines": \[501\]`, `"mode": "bus", "lines": [70, 71]`},
			{`(?s)"card_types": \[.*?\]`, `"card_types": [{"card_type": 5, "percent": 35}, {"card_type": 1, "percent": 65}]`},
		},
	}
}

// edit changes a file as its owner would.
func edit(t *testing.T, path string, changes [][2]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range append(changes, [2]string{`"example": true`, `"example": false`}) {
		pattern := regexp.MustCompile(change[0])
		if !pattern.Match(text) && change[0] != `"example": true` {
			t.Errorf("%s has nothing like %s", path, change[0])
		}
		text = pattern.ReplaceAll(text, []byte(change[1]))
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestFoundedCity founds a city that is not the built-in one, from the templates and by editing
// files alone: a loop and a branch, three operators, fares that are rounded up and change twice
// within the day, other purses, medical tables, pensions and another calendar. It is served under
// its own rules without --examples, and a day of it agrees with its truth.
func TestFoundedCity(t *testing.T) {
	t.Parallel()
	p := build(t, "citycard", "cardsim")
	dir := reachableDir(t)
	mine, data, field := filepath.Join(dir, "mine"), filepath.Join(dir, "data"), filepath.Join(dir, "field")
	rules, city := filepath.Join(mine, "rules"), filepath.Join(mine, "city.json")
	p.run(t, "citycard", "rules", "template", rules)
	p.run(t, "cardsim", "template", mine)
	for name, changes := range edits() {
		path := filepath.Join(rules, name)
		if name == "city.json" {
			path = city
		}
		edit(t, path, changes)
	}
	for name, text := range map[string]string{"network.json": ringNetwork, "fares.json": fmt.Sprintf(ringFares, ringPrices)} {
		if err := os.WriteFile(filepath.Join(rules, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.run(t, "citycard", "rules", "check", rules)

	keyFile := filepath.Join(data, "keys.age")
	p.run(t, "citycard", "keys", "--data", data, "--seed", "7")
	simulated := []string{"--data", field, "--cards", "900", "--seed", "7", "--keys", keyFile, "--day", testDay}
	p.run(t, "cardsim", append([]string{"issue", "--city", city, "--rules", rules}, simulated...)...)
	s, kafka, api := p.serving(t, data, filepath.Join(field, "registry"))
	for i, arg := range s.args {
		if arg == "--examples" {
			s.args[i] = "--rules=" + rules
		}
	}
	s.start()
	s.ready()
	staff := p.enrolled(t, "--data", data)
	staff.receive("50000000", "fund:employee", "fund:resident", "pension:fund")
	access := serverAccess(data)
	p.run(t, "cardsim", append([]string{
		"city", "--kafka", fmt.Sprintf("127.0.0.1:%d", kafka), "--kafka-user", access.User, "--kafka-password-file", access.PasswordFile,
		"--api", fmt.Sprintf("http://127.0.0.1:%d", api), "--tokens", staff.letIn(filepath.Join(field, "registry")), "--tampered", "0", "--late", "0.1",
	}, simulated...)...)
	p.run(t, "citycard", "day", "close", "--data", data, "--day", testDay)
	if v := p.run(t, "citycard", "verify", "--data", data, "--truth", filepath.Join(field, "truth")); !strings.Contains(v, "THE BOOKS HOLD") {
		t.Errorf("verify: %s", v)
	}
	var agreed struct {
		Agrees                     bool
		Sent, Lost, Doubled, Wrong int
		Unexpected                 int
		PurseMismatches            int `json:"purse_mismatches"`
	}
	text := p.run(t, "cardsim", "check", "--data", field, "--books", data, "--json")
	if err := json.Unmarshal([]byte(text), &agreed); err != nil || !agreed.Agrees || agreed.Sent < 8_000 {
		t.Errorf("%v: %s", err, text)
	}
	checkFoundedDay(t, data, filepath.Join(field, "truth"))
}

// checkFoundedDay: clearing found no tap with another price than its table has, and the day had
// what the city's own rules make of it.
func checkFoundedDay(t *testing.T, data, dir string) {
	t.Helper()
	day, err := ledger.ParseDay(testDay)
	if err != nil {
		t.Fatal(err)
	}
	b, err := books.Find(t.Context(), books.ToRead, "", data, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	report := check.NewReport(day)
	if err := report.ReadDay(t.Context(), b.Ledger, day); err != nil {
		t.Fatal(err)
	}
	if report.Flagged != 0 {
		t.Errorf("%d taps have another price than the table of their second", report.Flagged)
	}
	records, err := truth.ReadRecords(dir)
	if err != nil {
		t.Fatal(err)
	}
	buses, reasons, payees := map[int64]int{}, map[string]int{}, map[string]int{}
	for _, r := range records {
		if r.Purpose == truth.Bus && r.Verdict == truth.Cleared {
			buses[r.Fen]++
		}
		reasons[r.Reason]++
		payees[r.Payee]++
	}
	// Worked out by hand. Before 04:00: 150 and 275, for pupils 75 and 137.5, rounded up.
	// Until 12:30: 135.75 and 248.875, rounded up, nothing for pupils. Then: 119.25 and
	// 218.625, for pupils 18.75 and 34.375, rounded down.
	for _, fen := range []int64{150, 275, 75, 138, 136, 249, 0, 119, 218, 18, 34} {
		if buses[fen] == 0 {
			t.Errorf("no bus ride of %d fen: %v", fen, buses)
		}
		delete(buses, fen)
	}
	if len(buses) > 0 {
		t.Errorf("bus rides of %v fen", buses)
	}
	if reasons["pension_too_high"] == 0 || reasons["payday_not_workday"] > 0 {
		t.Errorf("refusals: %v", reasons)
	}
	for _, operator := range []string{"operator:metro", "operator:bus-a", "operator:bus-b"} {
		if payees[operator] == 0 {
			t.Errorf("%s is paid nothing: %v", operator, payees)
		}
	}
}
