package outbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"citycard/durable"

	"citycard/language"

	"github.com/gofrs/flock"
)

// reserve is the room that Ready keeps for the records of the taps under way,
// in bytes.
const reserve = 64 << 10

// maxGroup is the number of bytes that may wait for one sync; further appends wait for the next.
const maxGroup = 1 << 20

// group is what one write and one sync make durable together.
type group struct {
	payload []byte
	count   int
	local   []Local
	done    chan struct{} // closed when err is final
	err     error
}

// Log is an open outbox. It is safe for concurrent use; concurrent appends share one sync.
type Log struct {
	dir  string
	disk disk
	lock *flock.Flock
	torn int64
	// newSize is the size of segments to come, in bytes.
	newSize int64
	// refusedPause is how long records of lesser topics wait after a refusal.
	refusedPause time.Duration
	positions    *positions // Forward's alone

	mu       sync.Mutex
	wake     *sync.Cond    // pending, closing or room changed
	changed  chan struct{} // closed and replaced when next, position or err changes
	pending  *group
	closing  bool
	err      error // sticky
	next     uint64
	position uint64
	segments []segment
	sending  bool
	local    locals // that stand on the disk
	accepted locals // that will stand when all groups are written

	// The writer's fields: one goroutine at a time uses them, under writing.
	writing sync.Mutex
	file    *os.File
	salt    [8]byte
	end     int64
	size    int64

	stopped chan struct{}
}

// Open opens the outbox in dir, making it when it is not there. An unfinished last write is removed
// (Torn says how many bytes). It fails when another process has
// the directory, when a record is damaged, or with the file system's error.
func Open(dir string) (*Log, error) { return open(dir, osDisk(), segmentSize) }

func open(dir string, d disk, size int64) (*Log, error) {
	if err := durable.MkdirAll(dir); err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	held, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("outbox: lock %s: %w", dir, err)
	}
	if !held {
		return nil, language.Textf("%s: %w", dir, errInUse)
	}
	l := &Log{dir: dir, disk: d, lock: lock, newSize: size, refusedPause: refusedPause, changed: make(chan struct{}), stopped: make(chan struct{})}
	l.wake = sync.NewCond(&l.mu)
	if err := l.recover(); err != nil {
		if l.file != nil {
			err = errors.Join(err, l.file.Close())
		}
		if l.positions != nil {
			err = errors.Join(err, l.positions.file.Close())
		}
		return nil, errors.Join(err, lock.Unlock())
	}
	go l.run()
	return l, nil
}

// recover brings the log to the state that the promises describe.
func (l *Log) recover() error {
	segments, err := listSegments(l.dir)
	if err != nil {
		return err
	}
	position, saved, err := loadPosition(l.dir)
	if err != nil {
		return err
	}
	if len(segments) == 0 {
		if saved && position != 0 {
			return &damagedError{File: l.dir, Offset: -1, Reason: fmt.Sprintf("position is %d, but there is no segment", position)}
		}
		if l.positions, err = openPositions(l.disk, l.dir); err != nil {
			return err
		}
		return l.startSegment(0)
	}
	var s scanned
	for i, seg := range segments {
		next := s.next
		if s, err = scanSegment(seg.path, i == len(segments)-1); err != nil {
			return err
		}
		if s.first != seg.first {
			return &damagedError{File: seg.path, Offset: 0, Reason: fmt.Sprintf("header says record %d", s.first)}
		}
		if i > 0 && s.first != next {
			return &damagedError{File: seg.path, Offset: -1, Reason: fmt.Sprintf("starts at record %d, the segment before ends at %d", s.first, next)}
		}
	}
	if !saved {
		position = 0
	}
	if position < segments[0].first || position > s.next {
		return &damagedError{File: l.dir, Offset: -1, Reason: fmt.Sprintf("position is %d, records %d to %d are here", position, segments[0].first, s.next)}
	}
	if l.positions, err = openPositions(l.disk, l.dir); err != nil {
		return err
	}
	l.segments, l.position, l.next = segments, position, s.next
	l.local, l.accepted = s.local, s.local // each segment begins with those that stood
	return l.resume(segments[len(segments)-1].path, s)
}

