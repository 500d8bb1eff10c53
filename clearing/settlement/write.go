package settlement

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"citycard/durable"
	"citycard/ledger"
)

// writtenError says that a clearing day was written before with other content.
// Nothing was changed.
type writtenError struct {
	Path string // the index in place
}

func (e *writtenError) Error() string {
	return "settlement: " + e.Path + " exists with other content; a day is settled once: book the difference in today's day"
}

// Write puts the files of a clearing day into dir, which it makes, and the index last. When it
// returns without error, all of it is on disk. A crash leaves complete files without an index, and
// perhaps a temporary file; writing again corrects both. Other content than what
// an index already lists is a *writtenError. One writer at a time.
func Write(dir string, day ledger.Day, positions []Position) (Index, error) {
	if !day.Valid() {
		return Index{}, fmt.Errorf("settlement: clearing day %s is no day of the calendar", day)
	}
	index, files, err := encode(day, positions)
	if err != nil {
		return Index{}, fmt.Errorf("settlement: %w", err)
	}
	data := index.Encode()
	if err := refuseOther(filepath.Join(dir, indexName), data); err != nil {
		return Index{}, err
	}
	if err := durable.MkdirAll(dir); err != nil {
		return Index{}, fmt.Errorf("settlement: %w", err)
	}
	if err := durable.RemoveLeftovers(dir); err != nil {
		return Index{}, fmt.Errorf("settlement: %w", err)
	}
	if err := durable.WriteFiles(dir, files); err != nil {
		return Index{}, fmt.Errorf("settlement: %w", err)
	}
	// The index comes last: it must never be on disk without a file that it lists.
	if err := durable.WriteFile(filepath.Join(dir, indexName), data); err != nil {
		return Index{}, fmt.Errorf("settlement: %w", err)
	}
	return index, nil
}

// Check reports whether positions can be written: it fails where Write would refuse their content.
func Check(day ledger.Day, positions []Position) error {
	if _, _, err := encode(day, positions); err != nil {
		return fmt.Errorf("settlement: %w", err)
	}
	return nil
}

// encode makes all files before any is written, and checks that they can be read back: positions
// come from a caller, and a name with a line break could not be read back.
func encode(day ledger.Day, positions []Position) (Index, map[string][]byte, error) {
	files := make(map[string][]byte, len(positions))
	entries := make([]Entry, len(positions))
	for i, position := range positions {
		data := File{day, position}.Encode()
		if _, err := Parse(data); err != nil {
			return Index{}, nil, fmt.Errorf("position of %s: %w", position.Participant.Code, err)
		}
		entries[i] = newEntry(position, data)
		files[entries[i].File] = data
	}
	index, err := newIndex(day, entries)
	if err != nil {
		return Index{}, nil, err
	}
	if _, err := parseIndex(index.Encode()); err != nil {
		return Index{}, nil, fmt.Errorf("positions: %w", err)
	}
	return index, files, nil
}

func refuseOther(path string, data []byte) error {
	present, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("settlement: %w", err)
	case !bytes.Equal(present, data):
		return &writtenError{path}
	}
	return nil
}
