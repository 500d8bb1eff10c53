package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"citycard/clearing/settlement"
	"citycard/cmd/check"
)

// TestDemo runs the demonstration as a user does, readers included. It checks that the report is
// consistent and agrees with the files that were written.
func TestDemo(t *testing.T) {
	t.Parallel()
	p := build(t, "citycard", "cardterm", "cardsim")
	dir := reachableDir(t)
	data, reportFile := filepath.Join(dir, "data"), filepath.Join(dir, "report.json")
	out := p.run(t, "citycard", "demo", "--data", data, "--cards", "300", "--pcsc-cards", "20", "--json", reportFile, "--day", "20260105")
	if !strings.Contains(out, "THE BOOKS HOLD") {
		t.Errorf("the demonstration printed\n%s", out)
	}
	text, err := os.ReadFile(reportFile)
	if err != nil {
		t.Fatal(err)
	}
	var r check.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if r.Lost+r.Doubled+r.Wrong+r.PurseMismatches != 0 || len(r.Faults) != 0 || !r.Books.Balanced || !r.Reserve.Closed {
		t.Errorf("the report says that something does not hold:\n%s", text)
	}
	if sum := r.Cleared + r.Duplicate + r.Disputed + r.Pending + total(r.Suspended) + total(r.Rejected) + total(r.Kept) + r.Unconfirmed.Count; sum != r.Sent || r.Sent < 3000 {
		t.Errorf("%d sent, %d accounted for, want the same and some thousands", r.Sent, sum)
	}
	if r.PCSCCards != 20 {
		t.Errorf("%d cards went through PC/SC, want 20", r.PCSCCards)
	}
	if taps, updates, sales, loads := pcscTaps(); r.PCSCTaps != taps || r.PCSCUpdates != updates || r.PCSCSales != sales || r.PCSCLoads != loads {
		t.Errorf("%d taps, %d updates, %d sales and %d loads went through PC/SC, want %d, %d, %d and %d",
			r.PCSCTaps, r.PCSCUpdates, r.PCSCSales, r.PCSCLoads, taps, updates, sales, loads)
	}
	if back := r.ByPurpose["emptied"]; os.Geteuid() == 0 && back.Count != 3 {
		t.Errorf("%d cards were taken back, want 3", back.Count)
	}
	for _, reason := range []string{"unknown_terminal", "unknown_card"} {
		if !strings.Contains(string(text), reason) {
			t.Errorf("no record was held for %s: the city spoiled nothing", reason)
		}
	}
	checkFiles(t, filepath.Join(data, "settlement", "20260105"), &r)
	v := p.run(t, "citycard", "verify", "--data", data)
	if !strings.Contains(v, ": 0 faults\n") {
		t.Errorf("verify printed %s", v)
	}
	if people := p.run(t, "citycard", "person", "list", "--data", data, "--json"); strings.Count(people, "\n") != 5 || strings.Count(people, `"demo":true`) != 5 {
		t.Errorf("the demonstration's people: %s", people)
	}
	checkKeys(t, text)
	checkTaps(t, p, data, &r)
}

// pcscTaps is how many taps the demonstration makes at readers, updates at a desk, and sales and
// loads at counters: root has sixteen slots, others have two.
func pcscTaps() (taps, updates, sales, loads int) {
	if os.Geteuid() == 0 {
		return 200, 10, 20, 45
	}
	return 200 * 2 / 16, 0, 2, 5
}

// checkTaps looks up verdicts and compares their counts with the report.
func checkTaps(t *testing.T, p programs, data string, r *check.Report) {
	t.Helper()
	find := func(args ...string) []ruled {
		out := p.run(t, "citycard", append([]string{"tap"}, append(args, "--data", data, "--from", "20260104", "--to", "20260105", "--json")...)...)
		var items []ruled
		for decoder := json.NewDecoder(strings.NewReader(out)); ; {
			var item ruled
			if err := decoder.Decode(&item); err != nil {
				return items
			}
			items = append(items, item)
		}
	}
	suspended := find("find", "--reason", "unknown_terminal")
	if int64(len(suspended)) != r.Suspended["unknown_terminal"] || len(suspended) == 0 {
		t.Errorf("%d taps found for unknown_terminal, the report counts %d", len(suspended), r.Suspended["unknown_terminal"])
	}
	if rejected := find("find", "--verdict", "rejected"); int64(len(rejected)) != total(r.Rejected) {
		t.Errorf("%d rejects found, the report counts %d", len(rejected), total(r.Rejected))
	}
	if pending := find("find", "--verdict", "pending"); int64(len(pending)) != r.Pending {
		t.Errorf("%d pending taps found, the report counts %d", len(pending), r.Pending)
	}
	card := find("show", "--card", suspended[0].Card)
	if len(card) < 2 || !slices.ContainsFunc(card, func(item ruled) bool { return reflect.DeepEqual(item, suspended[0]) }) {
		t.Errorf("the statement of card %s has %d items and not the one that was found", suspended[0].Card, len(card))
	}
}

// checkFiles compares the settlement files with the report's positions.
func checkFiles(t *testing.T, dir string, r *check.Report) {
	t.Helper()
	index, err := settlement.Verify(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(index.Entries) != len(r.NetPositions) {
		t.Errorf("%d settlement files, %d positions in the report", len(index.Entries), len(r.NetPositions))
	}
	for _, entry := range index.Entries {
		file, err := settlement.Read(filepath.Join(dir, entry.File))
		if err != nil {
			t.Fatal(err)
		}
		code := file.Position.Participant.Code
		if file.Position.Fen != int64(r.NetPositions[code]) {
			t.Errorf("the file of %s says %d fen, the report %d", code, file.Position.Fen, r.NetPositions[code])
		}
	}
}

// checkKeys looks for the keys that docs/report.md promises.
func checkKeys(t *testing.T, text []byte) {
	t.Helper()
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(text, &keys); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/report.md")
	if err != nil {
		t.Fatal(err)
	}
	for key := range keys {
		if !strings.Contains(string(page), "| `"+key+"` |") {
			t.Errorf("docs/report.md does not explain %s", key)
		}
	}
}

// TestDemoLeavesNothing: without --data a demonstration takes a directory of its own and removes
// it, unless it is told to keep it, and says where it is.
func TestDemoLeavesNothing(t *testing.T) {
	t.Parallel()
	p := build(t, "citycard", "cardsim")
	temporary := reachableDir(t)
	p.env = append(p.env, "TMPDIR="+temporary)
	demo := []string{"demo", "--no-pcsc", "--cards", "100"}
	left := func() []string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(temporary, "citycard-demo-*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if out := p.run(t, "citycard", demo...); len(left()) != 0 || !strings.Contains(out, "data in "+temporary) || strings.Contains(out, "settlement files") {
		t.Errorf("%q is left, and it printed\n%s", left(), out)
	}
	p = p.fresh(t)
	out := p.run(t, "citycard", append(demo, "--keep")...)
	kept := left()
	if len(kept) != 1 || !strings.Contains(out, "settlement files: "+kept[0]) {
		t.Fatalf("%q is kept, and it printed\n%s", kept, out)
	}
	if v := p.run(t, "citycard", "verify", "--data", kept[0]); !strings.Contains(v, "THE BOOKS HOLD") {
		t.Errorf("what is kept: %s", v)
	}
}

func total[K comparable](counts map[K]int64) (n int64) {
	for _, c := range counts {
		n += c
	}
	return n
}
