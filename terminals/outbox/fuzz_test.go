package outbox

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// Whatever a segment file holds, opening it ends in an outbox that takes records and keeps its
// local ones over a rollover, or in a damagedError; it never panics and never invents a record.
func FuzzSegment(f *testing.F) {
	dir := f.TempDir()
	l, err := open(dir, unsynced(), 1024)
	if err != nil {
		f.Fatal(err)
	}
	for i := range 3 {
		if err := l.Keep([]Local{{testRecord(i).Key, testRecord(i).Value}, {Key: testRecord(i - 1).Key}}, testRecord(i)); err != nil {
			f.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(segmentPath(dir, 0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:200])
	f.Add(good[:segmentHeader])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, content []byte) {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, filepath.Base(segmentPath(dir, 0))), content, 0o600))
		l, err := open(dir, unsynced(), 1024)
		var damaged *damagedError
		if errors.As(err, &damaged) {
			return
		}
		must(t, err)
		readAll(t, l)
		must(t, l.Append(testRecord(9)))
		standing := l.Locals()
		must(t, l.startSegment(l.next))
		must(t, l.Close())
		l, err = open(dir, unsynced(), 1024)
		must(t, err)
		if has := l.Locals(); !sameLocals(has, standing) || len(has) > MaxLocal {
			t.Errorf("local records %q, before %q", has, standing)
		}
		must(t, l.Close())
	})
}
