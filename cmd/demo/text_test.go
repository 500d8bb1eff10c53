package demo

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"citycard/clearing/verdict"
	"citycard/cmd/check"
	"citycard/language"
)

// TestText compares the report with the texts in testdata, in both languages.
func TestText(t *testing.T) {
	r := check.NewReport(20260105)
	r.Sent, r.Cleared, r.Duplicate, r.PCSCCards, r.PCSCTaps, r.PCSCUpdates, r.PCSCSales, r.PCSCLoads, r.ClearedPerSecond = 5763, 5634, 99, 20, 200, 10, 20, 45, 1338
	r.Unconfirmed.Count, r.Unconfirmed.Late, r.Unconfirmed.OpenFen = 5, 2, 480
	r.Suspended[verdict.UnknownTerminal], r.Rejected[verdict.BadTAC], r.Kept[verdict.Unbookable] = 4, 1200, 1
	r.Findings = map[string]int{"counter_gap": 2}
	r.NetPositions["operator:zzmetro"] = 468680
	for i, step := range steps() {
		r.Seconds[step.name] = float64(i) + 0.5
	}
	r.Seconds["total"] = 24.5
	r.Books.Balanced, r.Reserve.Closed = true, true
	r.Fault("a fault")
	if err := json.Unmarshal([]byte(`{"bus":{"count":1776,"fen":235530},"zero_fare":{"count":1747,"fen":0}}`), &r.ByPurpose); err != nil {
		t.Fatal(err)
	}
	for _, code := range []string{"en", "zh"} {
		var l language.Language
		if err := l.Set(code); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("testdata", "report-"+code+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		if err := writeText(&got, r, l); err != nil || got.String() != string(want) {
			t.Errorf("%s: %v; the report is\n%s\nwant\n%s", code, err, got.String(), want)
		}
	}
}

// TestSteps: the report of a day has the seconds of each step, as docs/report.md says.
func TestSteps(t *testing.T) {
	page, err := os.ReadFile("../../docs/report.md")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, step := range steps() {
		names = append(names, "`"+step.name+"`")
	}
	if row := "| `seconds` | phase → seconds | " + strings.Join(append(names, "`total`"), ", ") + " |"; !strings.Contains(string(page), row) {
		t.Errorf("docs/report.md has no row %s", row)
	}
}

// TestPurposes: each purpose that docs/report.md names is shown with its Chinese name.
func TestPurposes(t *testing.T) {
	page, err := os.ReadFile("../../docs/report.md")
	if err != nil {
		t.Fatal(err)
	}
	_, row, _ := strings.Cut(string(page), "| `by_purpose` |")
	row, _, _ = strings.Cut(row, "|\n")
	_, row, _ = strings.Cut(row, "what was booked")
	seen := map[string]string{}
	for i, word := range strings.Split(row, "`") {
		if i%2 == 1 {
			seen[purposeInChinese(word)] = word
		}
	}
	if len(seen) != 23 || seen[""] != "" {
		t.Errorf("Chinese names of purposes: %v", slices.Sorted(maps.Keys(seen)))
	}
}
