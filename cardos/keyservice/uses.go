package keyservice

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"citycard/durable"
	"citycard/language"
)

// Use is one line of the log of uses. It holds no key, no MAC and no data of a command.
type Use struct {
	Number    int64     `json:"n"` // from 1, without gaps
	At        time.Time `json:"at"`
	Client    string    `json:"client,omitempty"`
	Operation Operation `json:"operation"`
	Order     string    `json:"order,omitempty"`
	Card      string    `json:"card,omitempty"`   // the bytes that its keys are derived from
	Blank     string    `json:"blank,omitempty"`  // that a card was made of: 16 digits of its challenge's SHA-256
	Amount    uint32    `json:"amount,omitempty"` // fen, of a load
	Detail    string    `json:"detail,omitempty"`
	Outcome   string    `json:"outcome"` // "given", or the code of a refusal
}

// What the service itself notes in its log.
const (
	noted Operation = "service"
	given string    = "given"
)

// chain is the hash over everything up to a line: SHA-256 of the chain before and the line's JSON.
type chain [sha256.Size]byte

func (c chain) next(line []byte) chain {
	return sha256.Sum256(append(c[:], line...))
}

// A segment is a file of lines: JSON, a tab, the chain in hexadecimal digits, a newline. Before the
// first one is a line with the chain at the end of the segment before.
const (
	segmentName  = "uses-%016d.log" // the number of its first use
	segmentSize  = 64 << 20         // bytes after which a new one is begun
	chainDigits  = 2 * sha256.Size
	headLine     = "after\t"
	segmentsMode = 0o600
)

// Uses is the log of uses, in a directory of its own: append-only, and each line hash-chained to
// the one before. It is safe for concurrent use; those who wait for the disk share one sync.
type Uses struct {
	dir  string
	size int64 // of a segment

	mu      sync.Mutex
	number  int64 // of the newest line
	head    chain
	pending []byte
	first   int64 // the number of the first pending line
	before  chain // up to the line before that

	disk    sync.Mutex
	file    *os.File
	written int64  // bytes in it
	synced  int64  // the number of the newest line that is on disk
	note    string // the last that the service noted before it was opened
	fault   error  // after a failed write nothing more is written
}

// ErrUses says that the log of uses cannot be written or goes no further.
var ErrUses = errors.New("the log of uses cannot be written")

// OpenUses opens the log of a directory, which it makes. A line that was torn at the end is cut
// off: it was not on disk, so it was not answered. cut is how many bytes that were.
func OpenUses(dir string) (u *Uses, cut int64, err error) {
	if err := durable.MkdirAll(dir); err != nil {
		return nil, 0, err
	}
	u = &Uses{dir: dir, size: segmentSize}
	segments, err := segmentsOf(dir)
	if err != nil {
		return nil, 0, err
	}
	if len(segments) > 0 {
		if cut, err = u.resume(segments); err != nil {
			return nil, 0, err
		}
	}
	u.synced = u.number
	return u, cut, u.remember(segments)
}

// remember looks for the last note in the files before the newest one, if that has none.
func (u *Uses) remember(segments []string) error {
	for i := len(segments) - 2; i >= 0 && u.note == ""; i-- {
		content, err := os.ReadFile(filepath.Join(u.dir, segments[i]))
		if err != nil {
			return err
		}
		if err := (&scan{file: segments[i], each: u.heed}).segment(content); err != nil {
			return err
		}
	}
	return nil
}

// heed keeps the last thing that the service noted.
func (u *Uses) heed(use *Use, _ chain) {
	if use.Operation == noted {
		u.note = use.Detail
	}
}

// resume goes on behind the last whole line.
func (u *Uses) resume(segments []string) (cut int64, err error) {
	name := segments[len(segments)-1]
	path := filepath.Join(u.dir, name)
	content, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	s := scan{file: name, each: u.heed}
	if err := s.segment(content); err != nil {
		return 0, err
	}
	if s.number == 0 { // torn before its first use was whole
		rest, err := u.without(path, segments[:len(segments)-1])
		return rest + int64(len(content)), err
	}
	if u.file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, segmentsMode); err != nil {
		return 0, err
	}
	if cut = int64(len(content)) - s.whole; cut > 0 {
		if err := errors.Join(u.file.Truncate(s.whole), u.file.Sync()); err != nil {
			return 0, err
		}
	}
	u.written, u.head, u.number = s.whole, s.head, s.number
	return cut, nil
}

