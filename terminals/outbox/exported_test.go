package outbox

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestExportIsWholeOrNothing: an export has what waits and nothing that was sent, it is its
// owner's alone, and with any one byte changed, or cut at any length, it gives no record.
func TestExportIsWholeOrNothing(t *testing.T) {
	dir, path := t.TempDir(), filepath.Join(t.TempDir(), "export")
	l, err := open(dir, osDisk(), 4<<10)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test ends
	for i := range 100 {
		if err := l.Append(Record{Topic: "taps", Key: []byte("card"), Value: fmt.Appendf(nil, "%0100d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.acknowledge(97); err != nil {
		t.Fatal(err)
	}
	made := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	head, err := Export(dir, "gate-1", path, made)
	if want := (Head{Lane: "gate-1", Made: made, First: 97, Records: 3}); err != nil || head != want {
		t.Fatalf("exported %+v, %v; want %+v", head, err, want)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	n := 97
	read, err := Import(path, func(r Record) error {
		if string(r.Value) != fmt.Sprintf("%0100d", n) || string(r.Key) != "card" || r.Topic != "taps" {
			t.Errorf("record %d is %+v", n, r)
		}
		n++
		return nil
	})
	if err != nil || read != head || n != 100 {
		t.Errorf("read %+v up to %d, %v", read, n, err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "broken")
	refused := func(what string, content []byte) {
		t.Helper()
		if err := os.WriteFile(broken, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Import(broken, func(Record) error {
			t.Errorf("%s: it gives a record", what)
			return nil
		}); err == nil {
			t.Errorf("%s: it is taken", what)
		}
	}
	for i := range whole {
		changed := append([]byte(nil), whole...)
		changed[i] ^= 1
		refused(fmt.Sprintf("byte %d", i), changed)
		refused(fmt.Sprintf("cut at %d", i), whole[:i])
	}
	if records, err := l.Recent(); err != nil || len(records) == 0 || string(records[len(records)-1].Value) != fmt.Sprintf("%0100d", 99) {
		t.Errorf("recent: %d records, %v", len(records), err)
	}
}
