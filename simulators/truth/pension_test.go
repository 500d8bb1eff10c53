package truth

import (
	"testing"
	"time"
)

// TestPensionLists is worked out by hand: 12 months before January 2026 is January 2025,
// one after it February 2026; 10 days before 5 January is 26 December, 31 after it 5
// February. On 31 March 2026 the months are those from March 2025 to April 2026.
func TestPensionLists(t *testing.T) {
	rules := exampleRules(t)
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
		rule, ok := rules.Pension(c.day)
		if !ok {
			t.Fatalf("no rule on %s", c.day)
		}
		got, err := rule.Refuses(c.day, c.month, c.payday, c.lines, c.fen)
		if err != nil || got != c.want {
			t.Errorf("%+v: %q %v, want %q", c, got, err, c.want)
		}
	}
	rule, _ := rules.Pension(january)
	if _, err := rule.Refuses(january, "2026", "20260105", 1, 1); err == nil {
		t.Error("a month that is none was judged")
	}
}
