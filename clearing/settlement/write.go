package settlement

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// WrittenError says that a clearing day was written before with other content.
// Nothing was changed.
type WrittenError struct {
	Path string // the index in place
}

func (e *WrittenError) Error() string {
	return "settlement: " + e.Path + " exists with other content; a day is settled once: book the difference in today's day"
}

// Write puts the files of a clearing day into dir, which it creates if need be
// (its parent must exist), and the index last. When it returns without error,
// all of it is on disk. A crash leaves complete files without an index, and
// perhaps a temporary file; writing again mends both. Other content than what
// an index already lists is a *WrittenError. One writer at a time.
func Write(dir string, day Day, positions []Position) (Index, error) {
	if _, err := ParseDay(day.String()); err != nil {
		return Index{}, fmt.Errorf("settlement: clearing day: %w", err)
	}
	index, files, err := encode(day, positions)
	if err != nil {
		return Index{}, fmt.Errorf("settlement: %w", err)
	}
	data := index.Encode()
	if err := refuseOther(filepath.Join(dir, IndexName), data); err != nil {
		return Index{}, err
	}
	if err := makeDir(dir); err != nil {
		return Index{}, fmt.Errorf("settlement: %w", err)
	}
	if err := removeLeftovers(dir); err != nil {
		return Index{}, fmt.Errorf("settlement: %w", err)
	}
	for i, entry := range index.Entries {
		if err := replace(dir, entry.File, files[i]); err != nil {
			return Index{}, fmt.Errorf("settlement: %w", err)
		}
	}
	// The folder is synced before the index is renamed into it and after: the
	// index must never be on disk without a file that it lists.
	if err := syncDir(dir); err != nil {
		return Index{}, fmt.Errorf("settlement: %w", err)
	}
	if err := replace(dir, IndexName, data); err != nil {
		return Index{}, fmt.Errorf("settlement: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return Index{}, fmt.Errorf("settlement: %w", err)
	}
	return index, nil
}

// Check reports whether positions can be written: what Write refuses for what is in them.
func Check(day Day, positions []Position) error {
	if _, _, err := encode(day, positions); err != nil {
		return fmt.Errorf("settlement: %w", err)
	}
	return nil
}

// encode makes all bytes before any is written. What it gives can be read back:
// positions come from a caller, and a name with a line break in it would not.
func encode(day Day, positions []Position) (Index, [][]byte, error) {
	files := make([][]byte, len(positions))
	entries := make([]Entry, len(positions))
	for i, position := range positions {
		files[i] = File{day, position}.Encode()
		if _, err := Parse(files[i]); err != nil {
			return Index{}, nil, fmt.Errorf("position of %s: %w", position.Participant.Code, err)
		}
		entries[i] = newEntry(position, files[i])
	}
	index, err := newIndex(day, entries)
	if err != nil {
		return Index{}, nil, err
	}
	if _, err := ParseIndex(index.Encode()); err != nil {
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
		return &WrittenError{path}
	}
	return nil
}

// makeDir makes the folder and its entry in the parent durable.
func makeDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// tempSuffix ends the name of a file that is not finished; a dot starts it.
const tempSuffix = ".tmp"

// removeLeftovers removes what a crash left of an earlier Write.
func removeLeftovers(dir string) error {
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		if name := file.Name(); strings.HasPrefix(name, ".") && strings.HasSuffix(name, tempSuffix) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// replace writes name beside its place, syncs it and renames it: a reader sees
// the old file or the new one, whole. The file is for its owner alone. The name becomes durable with syncDir.
func replace(dir, name string, data []byte) error {
	temp, err := os.CreateTemp(dir, "."+name+".*"+tempSuffix)
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone already once it was renamed
	if _, err := temp.Write(data); err != nil {
		return errors.Join(err, temp.Close())
	}
	if err := temp.Sync(); err != nil {
		return errors.Join(err, temp.Close())
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), filepath.Join(dir, name))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
