package truth

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// TestPensionLists is worked out by hand: 12 months before January 2026 is January 2025,
// one after it February 2026; 10 days before 5 January is 26 December, 31 after it 5
// February. On 31 March 2026 the months are those from March 2025 to April 2026.
func TestPensionLists(t *testing.T) {
	rules, err := Example()
	if err != nil {
		t.Fatal(err)
	}
	january := time.Date(2026, 1, 5, 0, 0, 0, 0, time.FixedZone("", 8*3600))
	march := time.Date(2026, 3, 31, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		day           time.Time
		month, payday string
		lines         int
		fen           int64
		want          string
	}{
		{january, "202601", "20260105", 400, 120_000_000, ""},
		{january, "202501", "20251226", 1, 1, ""},
		{january, "202602", "20260205", 1, 1, ""},
		{january, "202412", "20260105", 1, 1, "implausible_month"},
		{january, "202603", "20260105", 1, 1, "implausible_month"},
		{january, "202701", "20260105", 1, 1, "implausible_month"},
		{january, "202601", "20251225", 1, 1, "implausible_payday"},
		{january, "202601", "20260206", 1, 1, "implausible_payday"},
		{january, "202601", "20260105", 20_000, 20_000_000_000, ""},
		{january, "202601", "20260105", 20_001, 1, "batch_too_large"},
		{january, "202601", "20260105", 1, 20_000_000_001, "batch_too_large"},
		{january, "202701", "20270105", 20_001, 1, "implausible_month"},
		{march, "202503", "20260331", 1, 1, ""},
		{march, "202502", "20260331", 1, 1, "implausible_month"},
		{march, "202604", "20260331", 1, 1, ""},
		{march, "202605", "20260331", 1, 1, "implausible_month"},
	} {
		got, err := rules.Pension.Refuses(c.day, c.month, c.payday, c.lines, c.fen)
		if err != nil || got != c.want {
			t.Errorf("%+v: %q %v, want %q", c, got, err, c.want)
		}
	}
	if _, err := rules.Pension.Refuses(january, "2026", "20260105", 1, 1); err == nil {
		t.Error("a month that is none was judged")
	}
}

// TestPensionFiguresAreThoseOfTheExample compares the figures with those that clearing
// ships.
func TestPensionFiguresAreThoseOfTheExample(t *testing.T) {
	data, err := os.ReadFile("../../clearing/pension/example.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Versions []PensionRule }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	rules, err := Example()
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Versions) != 1 || file.Versions[0] != rules.Pension {
		t.Errorf("here %+v, there %+v", rules.Pension, file.Versions)
	}
}
