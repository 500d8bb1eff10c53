package service

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"citycard/durable"
	"citycard/language"

	"github.com/gofrs/flock"
)

// Files that mark a data directory. The marker's first line names the layout,
// the second the purpose; the lock file is held as long as the directory is used.
const (
	markerFile   = ".citycard"
	markerLayout = "citycard data directory, layout 1"
	lockFile     = ".lock"
)

// DataDir is a directory that only this process uses.
type DataDir struct {
	Path string // absolute
	Used bool   // it held data of this purpose before
	mode fs.FileMode
	lock *flock.Flock
}

// OpenDataDir takes the directory for a purpose ("serve", "demo", "agent"), creating and marking it
// where it is missing or empty. It refuses with a Failure: a file, a directory that cannot be read
// or written, one that holds foreign files or data of another purpose, and one that a running
// process uses. The lock ends with the process, even if the process is killed.
func OpenDataDir(path, purpose string) (*DataDir, error) {
	return openDataDir(path, purpose, directoryMode())
}

// OpenClosedDir is OpenDataDir for a directory without a database inside: no other user can pass
// through it.
func OpenClosedDir(path, purpose string) (*DataDir, error) { return openDataDir(path, purpose, 0o700) }

func openDataDir(path, purpose string, mode fs.FileMode) (*DataDir, error) {
	absolute, err := absoluteOf(path)
	if err != nil {
		return nil, err
	}
	// This check comes before the lock, so that nothing is written into a foreign directory.
	if _, err := examine(absolute, purpose, mode); err != nil {
		return nil, err
	}
	dir := &DataDir{Path: absolute, mode: mode}
	if err := dir.take(purpose); err != nil {
		return nil, err
	}
	return dir, nil
}

func absoluteOf(path string) (string, error) {
	if path == "" {
		return "", usage("no data directory given").Todo("name one with --data DIR")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", Fail("data directory %s", path).Todo("name another with --data").Because(err)
	}
	return absolute, nil
}

