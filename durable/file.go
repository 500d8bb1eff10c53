package durable

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// leftover ends the name of a temporary file; a dot begins it.
const leftover = ".tmp"

// bufferSize is what a File gathers before it writes.
const bufferSize = 256 << 10

// disk has every call that changes the disk, so that a test can make each of them fail.
type disk struct {
	writer                 func(f *os.File) io.Writer
	sync, close            func(f *os.File) error
	rename, link           func(from, to string) error
	remove, mkdir, syncDir func(path string) error
}

func osDisk() disk {
	return disk{
		writer: func(f *os.File) io.Writer { return f },
		sync:   (*os.File).Sync,
		close:  (*os.File).Close,
		rename: os.Rename,
		link:   os.Link,
		remove: os.Remove,
		mkdir:  func(path string) error { return os.MkdirAll(path, 0o700) },
		syncDir: func(dir string) error {
			d, err := os.Open(dir)
			if err != nil {
				return err
			}
			return errors.Join(d.Sync(), d.Close())
		},
	}
}

// File is a file that is being written under a temporary name. End it with Commit or Abandon.
// It is not safe for concurrent use.
type File struct {
	disk disk
	path string
	file *os.File
	out  *bufio.Writer
}

// Create begins the file that Commit will put at path, in a directory that exists.
func Create(path string) (*File, error) { return osDisk().open(path) }

func (d disk) open(path string) (*File, error) {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*"+leftover) // mode 0600
	if err != nil {
		return nil, err
	}
	return &File{disk: d, path: path, file: file, out: bufio.NewWriterSize(d.writer(file), bufferSize)}, nil
}

// Write adds to the file.
func (f *File) Write(b []byte) (int, error) { return f.out.Write(b) }

// Commit puts the file in its place, on disk. After an error the temporary file is gone.
func (f *File) Commit() error { return f.commit(f.disk.rename) }

func (f *File) commit(place func(from, to string) error) error {
	err := f.out.Flush()
	if err == nil {
		err = f.disk.sync(f.file)
	}
	if err = errors.Join(err, f.disk.close(f.file)); err == nil {
		err = place(f.file.Name(), f.path)
	}
	if err != nil {
		return errors.Join(err, f.remove())
	}
	return f.disk.syncDir(filepath.Dir(f.path))
}

// Abandon removes what was written; the file in its place stays as it was.
func (f *File) Abandon() error { return errors.Join(f.disk.close(f.file), f.remove()) }

// remove removes the temporary file, if it is still there.
func (f *File) remove() error {
	if err := f.disk.remove(f.file.Name()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Write puts a file that write fills in place of the file at path.
func Write(path string, write func(io.Writer) error) error {
	d := osDisk()
	return d.fill(path, write, d.rename)
}

// WriteFile puts data in place of the file at path.
func WriteFile(path string, data []byte) error { return Write(path, content(data)) }

// WriteFiles puts data in place of several files of one directory, by their names in it, and syncs
// the directory once, after the last. An error may leave some of them in their places.
func WriteFiles(dir string, files map[string][]byte) error { return osDisk().fillAll(dir, files) }

func (d disk) fillAll(dir string, files map[string][]byte) error {
	each := d
	each.syncDir = func(string) error { return nil }
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := each.fill(filepath.Join(dir, name), content(files[name]), each.rename); err != nil {
			return err
		}
	}
	return d.syncDir(dir)
}

// WriteNew makes a file, which write fills, where there is none; where there is one, it fails with
// fs.ErrExist.
func WriteNew(path string, write func(io.Writer) error) error {
	d := osDisk()
	return d.fill(path, write, d.placeNew)
}

// placeNew gives a file its name, unless the name is taken. Some file systems, such as a memory
// stick's, cannot do that in one step; there it checks first whether the name is taken.
func (d disk) placeNew(from, to string) error {
	err := d.link(from, to)
	switch {
	case err == nil:
		return d.remove(from)
	case !errors.Is(err, fs.ErrPermission) && !errors.Is(err, errors.ErrUnsupported):
		return err
	}
	if _, err := os.Lstat(to); err == nil {
		return &fs.PathError{Op: "make", Path: to, Err: fs.ErrExist}
	}
	return d.rename(from, to)
}

// Swap puts data in place of the file at path without waiting for the disk. Readers see the old
// file or the new one, whole, and a killed program loses nothing, but a loss of power may bring
// back an older file, or an empty one.
func Swap(path string, data []byte) error {
	d := osDisk()
	d.sync, d.syncDir = func(*os.File) error { return nil }, func(string) error { return nil }
	return d.fill(path, content(data), d.rename)
}

func (d disk) fill(path string, write func(io.Writer) error, place func(from, to string) error) error {
	f, err := d.open(path)
	if err != nil {
		return err
	}
	if err := write(f); err != nil {
		return errors.Join(err, f.Abandon())
	}
	return f.commit(place)
}

func content(data []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	}
}

// MkdirAll makes a folder, for its owner alone, and those above it that are missing. The folder's
// name is on disk afterwards, even if the folder was there already: an earlier call may have been
// killed before its sync. The one above an existing folder need not be readable: then somebody else
// made it, because this makes none there.
func MkdirAll(path string) error { return osDisk().mkdirAll(filepath.Clean(path)) }

func (d disk) mkdirAll(path string) error {
	above := filepath.Dir(path)
	_, missing := os.Stat(path)
	if _, err := os.Stat(above); errors.Is(err, fs.ErrNotExist) {
		if err := d.mkdirAll(above); err != nil {
			return err
		}
	}
	if err := d.mkdir(path); err != nil {
		return err
	}
	err := d.syncDir(above)
	switch {
	case !errors.Is(err, fs.ErrPermission):
		return err
	case missing == nil:
		return nil
	}
	return errors.Join(err, d.remove(path)) // or the next call would take it for somebody else's
}

// RemoveLeftovers removes the temporary files that a crash left in a directory. Nobody may be
// writing in it.
func RemoveLeftovers(dir string) error {
	names, err := fs.Glob(os.DirFS(dir), ".*"+leftover)
	for _, name := range names {
		err = errors.Join(err, os.Remove(filepath.Join(dir, name)))
	}
	return err
}
