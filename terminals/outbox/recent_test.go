package outbox

import "testing"

// The last records are found also where a segment has just begun.
func TestRecentAfterANewSegment(t *testing.T) {
	l, err := open(t.TempDir(), unsynced(), 4096)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test ends
	for n := byte(0); len(l.segments) < 3; n++ {
		if err := l.Append(Record{Topic: "taps", Key: []byte("card"), Value: append(make([]byte, 100), n)}); err != nil {
			t.Fatal(err)
		}
	}
	records, err := l.Recent()
	if err != nil || len(records) < 10 {
		t.Errorf("%d records, %v; want those of the segment before too", len(records), err)
	}
}
