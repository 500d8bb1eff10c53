package settlement

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
// an index already lists is a *WrittenError.
func Write(dir string, day Day, positions []Position) (Index, error) {
	if _, err := ParseDay(day.String()); err != nil {
		return Index{}, fmt.Errorf("settlement: clearing day: %w", err)
	}
	files := make([][]byte, len(positions))
	entries := make([]Entry, len(positions))
	for i, position := range positions {
		files[i] = File{day, position}.Encode()
		// What we write we must be able to read: positions come from a caller.
		if _, err := Parse(files[i]); err != nil {
			return Index{}, fmt.Errorf("settlement: position of %s: %w", position.Participant.Code, err)
		}
		entries[i] = newEntry(position, files[i])
	}
	index, err := newIndex(day, entries)
	if err != nil {
		return Index{}, fmt.Errorf("settlement: %w", err)
	}
	data := index.Encode()
	if _, err := ParseIndex(data); err != nil {
		return Index{}, fmt.Errorf("settlement: positions: %w", err)
	}
	if err := refuseOther(filepath.Join(dir, IndexName), data); err != nil {
		return Index{}, err
	}
	if err := makeDir(dir); err != nil {
		return Index{}, fmt.Errorf("settlement: %w", err)
	}
	for i, entry := range entries {
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
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// replace writes name beside its place, syncs it and renames it: a reader sees
// the old file or the new one, whole. The name becomes durable with syncDir.
func replace(dir, name string, data []byte) error {
	temp, err := os.CreateTemp(dir, "."+name+".*.tmp")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone already once it was renamed
	if _, err := temp.Write(data); err != nil {
		return errors.Join(err, temp.Close())
	}
	if err := temp.Chmod(0o644); err != nil {
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
