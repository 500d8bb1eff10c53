package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func filled(t *testing.T, dir string, n int) {
	t.Helper()
	l, err := open(dir, unsynced(), 1024)
	must(t, err)
	for i := range n {
		must(t, l.Append(testRecord(i)))
	}
	must(t, l.Close())
}

// Every byte of every promised record is changed, one at a time; each time the outbox must refuse
// to open, and name the file.
func TestDamageIsNeverTakenForAnEnd(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir, 9)
	segments, err := listSegments(dir)
	must(t, err)
	if len(segments) < 2 {
		t.Fatalf("%d segments, want several", len(segments))
	}
	for _, s := range segments {
		scan, err := scanSegment(s.path, true)
		must(t, err)
		end := scan.end
		if s == segments[len(segments)-1] {
			end -= frameHeader // the mark that Close wrote; it holds no record
		}
		content, err := os.ReadFile(s.path)
		must(t, err)
		for i := range end {
			broken := append([]byte(nil), content...)
			broken[i] ^= 0x40
			must(t, os.WriteFile(s.path, broken, 0o600))
			var damaged *damagedError
			l, err := open(dir, unsynced(), 1024)
			if !errors.As(err, &damaged) {
				if err == nil {
					must(t, l.Close())
				}
				t.Fatalf("%s byte %d turned over: %v, want a damagedError", s.path, i, err)
			}
		}
		must(t, os.WriteFile(s.path, content, 0o600))
	}
	l, err := Open(dir)
	must(t, err)
	must(t, l.Close())
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name string
		harm func(t *testing.T, dir string)
		want string
	}{
		{"a segment is missing", func(t *testing.T, dir string) {
			segments, err := listSegments(dir)
			must(t, err)
			must(t, os.Remove(segments[1].path))
		}, "the segment before ends at"},
		{"the first segment is missing", func(t *testing.T, dir string) {
			segments, err := listSegments(dir)
			must(t, err)
			must(t, os.Remove(segments[0].path))
		}, "position is 0"},
		{"the position is beyond the end", func(t *testing.T, dir string) {
			setPosition(t, dir, 1000)
		}, "position is 1000"},
		{"the position is garbled", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "position"), []byte("citycard outbox position 1 3 00000000\n"), 0o600))
		}, "8192"},
		{"every segment is gone", func(t *testing.T, dir string) {
			setPosition(t, dir, 3)
			segments, err := listSegments(dir)
			must(t, err)
			for _, s := range segments {
				must(t, os.Remove(s.path))
			}
		}, "there is no segment"},
		{"a stranger's file", func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "notes.log"), []byte("x"), 0o600))
		}, "not a name of a segment"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			filled(t, dir, 20)
			test.harm(t, dir)
			l, err := Open(dir)
			var damaged *damagedError
			if !errors.As(err, &damaged) || !strings.Contains(err.Error(), test.want) {
				if err == nil {
					must(t, l.Close())
				}
				t.Fatalf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir)
	must(t, err)
	if _, err := Open(dir); !errors.Is(err, errInUse) {
		t.Errorf("%v, want errInUse", err)
	}
	must(t, l.Close())
	if err := l.Append(testRecord(0)); !errors.Is(err, errClosed) {
		t.Errorf("append after close: %v", err)
	}
}