// CheckDataDir refuses what OpenDataDir would refuse, and makes nothing. Whether the directory can
// be written it does not know.
func CheckDataDir(path, purpose string) error {
	path, err := absoluteOf(path)
	if err != nil {
		return err
	}
	if err := CheckDirectory(path); err != nil {
		return notCreated(path, err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := look(path, purpose); err != nil {
		return err
	}
	if InUse(path) {
		return taken(path)
	}
	return nil
}

// CheckDirectory returns an error if the path is no directory and could not become one, because
// what there is of it is not a directory. It makes nothing.
func CheckDirectory(path string) error {
	info, err := os.Stat(path)
	switch above := filepath.Dir(path); {
	case err == nil && !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	case (errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)) && above != path:
		return CheckDirectory(above)
	}
	return err
}

// NewDataDir is OpenDataDir for a directory that must be empty at first: it also refuses a
// directory that already holds data of this purpose.
func NewDataDir(path, purpose string) (*DataDir, error) {
	dir, err := OpenDataDir(path, purpose)
	if err != nil {
		return nil, err
	}
	if dir.Used {
		err := Refuse("data directory %s is already used by an earlier %s", dir.Path, purpose).Todo("remove it or name another with --data")
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}

// Marked reports whether a directory is marked with the purpose; it takes no lock.
func Marked(path, purpose string) bool {
	marker, err := os.ReadFile(filepath.Join(path, markerFile))
	return err == nil && checkMarker(path, purpose, marker) == nil
}

// Join gives a path inside the directory.
func (d *DataDir) Join(elements ...string) string {
	return filepath.Join(append([]string{d.Path}, elements...)...)
}

// Close releases the directory; its contents stay.
func (d *DataDir) Close() error {
	err := os.Truncate(d.Join(lockFile), 0)
	if errors.Is(err, fs.ErrNotExist) { // somebody has removed it all
		err = nil
	}
	if err := errors.Join(err, d.lock.Close()); err != nil {
		return language.Textf("unlocking data directory %s: %w", d.Path, err)
	}
	return nil
}

// examine creates the directory where it is missing and tells whether it holds
// data of the purpose.
func examine(path, purpose string, mode fs.FileMode) (used bool, err error) {
	if err := os.MkdirAll(path, mode); err != nil {
		return false, notCreated(path, err)
	}
	return look(path, purpose)
}

// look tells whether a directory holds data of the purpose.
func look(path, purpose string) (used bool, err error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return false, Fail("cannot read data directory %s", path).Todo("give this user the right to read and write it, or name another with --data").Because(err)
	}
	marker, err := os.ReadFile(filepath.Join(path, markerFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		for _, entry := range entries {
			if name := entry.Name(); name != lockFile && name != "lost+found" {
				return false, Refuse("data directory %s holds files that are not ours, %s for one", path, name).Todo("name an empty or a new directory with --data")
			}
		}
		return false, nil
	case err != nil:
		return false, Fail("cannot read data directory %s", path).Todo("give this user the right to read and write it, or name another with --data").Because(err)
	}
	return true, checkMarker(path, purpose, marker)
}

func checkMarker(path, purpose string, marker []byte) error {
	layout, rest, _ := strings.Cut(string(marker), "\n")
	if layout != markerLayout {
		return Refuse("data directory %s has an unknown layout %q", path, layout).Todo("use the program version that wrote it, or name another with --data")
	}
	found := strings.TrimSpace(strings.TrimPrefix(rest, "purpose "))
	if found != purpose {
		return Refuse("data directory %s belongs to %q, not %q", path, found, purpose).Todo("name another with --data")
	}
	return nil
}

// directoryMode gives other users no access. They can pass through root's directory, but not list
// it: the database inside runs as an unprivileged user, in its own directory.
func directoryMode() fs.FileMode {
	if os.Geteuid() == 0 {
		return 0o711
	}
	return 0o700
}

// take locks the directory and marks it if it is new. It checks the directory again first, since
// another process may have used it meanwhile.
func (d *DataDir) take(purpose string) error {
	d.lock = flock.New(d.Join(lockFile), flock.SetPermissions(0o600))
	locked, err := d.tryLock()
	if err != nil {
		return notWritable(d.Path, err)
	}
	if !locked {
		return taken(d.Path)
	}
	if d.Used, err = examine(d.Path, purpose, d.mode); err != nil {
		return errors.Join(err, d.Close())
	}
	if !d.Used {
		err = d.mark(purpose)
	}
	if err == nil {
		err = holdAs(d.Path, thisProcess(time.Now()))
	}
	if err != nil {
		return errors.Join(notWritable(d.Path, err), d.lock.Close())
	}
	return nil
}

// A command that only checks whether a directory is in use (InUse) holds the lock for an instant.
// This must not refuse a process that really takes the directory.
const (
	askedFor = 100 * time.Millisecond
	askAgain = 5 * time.Millisecond
)

func (d *DataDir) tryLock() (locked bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), askedFor)
	defer cancel()
	locked, err = d.lock.TryLockContext(ctx, askAgain)
	if errors.Is(err, context.DeadlineExceeded) {
		return false, nil
	}
	return locked, err
}

// InUse reports whether a running process uses the data directory. It changes nothing there.
func InUse(path string) bool {
	lock := flock.New(filepath.Join(path, lockFile), flock.SetFlag(os.O_RDONLY))
	free, err := lock.TryRLock()
	return errors.Join(err, lock.Close()) == nil && !free
}

func taken(path string) error {
	return Taken("data directory %s is in use by %s", path, holderOf(path)).Todo("stop that process or name another with --data")
}

func notCreated(path string, err error) error {
	return Fail("cannot create data directory %s", path).Todo("name another with --data, or give this user the right to write there").Because(err)
}

func notWritable(path string, err error) error {
	return Fail("data directory %s cannot be written", path).Todo("make it writable for this user and free some space, or name another with --data").Because(innermost(err))
}

func (d *DataDir) mark(purpose string) error {
	if err := os.Chmod(d.Path, d.mode); err != nil {
		return err
	}
	return durable.WriteFile(d.Join(markerFile), fmt.Appendf(nil, "%s\npurpose %s\n", markerLayout, purpose))
}