// resume opens the last segment for writing, removes an unfinished write and writes a mark, so that
// later damage to the present records can be told from an unfinished write.
func (l *Log) resume(path string, s scanned) error {
	if err := l.rewrite(path, s); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	l.file, l.salt, l.end, l.size, l.torn = file, s.salt, s.end, s.size, s.torn
	if s.torn > 0 {
		if err := errors.Join(l.disk.write(file, make([]byte, s.torn), s.end), l.disk.sync(file)); err != nil {
			return fmt.Errorf("outbox: clear an unfinished write: %w", err)
		}
	}
	return l.mark()
}

// brokenName is the name of an empty file that is there after a write or sync that failed, until
// the last segment is written again. It need not be synced: if the machine stops, it goes together
// with what the system only has in memory.
const brokenName = "broken"

// rewrite writes what was read of the last segment to other places of the disk, if a write or sync
// failed before. The system may have given it from memory, and takes it for stored.
func (l *Log) rewrite(path string, s scanned) error {
	broken := filepath.Join(l.dir, brokenName)
	if _, err := os.Stat(broken); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	clear(content[s.end:])
	temporary := filepath.Join(l.dir, temporaryName)
	f, err := l.disk.prepare(temporary, content)
	if err == nil {
		err = errors.Join(f.Close(), l.disk.commit(temporary, path), os.Remove(broken))
	}
	if err != nil {
		return fmt.Errorf("outbox: write the last segment again: %w", err)
	}
	return nil
}

// mark writes an empty frame, when it fits.
func (l *Log) mark() error {
	if l.end+frameHeader > l.size {
		return nil
	}
	b := encodeFrame(l.salt, frame{first: l.next})
	if err := errors.Join(l.disk.write(l.file, b, l.end), l.disk.sync(l.file)); err != nil {
		return fmt.Errorf("outbox: %w", err)
	}
	l.end += int64(len(b))
	return nil
}

// startSegment makes the segment for the records from first on the current one. ErrBroken means
// that the new segment may or may not be there; after any other error everything is as before.
func (l *Log) startSegment(first uint64) error {
	l.mu.Lock()
	standing := l.local
	l.mu.Unlock()
	file, made, err := prepareSegment(l.disk, l.dir, first, l.newSize, standing)
	if err != nil {
		return err
	}
	s := segment{first: first, path: segmentPath(l.dir, first)}
	if err := l.disk.commit(filepath.Join(l.dir, temporaryName), s.path); err != nil {
		return errors.Join(fmt.Errorf("%w: start a segment: %w", ErrBroken, err), file.Close())
	}
	old := l.file
	l.file, l.salt, l.end, l.size = file, made.salt, made.end, made.size
	l.mu.Lock()
	if n := len(l.segments); n > 0 && l.segments[n-1].first == first {
		l.segments = l.segments[:n-1] // no record of it is sent, and the new file took its name
	}
	l.segments = append(l.segments, s)
	l.mu.Unlock()
	if old != nil {
		if err := old.Close(); err != nil {
			return fmt.Errorf("%w: close a segment: %w", ErrBroken, err)
		}
	}
	return nil
}

// Status is the state of the outbox.
type Status struct {
	Next     uint64 // records appended, ever
	Position uint64 // records acknowledged by the broker, ever
	Segments int
	Torn     int64 // bytes of an unfinished write that Open cleared
}

// Waiting is the number of records that the broker has not acknowledged.
func (s Status) Waiting() uint64 { return s.Next - s.Position }

// Status returns the present state of the outbox.
func (l *Log) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Status{Next: l.next, Position: l.position, Segments: len(l.segments), Torn: l.torn}
}

// Close waits for the appends in progress, writes a mark and releases the directory.
// Forward must have returned.
func (l *Log) Close() error {
	l.mu.Lock()
	if l.closing {
		l.mu.Unlock()
		return errClosed
	}
	l.closing = true
	broken := l.err != nil
	l.wake.Broadcast()
	l.mu.Unlock()
	<-l.stopped
	l.writing.Lock()
	defer l.writing.Unlock()
	var err error
	if !broken {
		err = l.mark()
	}
	return errors.Join(err, l.file.Close(), l.positions.file.Close(), l.lock.Unlock())
}
