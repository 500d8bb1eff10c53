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

// prepareSegment writes a zero-filled segment under the temporary name. A full disk makes this fail
// and leaves the log as it was.
func prepareSegment(d disk, dir string, first uint64, size int64) (*os.File, [8]byte, error) {
	var salt [8]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return nil, salt, fmt.Errorf("outbox: %w", err)
	}
	content := make([]byte, size)
	copy(content, encodeSegmentHeader(first, salt))
	f, err := d.prepare(filepath.Join(dir, temporaryName), content)
	if err != nil {
		return nil, salt, fmt.Errorf("outbox: make room for the next records (%d kB): %w", size>>10, err)
	}
	return f, salt, nil
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
