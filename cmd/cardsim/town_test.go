package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/rulefile"
	"citycard/clearing/transit/fare"
	"citycard/simulators/truth"
)

// inventedCity runs the networks of simulators/truth/testdata: a loop with a branch, a short cut
// that opens at noon of 24 November 2026, and buses, of which line 1 gives way to line 71. A metro
// line and a bus line have the same number. Fares change at 04:00 and at 16:30 of that day.
const inventedCity = `{
	"operators": [
		{"id": "ring", "name": "环线公司", "name_en": "Ring", "mode": "metro", "lines": [1, 2, 3]},
		{"id": "north", "name": "北公交", "name_en": "North", "mode": "bus", "lines": [1]},
		{"id": "south", "name": "南公交", "name_en": "South", "mode": "bus", "lines": [70, 71]}
	],
	"card_types": [{"card_type": 7, "percent": 40}, {"card_type": 1, "percent": 60}],
	"visitor_card_type": 7,
	"channels": [{"id": "desk", "name": "柜台", "name_en": "Desk"}],
	"hospitals": [{"id": "h-1", "name": "医院", "name_en": "Hospital", "class": "2"}]
}`

// inventedTown writes the invented city and its documents, with one mode of transport or with both.
func inventedTown(t *testing.T, modes string) (city, rules string) {
	t.Helper()
	dir := t.TempDir()
	city, rules = filepath.Join(dir, "city.json"), filepath.Join(dir, "rules")
	if err := os.CopyFS(rules, os.DirFS("../../simulators/truth/testdata")); err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	decode(t, []byte(inventedCity), &file)
	operators := slices.DeleteFunc(objects(t, file["operators"]), func(o map[string]any) bool {
		mode, _ := o["mode"].(string)
		return !strings.Contains(modes, mode)
	})
	file["operators"] = operators
	write(t, city, file)
	var network map[string]any
	data, err := os.ReadFile(filepath.Join(rules, "network.json"))
	if err != nil {
		t.Fatal(err)
	}
	decode(t, data, &network)
	for _, version := range objects(t, network["versions"]) {
		if !strings.Contains(modes, "metro") {
			version["stations"], version["lines"] = []any{}, []any{}
		}
		if !strings.Contains(modes, "bus") {
			version["bus_lines"] = []any{}
		}
	}
	write(t, filepath.Join(rules, "network.json"), network)
	connect(t, filepath.Join(rules, "fares.json"), operators)
	return city, rules
}

