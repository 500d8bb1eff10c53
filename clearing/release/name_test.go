package release_test

import (
	"testing"

	"citycard/clearing/release"
	"citycard/ledger"
)

// TestRowName reads back what it wrote, and refuses anything else.
func TestRowName(t *testing.T) {
	key := ledger.Key{Day: 20260105, Subject: "card", ID: "\x01\x09id"}
	got, err := release.ParseRow(release.RowName(key))
	if err != nil || got != key {
		t.Errorf("%v, %v, want %v", got, err, key)
	}
	for _, text := range []string{"", "20260105", "20260105/63", "20261305/63/01", "20260105/6/01", "20260105//01", "20260105/63/", "20260105/63/01/02", "20260105/xx/01"} {
		if got, err := release.ParseRow(text); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}
