package outbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// disk is the list of everything the outbox does to the disk that changes it,
// so that a test can stop after any step.
type disk struct {
	write   func(f *os.File, b []byte, off int64) error
	sync    func(f *os.File) error
	rename  func(from, to string) error
	remove  func(path string) error
	syncDir func(dir string) error
}

func osDisk() disk {
	return disk{
		write: func(f *os.File, b []byte, off int64) error {
			_, err := f.WriteAt(b, off)
			return err
		},
		sync:   syncData,
		rename: os.Rename,
		remove: os.Remove,
		syncDir: func(dir string) error {
			f, err := os.Open(dir)
			if err != nil {
				return err
			}
			return errors.Join(f.Sync(), f.Close())
		},
	}
}

// prepare writes and syncs content under a temporary name. If it fails, the outbox is unchanged.
func (d disk) prepare(temporary string, content []byte) (*os.File, error) {
	f, err := os.OpenFile(temporary, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(d.write(f, content, 0), d.sync(f)); err != nil {
		// What a full disk has taken of it would be missing to everything else.
		return nil, errors.Join(fmt.Errorf("write %s: %w", temporary, err), f.Close(), d.remove(temporary))
	}
	return f, nil
}

// commit gives a prepared file its name, durably. When it fails, either name
// may be there.
func (d disk) commit(temporary, path string) error {
	if err := d.rename(temporary, path); err != nil {
		return err
	}
	return d.syncDir(filepath.Dir(path))
}
