package outbox

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
)

// The position is the sequence number of the first record that the broker has
// not acknowledged, as one line of text with its own checksum.
const positionFormat = "citycard outbox position 1 %d %08x\n"

func encodePosition(next uint64) []byte {
	return fmt.Appendf(nil, positionFormat, next, crc32.Checksum(fmt.Appendf(nil, "%d", next), castagnoli))
}

func savePosition(d disk, dir string, next uint64) error {
	temporary := filepath.Join(dir, "position.tmp")
	f, err := d.prepare(temporary, encodePosition(next))
	if err == nil {
		err = errors.Join(f.Close(), d.commit(temporary, filepath.Join(dir, "position")))
	}
	if err != nil {
		return fmt.Errorf("outbox: save position %d: %w", next, err)
	}
	return nil
}

// loadPosition returns false when no position was ever saved.
func loadPosition(dir string) (uint64, bool, error) {
	path := filepath.Join(dir, "position")
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("outbox: %w", err)
	}
	var next uint64
	var sum uint32
	if _, err := fmt.Sscanf(string(content), positionFormat, &next, &sum); err != nil || string(encodePosition(next)) != string(content) {
		return 0, false, &damagedError{File: path, Offset: -1, Reason: "not a position line, or its checksum is wrong"}
	}
	return next, true, nil
}
