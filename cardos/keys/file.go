package keys

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"citycard/durable"
)

// Errors of Create and RotateFile.
var (
	// ErrBusy says that somebody else is making or rotating the same file.
	ErrBusy = errors.New("somebody else is changing the key store")
	// ErrChanged says that the file is no longer the one that was opened.
	ErrChanged = errors.New("the key store changed meanwhile")
)

// maxStoreFile bounds what is read as a store; one of 16 generations has some 20 kB.
const maxStoreFile = 1 << 20

// Create writes the store to a new file, as Save does; if the file exists it fails with
// fs.ErrExist, since keys in use are never replaced.
func (s *Store) Create(path, passphrase string) error {
	unlock, err := lockStore(path)
	if err != nil {
		return fmt.Errorf("create keys %s: %w", path, err)
	}
	defer unlock()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		if err == nil {
			err = fs.ErrExist
		}
		return fmt.Errorf("create keys %s: %w", path, err)
	}
	return s.Save(path, passphrase)
}

// RotateFile rotates the masters of a store's file and returns the new store. Only one process can
// do this at a time, and it replaces only the file that it read: cards may have been made under a
// version as soon as it was in the file, so no version may vanish. The old file stays beside the
// new one, with its version appended to the name. Errors: those of Open and Rotate, ErrBusy,
// ErrChanged; after an error the store is unchanged.
func RotateFile(path, passphrase string, rand io.Reader) (*Store, error) {
	return rotateFile(path, passphrase, rand, defaultWorkFactor)
}

func rotateFile(path, passphrase string, rand io.Reader, workFactor int) (*Store, error) {
	store, err := changeFile(path, passphrase, workFactor, func(file string, sealed []byte, old *Store) (*Store, error) {
		store, err := old.Rotate(rand)
		if err != nil {
			return nil, err
		}
		return store, keep(fmt.Sprintf("%s.v%d", file, old.Version()), sealed)
	})
	if err != nil {
		return nil, fmt.Errorf("rotate keys %s: %w", path, err)
	}
	return store, nil
}

// changeFile replaces a store's file by what change makes of the store, and returns that. Only one
// process can do this at a time, and it replaces only the file that it read.
func changeFile(path, passphrase string, workFactor int, change func(file string, sealed []byte, old *Store) (*Store, error)) (*Store, error) {
	file, err := filepath.EvalSymlinks(path) // the file is to be replaced, not a link to it
	if err != nil {
		return nil, err
	}
	unlock, err := lockStore(file)
	if err != nil {
		return nil, err
	}
	defer unlock()
	sealed, err := readSealed(file)
	if err != nil {
		return nil, err
	}
	old, err := unseal(bytes.NewReader(sealed), passphrase)
	if err != nil {
		return nil, err
	}
	store, err := change(file, sealed, old)
	if err != nil {
		return nil, err
	}
	resealed, err := store.WithWorkFactor(workFactor).seal(passphrase)
	if err != nil {
		return nil, err
	}
	// A person who copies a file to this place takes no lock.
	if now, err := readSealed(file); err != nil || !bytes.Equal(now, sealed) {
		return nil, errors.Join(ErrChanged, err)
	}
	if err := durable.WriteFile(file, resealed); err != nil {
		return nil, err
	}
	return store, nil
}

// lockStore takes the lock of a store's file. The lock is a separate file that is never replaced:
// each change replaces the store's own file.
func lockStore(path string) (unlock func(), err error) {
	lock := flock.New(path + ".lock")
	taken, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock: %w", err)
	case !taken:
		return nil, ErrBusy
	}
	return func() { _ = lock.Close() }, nil // it goes with the process in any case
}

// keep writes a file that is kept permanently. A file of that name may exist only if it has the
// same bytes, left by a rotation that was interrupted.
func keep(path string, content []byte) error {
	kept, err := readSealed(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return durable.WriteFile(path, content)
	case err != nil:
		return err
	case !bytes.Equal(kept, content):
		return fmt.Errorf("%s: %w with other content", path, fs.ErrExist)
	}
	return nil
}

// readSealed reads a store's file as it is.
func readSealed(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxStoreFile+1))
	if err == nil && len(content) > maxStoreFile {
		err = fmt.Errorf("%w: longer than %d bytes", ErrStoreFormat, maxStoreFile)
	}
	return content, err
}
