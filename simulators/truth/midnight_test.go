package truth

import (
	"testing"
	"time"
)

// TestMayEnd: of a card whose last day is 23 November, and of trips of 90 minutes at most.
func TestMayEnd(t *testing.T) {
	f := &Fares{version: &fareVersion{}}
	f.version.Metro.LimitMinutes = 90
	at := func(text string) time.Time {
		moment, err := time.ParseInLocation(time.DateTime, "2026-11-"+text, time.FixedZone("CST", 8*3600))
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	for _, test := range []struct {
		entered, left string
		want          bool
	}{
		{"23 23:59:59", "24 00:00:00", true},
		{"23 23:59:59", "24 01:29:59", true},
		{"23 23:59:59", "24 01:30:00", false},
		{"24 00:00:00", "24 00:00:01", false},
		{"23 22:00:00", "23 23:30:00", true},
		{"24 00:10:00", "24 00:00:00", false},
	} {
		if got := f.MayEnd(20261123, at(test.entered), at(test.left)); got != test.want {
			t.Errorf("from %s to %s: %v, want %v", test.entered, test.left, got, test.want)
		}
	}
}
