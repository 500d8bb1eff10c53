package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The crash test runs one script (open, append, keep local records, forward by hand, roll over,
// close) and cuts it before every single step on the disk, in each way in which a machine can stop.
// After each cut the outbox is opened again and must keep its promises.

var errCut = errors.New("the machine stopped")

// cutMode says what happens to writes that were not synced and to a rename whose directory was not
// synced.
type cutMode int

const (
	keepAll  cutMode = iota // the program was killed, the system lives on
	loseAll                 // nothing unsynced reached the disk
	keepHalf                // the first half of each unsynced write did
)

func (m cutMode) String() string { return [...]string{"killed", "unsynced lost", "unsynced torn"}[m] }

type unsyncedWrite struct {
	path   string
	before []byte // what was there
	bytes  []byte
	off    int64
}

type unsyncedRename struct {
	from, to string
	old      []byte // content of to before; nil when it was not there
}

// cuttingDisk does the real thing until its steps are used up.
type cuttingDisk struct {
	real    disk
	left    int
	steps   int
	writes  []unsyncedWrite
	renames []unsyncedRename
	paths   map[*os.File]string // an open file keeps the name it was opened under; this one follows renames
}

func (c *cuttingDisk) path(f *os.File) string {
	if c.paths == nil {
		c.paths = make(map[*os.File]string)
	}
	if c.paths[f] == "" {
		c.paths[f] = f.Name()
	}
	return c.paths[f]
}

func (c *cuttingDisk) moved(from, to string) {
	for f, path := range c.paths {
		if path == from {
			c.paths[f] = to
		}
	}
}

func (c *cuttingDisk) step() error {
	if c.left == 0 {
		return errCut
	}
	c.left--
	c.steps++
	return nil
}

func (c *cuttingDisk) disk() disk {
	return disk{
		write: func(f *os.File, b []byte, off int64) error {
			cut := c.step()
			before := make([]byte, len(b))
			n, _ := f.ReadAt(before, off)
			if cut == nil || c.steps > 0 { // the write that was cut may have begun
				c.writes = append(c.writes, unsyncedWrite{c.path(f), before[:n], append([]byte(nil), b...), off})
				if err := c.real.write(f, b, off); err != nil {
					return err
				}
			}
			if cut != nil {
				c.steps = 0 // nothing more happens
			}
			return cut
		},
		sync: func(f *os.File) error {
			if err := c.step(); err != nil {
				return err
			}
			kept := c.writes[:0]
			for _, w := range c.writes {
				if w.path != c.path(f) {
					kept = append(kept, w)
				}
			}
			c.writes = kept
			return c.real.sync(f)
		},
		rename: func(from, to string) error {
			if err := c.step(); err != nil {
				return err
			}
			old, err := os.ReadFile(to)
			if err != nil {
				old = nil
			}
			c.renames = append(c.renames, unsyncedRename{from, to, old})
			c.moved(from, to)
			return c.real.rename(from, to)
		},
		remove: func(path string) error {
			if err := c.step(); err != nil {
				return err
			}
			return c.real.remove(path)
		},
		syncDir: func(dir string) error {
			if err := c.step(); err != nil {
				return err
			}
			c.renames = nil
			return c.real.syncDir(dir)
		},
	}
}

// fall leaves on the disk what survives in this mode.
func (c *cuttingDisk) fall(t *testing.T, mode cutMode) {
	t.Helper()
	if mode == keepAll {
		return
	}
	for i := len(c.writes) - 1; i >= 0; i-- {
		w := c.writes[i]
		f, err := os.OpenFile(w.path, os.O_RDWR, 0)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		must(t, err)
		from := 0
		if mode == keepHalf {
			from = len(w.bytes) / 2
		}
		zeros := make([]byte, len(w.bytes))
		copy(zeros, w.before)
		_, err = f.WriteAt(zeros[from:], w.off+int64(from))
		must(t, err)
		must(t, f.Close())
	}
	for i := len(c.renames) - 1; i >= 0; i-- {
		r := c.renames[i]
		must(t, os.Rename(r.to, r.from))
		if r.old != nil {
			must(t, os.WriteFile(r.to, r.old, 0o600))
		}
	}
}

// unsynced does not wait for the disk: fall removes what would have been lost.
func unsynced() disk {
	d := osDisk()
	d.sync = func(*os.File) error { return nil }
	d.syncDir = func(string) error { return nil }
	return d
}

// history is what the script knows when it is cut.
type history struct {
	promised int // records whose Append returned nil
	tried    int
	sent     int // records handed to the broker
	// The local records that stand by what was promised, and by what was tried.
	standing, trying locals
}

// keep keeps local records and appends records, and knows what that promises.
func (h *history) keep(l *Log, local []Local, records ...Record) (err error) {
	if h.trying, err = h.standing.with(local); err != nil {
		return err
	}
	h.tried = h.promised + len(records)
	if err := l.Keep(local, records...); err != nil {
		return err
	}
	h.promised, h.standing = h.tried, h.trying
	return nil
}

func testRecord(i int) Record {
	return Record{Topic: "taps", Key: fmt.Appendf(nil, "card %d", i%7), Value: fmt.Appendf(nil, "record %04d %0100d", i, i)}
}

// script appends 18 records in groups, forwards some on the way, reopens in the
// middle, and returns at the first error. Before each group it opens a local record, which it
// closes together with most groups; some are closed together with nothing, so that whole segments
// have nothing to send.
func script(dir string, d disk) (h history, err error) {
	for range 2 {
		if err := session(dir, d, &h); err != nil {
			return h, err
		}
	}
	return h, nil
}

func session(dir string, d disk, h *history) (err error) {
	l, err := open(dir, d, 1024)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	for group := range 5 {
		var records []Record
		for i := range 1 + group%3 {
			records = append(records, testRecord(h.promised+i))
		}
		open := Local{fmt.Appendf(nil, "open %d", h.promised), fmt.Appendf(nil, "%050d", h.promised)}
		if err := h.keep(l, []Local{open}); err != nil {
			return err
		}
		var closing []Local
		if group != 2 {
			closing = []Local{{Key: open.Key}}
		}
		if err := h.keep(l, closing, records...); err != nil {
			return err
		}
		if group%2 == 1 {
			if err := forwardByHand(l, h); err != nil {
				return err
			}
		}
		if err := l.Ready(); err != nil {
			return err
		}
	}
	for i := range 8 { // more than a segment
		if err := h.keep(l, []Local{{[]byte("refused"), fmt.Appendf(nil, "%0200d", i)}}); err != nil {
			return err
		}
	}
	return h.keep(l, []Local{{Key: []byte("refused")}})
}

func forwardByHand(l *Log, h *history) error {
	c, err := l.cursorAt(l.Status().Position)
	if err != nil {
		return err
	}
	defer c.close() //nolint:errcheck // a read-only file
	if _, err := c.records(l.Status().Next, 300); err != nil {
		return err
	}
	h.sent = int(c.seq)
	return l.acknowledge(c.seq)
}

func TestNothingPromisedIsLostWhereverItStops(t *testing.T) {
	whole := &cuttingDisk{real: unsynced(), left: 1 << 30}
	if _, err := script(t.TempDir(), whole.disk()); err != nil {
		t.Fatal(err)
	}
	if whole.steps < 150 {
		t.Fatalf("the script has %d steps, want at least 150", whole.steps)
	}
	torn := 0
	for _, mode := range []cutMode{keepAll, loseAll, keepHalf} {
		for n := range whole.steps {
			dir := t.TempDir()
			c := &cuttingDisk{real: unsynced(), left: n}
			h, err := script(dir, c.disk())
			if !errors.Is(err, errCut) {
				t.Fatalf("%v after %d steps: %v, want the cut", mode, n, err)
			}
			c.fall(t, mode)
			torn += checkAfterCut(t, dir, h, fmt.Sprintf("%v after %d steps", mode, n))
		}
	}
	if torn == 0 {
		t.Error("no cut left an unfinished write: the test does not test tears")
	}
}

func checkAfterCut(t *testing.T, dir string, h history, where string) (torn int) {
	t.Helper()
	_ = os.Remove(filepath.Join(dir, brokenName)) // the machine stopped, and no sync has failed
	l, err := open(dir, unsynced(), 1024)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	s := l.Status()
	if int(s.Next) < h.promised || int(s.Next) > h.tried {
		t.Errorf("%s: %d records, promised %d, tried %d", where, s.Next, h.promised, h.tried)
	}
	switch has := l.Locals(); {
	case int(s.Next) == h.promised && sameLocals(has, h.standing):
	case int(s.Next) == h.tried && sameLocals(has, h.trying):
	default:
		t.Errorf("%s: %d records and local records %s; promised %d and %s, tried %d and %s", where, s.Next, has, h.promised, h.standing, h.tried, h.trying)
	}
	if int(s.Position) > h.sent {
		t.Errorf("%s: position %d, but only %d records were sent", where, s.Position, h.sent)
	}
	for i, r := range readAll(t, l) {
		if want := testRecord(int(s.Position) + i); string(r.Value) != string(want.Value) || string(r.Key) != string(want.Key) || r.Topic != want.Topic {
			t.Errorf("%s: record %d is %q", where, int(s.Position)+i, r.Value)
		}
	}
	if err := l.Append(testRecord(int(s.Next))); err != nil {
		t.Errorf("%s: append afterwards: %v", where, err)
	}
	must(t, l.Close())
	if s.Torn > 0 {
		return 1
	}
	return 0
}

func sameLocals(a, b []Local) bool {
	return slices.EqualFunc(a, b, func(a, b Local) bool { return string(a.Key) == string(b.Key) && string(a.Value) == string(b.Value) })
}

// readAll returns the records from the position on.
func readAll(t *testing.T, l *Log) []Record {
	t.Helper()
	c, err := l.cursorAt(l.Status().Position)
	must(t, err)
	defer c.close() //nolint:errcheck // a read-only file
	records, err := c.records(l.Status().Next, 1<<30)
	must(t, err)
	if want := int(l.Status().Waiting()); len(records) != want {
		t.Fatalf("%d records, want %d", len(records), want)
	}
	return records
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