// without removes a segment in which nothing is whole, and goes on in the one before.
func (u *Uses) without(path string, before []string) (cut int64, err error) {
	if err := errors.Join(os.Remove(path), syncDir(u.dir)); err != nil || len(before) == 0 {
		return 0, err
	}
	return u.resume(before)
}

// segmentsOf lists the files of a log in their order.
func segmentsOf(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if _, err := firstOf(e.Name()); err == nil && !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// firstOf is the number of a segment's first use.
func firstOf(name string) (first int64, err error) {
	if _, err := fmt.Sscanf(name, segmentName, &first); err != nil || fmt.Sprintf(segmentName, first) != name || first < 1 {
		return 0, language.Textf("%s is no file of a log of uses", name)
	}
	return first, nil
}

// Note writes what the service itself did, and returns when it is on disk.
func (u *Uses) Note(at time.Time, outcome, detail string) error {
	return u.Add([]Use{{At: at, Operation: noted, Outcome: outcome, Detail: detail}}, true)
}

// Add writes uses to the log and sets their numbers. With durably it returns when they are on disk.
func (u *Uses) Add(uses []Use, durably bool) error {
	u.mu.Lock()
	if len(u.pending) == 0 {
		u.first, u.before = u.number+1, u.head
	}
	for i := range uses {
		uses[i].Number = u.number + 1
		line, err := json.Marshal(&uses[i])
		if err != nil {
			u.mu.Unlock()
			return fmt.Errorf("%w: %w", ErrUses, err)
		}
		u.number, u.head = u.number+1, u.head.next(line)
		u.pending = append(append(u.pending, line...), '\t')
		u.pending = append(hex.AppendEncode(u.pending, u.head[:]), '\n')
	}
	mine := u.number
	u.mu.Unlock()
	if !durably {
		return nil
	}
	return u.flush(mine)
}

// flush brings all lines up to a number to the disk, and with them those that others added.
func (u *Uses) flush(upTo int64) error {
	u.disk.Lock()
	defer u.disk.Unlock()
	if u.synced >= upTo || u.fault != nil {
		return u.fault
	}
	u.mu.Lock()
	lines, first, before, number := u.pending, u.first, u.before, u.number
	u.pending = nil
	u.mu.Unlock()
	if len(lines) == 0 {
		return nil
	}
	if err := u.write(lines, first, before); err != nil {
		u.fault = fmt.Errorf("%w: %w", ErrUses, err)
		return u.fault
	}
	u.synced = number
	return nil
}

// write appends lines, to a new segment where the present one is full.
func (u *Uses) write(lines []byte, first int64, before chain) error {
	if u.file != nil && u.written >= u.size {
		if err := u.file.Close(); err != nil {
			return err
		}
		u.file = nil
	}
	if u.file == nil {
		file, err := os.OpenFile(filepath.Join(u.dir, fmt.Sprintf(segmentName, first)), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, segmentsMode)
		if err != nil {
			return err
		}
		u.file, u.written = file, 0
		lines = append(fmt.Appendf(nil, "%s%x\n", headLine, before), lines...)
		if err := syncDir(u.dir); err != nil {
			return err
		}
	}
	n, err := u.file.Write(lines)
	u.written += int64(n)
	if err != nil {
		return err
	}
	return u.file.Sync()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// LastNote is what the service noted last before the log was opened; it is empty if no file has it.
func (u *Uses) LastNote() string { return u.note }

// Head is the number of the newest use, and the chain up to it.
func (u *Uses) Head() (number int64, chained string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.number, hex.EncodeToString(u.head[:])
}

// Check is why nothing more can be written, nil if something can.
func (u *Uses) Check() error {
	u.disk.Lock()
	defer u.disk.Unlock()
	return u.fault
}

// Close writes what is left.
func (u *Uses) Close() error {
	u.mu.Lock()
	number := u.number
	u.mu.Unlock()
	err := u.flush(number)
	u.disk.Lock()
	defer u.disk.Unlock()
	if u.file != nil {
		err = errors.Join(err, u.file.Close())
		u.file = nil
	}
	u.fault = errors.Join(ErrUses, errors.New("it is closed"))
	return err
}