// connect gives all versions of the fares transfers between the rides of some hours.
func connect(t *testing.T, path string, operators []map[string]any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var fares map[string]any
	decode(t, data, &fares)
	var numbers []map[string]any
	for i, o := range operators {
		numbers = append(numbers, map[string]any{"operator": o["id"], "number": i + 1})
	}
	last := []any{operators[len(operators)-1]["id"]}
	transfer := func(from, to, repeat, off string, amount int, operators []any) map[string]any {
		row := map[string]any{
			"name": from + " to " + to, "from": map[string]any{"mode": from}, "to": map[string]any{"mode": to, "operators": operators},
			"minutes": 200, "repeat": repeat, "floor_fen": 100, "bearer": "city", "apply": "terminal", "source": "invented", "off": off,
		}
		if amount > 0 {
			delete(row, "off")
			row["off_fen"] = amount
		}
		return row
	}
	for _, version := range objects(t, fares["versions"]) {
		version["operators"] = numbers
		version["transfers"] = []any{
			transfer("bus", "metro", "once", "0.35", 0, []any{}), transfer("metro", "bus", "once", "0.5", 0, []any{}),
			transfer("bus", "bus", "chained", "", 60, last), transfer("metro", "metro", "chained", "", 40, []any{}),
		}
	}
	write(t, path, fares)
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func objects(t *testing.T, value any) (rows []map[string]any) {
	t.Helper()
	all, _ := value.([]any)
	for _, row := range all {
		row, ok := row.(map[string]any)
		if !ok {
			t.Fatalf("%v is no object", row)
		}
		rows = append(rows, row)
	}
	return rows
}

func write(t *testing.T, path string, value any) {
	t.Helper()
	data, err := json.Marshal(value)
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestInventedTown plays a day of a city that is not the built-in one, with chips and without, with
// metro and buses and with one of them alone. Clearing takes its registry, and every tap has the
// price of clearing's own table at the second that the card signed.
func TestInventedTown(t *testing.T) {
	keyPath, store := keyFile(t)
	for _, kind := range [][]string{{"--cards", "600", "--rides", "9"}, {"--direct", "--cards", "1500", "--riders", "900"}} {
		for _, modes := range []string{"metro bus", "metro", "bus"} {
			t.Run(kind[0]+" "+modes, func(t *testing.T) {
				dir := t.TempDir()
				city, rules := inventedTown(t, modes)
				size := slices.DeleteFunc(slices.Clone(kind), func(word string) bool { return word == "--rides" || word == "9" })
				common := slices.Concat([]string{"--data", dir, "--keys", keyPath, "--seed", "5", "--day", "20261124"}, size)
				if err := run(t, slices.Concat([]string{"issue", "--city", city, "--rules", rules}, common)...); err != nil {
					t.Fatal(err)
				}
				if _, err := registry.Import(filepath.Join(dir, "registry")); err != nil {
					t.Fatalf("clearing does not take the registry: %v", err)
				}
				tables := officialTables(t, dir)
				var published []*message.FareTable
				for _, table := range tables.All() {
					published = append(published, table.Message())
				}
				kafka := fakeBroker(t, published...)
				play := slices.Concat([]string{"city", "--kafka", kafka, "--api", loadService(t, store)}, common, kind[len(size):])
				if err := run(t, slices.Concat(play, []string{"--late", "0.1", "--wrong-clock", "0.02", "--foreign", "0.05", "--unknown-terminal", "0.02"})...); err != nil {
					t.Fatal(err)
				}
				least := 4
				if kind[0] == "--direct" && modes == "metro" {
					least = 3 // there the late rides of yesterday are by bus
				}
				checkTown(t, dir, kafka, modes, tables, least)
			})
		}
	}
}

// checkTown holds the day's taps against clearing's own tables.
func checkTown(t *testing.T, dir, kafka, modes string, tables *fare.Tables, least int) {
	t.Helper()
	records, err := truth.ReadRecords(filepath.Join(dir, "truth"))
	if err != nil {
		t.Fatal(err)
	}
	_, values := readAll(t, kafka, messagesOf(records))
	versions, lines, cheaper := map[string]int{}, map[string]int{}, 0
	for _, r := range records {
		value := values[r.SHA256]
		if r.Topic == message.TopicLoads && r.Verdict == truth.Cleared {
			checkLoad(t, value)
		}
		// What was altered on its way, and what another city's card is said to have paid, are not
		// what a terminal charged.
		if r.Topic != message.TopicTaps || strings.HasPrefix(r.Fault, "tampered_") || r.Verdict == truth.Rejected || r.Fault == "above_purse" {
			continue
		}
		var m message.Tap
		if err := proto.Unmarshal(value, &m); err != nil {
			t.Fatal(err)
		}
		signed, ok := rulefile.SignedMoment([7]byte(m.GetDebit().GetTime()))
		table := tables.At(signed)
		if !ok || table.Version() != m.GetFareVersion() || !table.Check(&m).OK() {
			t.Fatalf("a tap of %s names the fares %s; clearing finds %+v by %v", hex.EncodeToString(m.GetDebit().GetTime()), m.GetFareVersion(), table.Check(&m), table.Version())
		}
		versions[table.Version()]++
		lines[m.GetMode().String()[5:]]++
		if m.GetBefore() != nil {
			cheaper++
		}
		if m.GetMode() == message.Mode_MODE_BUS && (m.GetLine() == 1) == (signed >= 20261124_12_00_00) && m.GetLine() != 70 {
			t.Errorf("a bus of line %d at %d", m.GetLine(), signed)
		}
	}
	if len(versions) < least {
		t.Errorf("taps by fares: %v, want %d: before 04:00, before noon, before 16:30 and after it", versions, least)
	}
	if cheaper < len(records)/30 {
		t.Errorf("%d of %d taps follow on a ride from which a transfer leads", cheaper, len(records))
	}
	if (lines["METRO"] > 0) != strings.Contains(modes, "metro") || (lines["BUS"] > 0) != strings.Contains(modes, "bus") {
		t.Errorf("taps by mode: %v, want %s", lines, modes)
	}
}

// checkLoad: before 04:00 of 24 November loads are multiples of 50 yuan and a purse holds 300, then
// of 20 and 200.
func checkLoad(t *testing.T, value []byte) {
	t.Helper()
	var m message.Load
	if err := proto.Unmarshal(value, &m); err != nil {
		t.Fatal(err)
	}
	multiple, most := uint32(2_000), uint32(20_000)
	if signed, _ := rulefile.SignedMoment([7]byte(m.GetTime())); signed < 20261124_04_00_00 {
		multiple, most = 5_000, 30_000
	}
	if m.GetAmountFen()%multiple != 0 || m.GetNewBalanceFen() > most {
		t.Errorf("a load of %d to %d fen at %x", m.GetAmountFen(), m.GetNewBalanceFen(), m.GetTime())
	}
}

// TestTownOfTheDirectory: a city is played with the files with which it was issued. Others are
// refused by name.
func TestTownOfTheDirectory(t *testing.T) {
	dir := t.TempDir()
	city, rules := inventedTown(t, "metro bus")
	issue := []string{"issue", "--direct", "--data", dir, "--seed", "5", "--day", "20261124", "--cards", "200"}
	refused := func(want string, args ...string) {
		t.Helper()
		err := run(t, args...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
	var bad map[string]any
	decode(t, []byte(inventedCity), &bad)
	objects(t, bad["hospitals"])[0]["class"] = "9"
	spoilt := filepath.Join(t.TempDir(), "city.json")
	write(t, spoilt, bad)
	refused(`hospitals[0].class: "9" has no table in medical.json`, append(slices.Clone(issue), "--city", spoilt, "--rules", rules)...)
	refused("faults", append(slices.Clone(issue), "--city", city)...) // it does not fit the built-in documents
	refused("the rules cannot be read", append(slices.Clone(issue), "--rules", filepath.Join(dir, "nowhere"))...)
	refused("the city's file cannot be read", append(slices.Clone(issue), "--city", filepath.Join(dir, "nowhere"))...)
	if err := run(t, append(slices.Clone(issue), "--city", city, "--rules", rules)...); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"network.json", "fares.json", "loads.json", "medical.json", "pension.json"} {
		given, err := os.ReadFile(filepath.Join(rules, name))
		kept, keptErr := os.ReadFile(filepath.Join(dir, "rules", name))
		if err != nil || keptErr != nil || !bytes.Equal(given, kept) {
			t.Errorf("%s is not beside the registry: %v, %v", name, err, keptErr)
		}
	}
	other, _ := inventedTown(t, "bus")
	refused("was issued with another file", append(slices.Clone(issue), "--city", other, "--rules", rules)...)
	refused("holds issued cards", append(slices.Clone(issue), "--city", city)...)
}

// TestNewerRules plays a day under documents that were changed after the city was issued. Under
// those of before it is refused from the moment on at which the published fares are others.
func TestNewerRules(t *testing.T) {
	keyPath, _ := keyFile(t)
	dir, newer := t.TempDir(), filepath.Join(t.TempDir(), "rules")
	common := []string{"--direct", "--data", dir, "--keys", keyPath, "--seed", "5", "--day", "20261124", "--cards", "200"}
	if err := run(t, append([]string{"issue"}, common...)...); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(newer, os.DirFS(filepath.Join(dir, "rules"))); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(newer, "fares.json"))
	if err != nil {
		t.Fatal(err)
	}
	var fares map[string]any
	decode(t, data, &fares)
	var next map[string]any
	decode(t, data, &next)
	version := objects(t, next["versions"])[0]
	version["version"], version["effective_from"], version["rounding"] = "zz-2026", "2026-11-24T04:00", "up"
	versions, _ := fares["versions"].([]any)
	fares["versions"] = append(versions, version)
	if metro, ok := version["metro"].(map[string]any); ok {
		metro["base_fen"] = 231
	}
	write(t, filepath.Join(newer, "fares.json"), fares)
	var published []*message.FareTable
	for _, table := range officialTables(t, filepath.Dir(newer)).All() {
		published = append(published, table.Message())
	}
	city := append([]string{"city", "--kafka", fakeBroker(t, published...)}, common...)
	if err := run(t, city...); err == nil || !strings.Contains(err.Error(), "the fares of 20261124040000 are not those of this city") {
		t.Errorf("under the rules of before: %v", err)
	}
	if err := run(t, append(city, "--rules", newer)...); err != nil {
		t.Error(err)
	}
}

// TestTemplate writes the file of a city of one's own, once, and with --dry-run not at all.
func TestTemplate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine")
	if err := run(t, "template", "--dry-run", dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a dry run makes the folder")
	}
	if err := run(t, "template", dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "city.json")); err != nil {
		t.Error(err)
	}
	for _, args := range [][]string{{"template", dir}, {"template"}, {"template", dir, dir}} {
		if err := run(t, args...); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
