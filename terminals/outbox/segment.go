package outbox

import (
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	// segmentSize is the size of a new segment in bytes. It holds about 20,000
	// taps; filling it with zeros takes some milliseconds.
	segmentSize = 4 << 20
	segmentExt  = ".log"
)

// segment is one file of the log, by its name.
type segment struct {
	first uint64
	path  string
}

func segmentPath(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%020d%s", first, segmentExt))
}

// temporaryName is the name of a segment that is being made; a crash may leave one behind, and the
// next segment overwrites it.
const temporaryName = "new.tmp"

// prepareSegment writes a zero-filled segment under the temporary name, with the local records that
// stand. A full disk makes this fail and leaves the log as it was.
func prepareSegment(d disk, dir string, first uint64, size int64, local locals) (*os.File, scanned, error) {
	s := scanned{first: first, next: first}
	if _, err := rand.Read(s.salt[:]); err != nil {
		return nil, s, fmt.Errorf("outbox: %w", err)
	}
	head := append(encodeSegmentHeader(first, s.salt), local.frame(s.salt, first)...)
	s.end = int64(len(head))
	s.size = max(size, s.end)
	content := make([]byte, s.size)
	copy(content, head)
	f, err := d.prepare(filepath.Join(dir, temporaryName), content)
	if err != nil {
		return nil, s, fmt.Errorf("outbox: make room for the next records (%d kB): %w", s.size>>10, err)
	}
	return f, s, nil
}

// listSegments returns the segments in order of their first record.
func listSegments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	var segments []segment
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), segmentExt)
		if !ok {
			continue
		}
		first, err := strconv.ParseUint(name, 10, 64)
		if err != nil || len(name) != 20 {
			return nil, &damagedError{File: filepath.Join(dir, e.Name()), Offset: -1, Reason: "not a name of a segment (20 digits)"}
		}
		segments = append(segments, segment{first: first, path: filepath.Join(dir, e.Name())})
	}
	slices.SortFunc(segments, func(a, b segment) int { return strings.Compare(a.path, b.path) })
	return segments, nil
}