func TestAppendRefusesWhatKafkaWould(t *testing.T) {
	l, err := Open(t.TempDir())
	must(t, err)
	defer func() { must(t, l.Close()) }()
	for name, r := range map[string]Record{
		"no topic":   {Value: []byte("x")},
		"long topic": {Topic: strings.Repeat("t", maxTopic+1)},
		"long key":   {Topic: "taps", Key: make([]byte, maxKey+1)},
		"long value": {Topic: "taps", Value: make([]byte, maxValue+1)},
	} {
		if err := l.Append(testRecord(0), r); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if n := l.Status().Next; n != 0 {
		t.Errorf("%d records were written, want none", n)
	}
}

// Many appenders at once: each one's records are in, in its own order.
func TestAppendersMeet(t *testing.T) {
	dir := t.TempDir()
	l, err := open(dir, unsynced(), 4096)
	must(t, err)
	const appenders, each = 16, 40
	var wg sync.WaitGroup
	for a := range appenders {
		wg.Go(func() {
			for i := range each {
				if err := l.Append(Record{Topic: "taps", Key: []byte{byte(a)}, Value: []byte{byte(i)}}); err != nil {
					t.Error(err)
				}
				if err := l.Ready(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	must(t, l.Close())
	l, err = Open(dir)
	must(t, err)
	defer func() { must(t, l.Close()) }()
	var seen [appenders]byte
	records := readAll(t, l)
	for _, r := range records {
		if a := r.Key[0]; r.Value[0] != seen[a] {
			t.Fatalf("appender %d: record %d, want %d", a, r.Value[0], seen[a])
		}
		seen[r.Key[0]]++
	}
	if len(records) != appenders*each {
		t.Errorf("%d records, want %d", len(records), appenders*each)
	}
}

// Ready reports a full disk before the record is needed, and no longer once there is room.
func TestFullDiskIsToldInTime(t *testing.T) {
	full := false
	d := osDisk()
	write := d.write
	d.write = func(f *os.File, b []byte, off int64) error {
		if full && len(b) > reserve { // a new segment
			return fmt.Errorf("write %s: %w", f.Name(), syscall.ENOSPC)
		}
		return write(f, b, off)
	}
	l, err := open(t.TempDir(), d, reserve+4096)
	must(t, err)
	defer func() { must(t, l.Close()) }()
	must(t, l.Ready())
	full = true
	told := false
	for i := 0; i < 100 && !told; i++ {
		if err := l.Ready(); err != nil {
			if !errors.Is(err, syscall.ENOSPC) {
				t.Fatalf("%v, want ENOSPC", err)
			}
			told = true
		}
		// A tap that is in progress when the disk is found full still has room.
		must(t, l.Append(testRecord(i)))
	}
	if !told {
		t.Fatal("Ready never told of the full disk")
	}
	full = false
	must(t, l.Ready())
}

// After a failed sync nobody knows what is on the disk: no record is taken.
func TestFailedSyncBreaks(t *testing.T) {
	dir := t.TempDir()
	d := osDisk()
	fail := false
	d.sync = func(f *os.File) error {
		if fail {
			return syscall.EIO
		}
		return f.Sync()
	}
	l, err := open(dir, d, segmentSize)
	must(t, err)
	must(t, l.Append(testRecord(0)))
	fail = true
	if err := l.Append(testRecord(1)); !errors.Is(err, ErrBroken) || !errors.Is(err, syscall.EIO) {
		t.Errorf("%v, want ErrBroken with its cause", err)
	}
	fail = false
	if err := l.Append(testRecord(2)); !errors.Is(err, ErrBroken) {
		t.Errorf("%v, want ErrBroken", err)
	}
	if err := l.Ready(); !errors.Is(err, ErrBroken) {
		t.Errorf("Ready: %v, want ErrBroken", err)
	}
	must(t, l.Close())
	l, err = Open(dir)
	must(t, err)
	must(t, l.Append(testRecord(2)))
	must(t, l.Close())
}

// After a failed sync the system may take for stored what it has in memory alone. An outbox that is
// opened again, by another process too, writes all of it to another file before it believes it.
func TestBrokenOutboxIsWrittenAgain(t *testing.T) {
	dir := t.TempDir()
	d, fail := osDisk(), false
	d.sync = func(f *os.File) error {
		if fail {
			return syscall.EIO
		}
		return f.Sync()
	}
	l, err := open(dir, d, 4096)
	must(t, err)
	must(t, l.Append(testRecord(0)))
	fail = true
	if err := l.Append(testRecord(1)); !errors.Is(err, ErrBroken) {
		t.Fatalf("%v, want ErrBroken", err)
	}
	must(t, l.Close())
	if l, err := open(dir, d, 4096); !errors.Is(err, syscall.EIO) {
		t.Fatalf("%v %v: opened on a disk that does not store", l, err)
	}
	fail = false
	file := func() os.FileInfo {
		info, err := os.Stat(segmentPath(dir, 0))
		must(t, err)
		return info
	}
	before := file()
	for again := range 2 {
		l, err = open(dir, d, 4096)
		must(t, err)
		if s := l.Status(); s.Next != 2 {
			t.Errorf("%+v, want two records", s)
		}
		must(t, l.Close())
		if after := file(); os.SameFile(before, after) == (again == 0) {
			t.Errorf("opened %d times: the same file is %v", again+1, again == 0)
		} else {
			before = after
		}
	}
}
