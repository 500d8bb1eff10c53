package outbox

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// Local records are not sent and have no number; they stand over rollovers and the removal of the
// segments in which they came, until their key is closed.
func TestLocalRecordsStand(t *testing.T) {
	dir := t.TempDir()
	l, err := open(dir, unsynced(), 1024)
	must(t, err)
	must(t, l.Keep([]Local{{[]byte("a"), []byte("1")}, {[]byte("b"), []byte("1")}}))
	if s := l.Status(); s.Next != 0 || s.Waiting() != 0 {
		t.Errorf("local records count as records to send: %+v", s)
	}
	for i := range 40 {
		must(t, l.Keep([]Local{{[]byte("a"), fmt.Appendf(nil, "%d", i)}}, testRecord(i)))
	}
	must(t, l.acknowledge(l.Status().Next))
	if s := l.Status(); s.Segments != 1 {
		t.Fatalf("%d segments after all was sent", s.Segments)
	}
	must(t, l.Close())
	l, err = open(dir, unsynced(), 1024)
	must(t, err)
	if want := []Local{{[]byte("a"), []byte("39")}, {[]byte("b"), []byte("1")}}; !sameLocals(l.Locals(), want) {
		t.Errorf("local records %q, want %q", l.Locals(), want)
	}
	must(t, l.Keep([]Local{{Key: []byte("a")}, {Key: []byte("never there")}}, testRecord(40)))
	must(t, l.Close())
	l, err = open(dir, unsynced(), 1024)
	must(t, err)
	if want := []Local{{[]byte("b"), []byte("1")}}; !sameLocals(l.Locals(), want) {
		t.Errorf("local records %q, want %q", l.Locals(), want)
	}
	if records := readAll(t, l); len(records) != 1 || string(records[0].Value) != string(testRecord(40).Value) {
		t.Errorf("to be sent: %q", records)
	}
	must(t, l.Close())
}

// A reader that stands in a segment which is replaced, since nothing of it is sent, goes on in the
// new one.
func TestReaderPassesOverLocalSegments(t *testing.T) {
	l, err := open(t.TempDir(), unsynced(), 1024)
	must(t, err)
	c, err := l.cursorAt(0)
	must(t, err)
	for i := range 20 {
		must(t, l.Keep([]Local{{[]byte("a"), fmt.Appendf(nil, "%0200d", i)}}))
	}
	must(t, l.Append(testRecord(0)))
	records, err := c.records(l.Status().Next, 1<<20)
	must(t, err)
	if len(records) != 1 || string(records[0].Value) != string(testRecord(0).Value) {
		t.Errorf("records %q", records)
	}
	must(t, c.close())
	must(t, l.Close())
}

// What is too much or too long is refused, and nothing is written.
func TestLocalRecordsAreFewAndSmall(t *testing.T) {
	l, err := open(t.TempDir(), unsynced(), segmentSize)
	must(t, err)
	key := func(i int) []byte { return fmt.Appendf(nil, "%064d", i) }
	for i := range MaxLocal {
		must(t, l.Keep([]Local{{key(i), make([]byte, maxLocalValue)}}))
	}
	for name, local := range map[string][]Local{
		"one more":   {{key(MaxLocal), []byte{1}}},
		"no key":     {{nil, []byte{1}}},
		"long key":   {{make([]byte, maxLocalKey+1), []byte{1}}},
		"long value": {{key(0), make([]byte, maxLocalValue+1)}},
	} {
		if err := l.Keep(local, testRecord(0)); err == nil || errors.Is(err, ErrBroken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	must(t, l.Keep([]Local{{Key: key(0)}, {key(MaxLocal), []byte{1}}}))
	if s := l.Status(); s.Next != 0 || len(l.Locals()) != MaxLocal {
		t.Errorf("%+v, %d local records", s, len(l.Locals()))
	}
	must(t, l.startSegment(0)) // all of them fit
	must(t, l.Close())
}

// After a write for which there was no room the local records are those before it, and as many as
// before can be kept.
func TestLocalRecordsAfterAFullDisk(t *testing.T) {
	full := false
	d := unsynced()
	write := d.write
	d.write = func(f *os.File, b []byte, off int64) error {
		if full {
			return errors.New("no space left")
		}
		return write(f, b, off)
	}
	dir := t.TempDir()
	l, err := open(dir, d, 1024)
	must(t, err)
	must(t, l.Keep([]Local{{[]byte("a"), make([]byte, 900)}}))
	full = true
	if err := l.Keep([]Local{{[]byte("a"), nil}, {[]byte("b"), make([]byte, 500)}}); err == nil || errors.Is(err, ErrBroken) {
		t.Fatalf("no room: %v", err)
	}
	full = false
	if has := l.Locals(); len(has) != 1 || string(has[0].Key) != "a" {
		t.Errorf("local records %q", has)
	}
	for i := range MaxLocal - 1 {
		must(t, l.Keep([]Local{{fmt.Appendf(nil, "%d", i), []byte{1}}}))
	}
	must(t, l.Close())
}
