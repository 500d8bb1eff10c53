package pension

import "testing"

func TestMonth(t *testing.T) {
	for text, want := range map[string]Month{"202601": 202601, "202612": 202612, "190001": 190001} {
		got, err := parseMonth(text)
		if err != nil || got != want || got.String() != text {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "2026", "202613", "202600", "20260101", "2026-1", "189912", " 202601"} {
		if got, err := parseMonth(text); err == nil {
			t.Errorf("%q: accepted as %v", text, got)
		}
	}
	if got := Month(0).String(); got != "" {
		t.Errorf("no month: %q", got)
	}
}
