package settlement

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"citycard/ledger"
)

// maxFileBytes bounds what is read: a file has a line per day and purpose.
const maxFileBytes = 64 << 20

// Read reads one settlement file and verifies it as Parse does.
func Read(path string) (File, error) {
	data, err := readBounded(path)
	if err != nil {
		return File{}, fmt.Errorf("settlement: %w", err)
	}
	file, err := Parse(data)
	if err != nil {
		return File{}, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// Verify reads a folder back: the index, every file it lists, and that no file
// is there that it does not list. The error names every fault; the index is
// returned when it could be read.
func Verify(dir string) (Index, error) {
	path := filepath.Join(dir, indexName)
	data, err := readBounded(path)
	if err != nil {
		return Index{}, fmt.Errorf("settlement: %w", err)
	}
	index, err := parseIndex(data)
	if err != nil {
		return Index{}, fmt.Errorf("%s: %w", path, err)
	}
	var faults []error
	listed := map[string]bool{indexName: true}
	for _, entry := range index.Entries {
		listed[entry.File] = true
		if err := entry.verify(dir, index.Day); err != nil {
			faults = append(faults, err)
		}
	}
	present, err := os.ReadDir(dir)
	if err != nil {
		return index, fmt.Errorf("settlement: %w", err)
	}
	for _, file := range present {
		// A dot file is what a crash left of a write, never a settlement.
		if name := file.Name(); !listed[name] && !strings.HasPrefix(name, ".") {
			faults = append(faults, fmt.Errorf("%s: not in the index", filepath.Join(dir, name)))
		}
	}
	return index, errors.Join(faults...)
}

func (e Entry) verify(dir string, day ledger.Day) error {
	path := filepath.Join(dir, e.File)
	data, err := readBounded(path)
	if err != nil {
		return fmt.Errorf("settlement: %w", err)
	}
	file, err := Parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if file.Day != day {
		return fmt.Errorf("%s: clearing day %s, the index has %s", path, file.Day, day)
	}
	if got := newEntry(file.Position, data); got != e {
		return fmt.Errorf("%s: %d transactions, %d fen, sha256 %s; the index has %d, %d, %s",
			path, got.Count, got.Fen, got.SHA256, e.Count, e.Fen, e.SHA256)
	}
	return nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFileBytes {
		return nil, fmt.Errorf("%s: %d bytes, want at most %d", path, info.Size(), maxFileBytes)
	}
	return os.ReadFile(path)
}
