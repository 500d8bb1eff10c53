package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

var errFault = errors.New("the disk fails")

// faults are the steps of writing a file. Each fails before it has done anything, or after it has
// done its work.
var faults = []struct {
	step  string
	fail  func(d *disk, done bool)
	after bool // the new file is in its place, whatever the call says
	done  bool // it is, if the step was done
}{
	{step: "write", fail: func(d *disk, done bool) {
		writer := d.writer
		d.writer = func(f *os.File) io.Writer { return brokenWriter{writer(f), done} }
	}},
	{step: "sync", fail: func(d *disk, done bool) { d.sync = broken(d.sync, done) }},
	{step: "close", fail: func(d *disk, done bool) { d.close = broken(d.close, done) }},
	{step: "place", done: true, fail: func(d *disk, done bool) {
		rename, link := d.rename, d.link
		d.rename = func(from, to string) error {
			return broken(func(to string) error { return rename(from, to) }, done)(to)
		}
		d.link = func(from, to string) error { return broken(func(to string) error { return link(from, to) }, done)(to) }
	}},
	{step: "sync of the directory", after: true, fail: func(d *disk, done bool) { d.syncDir = broken(d.syncDir, done) }},
}

type brokenWriter struct {
	io.Writer
	done bool
}

func (w brokenWriter) Write(b []byte) (int, error) {
	if w.done {
		n, err := w.Writer.Write(b)
		return n, errors.Join(err, errFault)
	}
	return 0, errFault
}

func broken[T any](call func(T) error, done bool) func(T) error {
	return func(to T) error {
		if done {
			return errors.Join(call(to), errFault)
		}
		return errFault
	}
}

// files reads a directory.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found[e.Name()] = string(data)
	}
	return found
}

// ways are the ways to put a file in its place, and what is there before.
var ways = []struct {
	name  string
	old   map[string]string
	place func(d disk) func(from, to string) error
}{
	{"replace", map[string]string{"file": "old"}, func(d disk) func(from, to string) error { return d.rename }},
	{"new", map[string]string{}, func(d disk) func(from, to string) error { return d.placeNew }},
}

// TestFaults has each step of each way to write fail. Where the program lives on, the error is
// told, the old file or the new one is there, whole, and nothing beside it. Where the program ends
// at that step, only a temporary file may lie beside it, and the next program writes the file.
func TestFaults(t *testing.T) {
	for _, way := range ways {
		for _, fault := range faults {
			for _, done := range []bool{false, true} {
				for _, crash := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s, %s, done %v, crash %v", way.name, fault.step, done, crash), func(t *testing.T) {
						want := way.old
						if fault.after || done && fault.done {
							want = map[string]string{"file": "new"}
						}
						dir := t.TempDir()
						for name, text := range way.old {
							if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
								t.Fatal(err)
							}
						}
						d := osDisk()
						fault.fail(&d, done)
						if crash { // nothing is cleared away
							d.remove = func(string) error { return errFault }
						}
						err := d.fill(filepath.Join(dir, "file"), content([]byte("new")), way.place(d))
						if !errors.Is(err, errFault) {
							t.Errorf("it says %v", err)
						}
						if crash {
							if err := RemoveLeftovers(dir); err != nil {
								t.Error(err)
							}
						}
						if found := files(t, dir); !maps.Equal(found, want) {
							t.Errorf("there is %v, want %v", found, want)
						}
						if err := WriteFile(filepath.Join(dir, "file"), []byte("next")); err != nil || files(t, dir)["file"] != "next" {
							t.Errorf("the next program: %v", err)
						}
					})
				}
			}
		}
	}
}

// TestFilesFaults has each step fail for the first of two files. The second is there only where the
// sync of the directory failed, which is the last step of both.
func TestFilesFaults(t *testing.T) {
	for _, fault := range faults {
		for _, done := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, done %v", fault.step, done), func(t *testing.T) {
				want := map[string]string{"a": "old"}
				if fault.after || done && fault.done {
					want["a"] = "new"
				}
				if fault.after {
					want["b"] = "new"
				}
				dir := t.TempDir()
				if err := os.WriteFile(filepath.Join(dir, "a"), []byte("old"), 0o600); err != nil {
					t.Fatal(err)
				}
				d := osDisk()
				fault.fail(&d, done)
				if err := d.fillAll(dir, map[string][]byte{"a": []byte("new"), "b": []byte("new")}); !errors.Is(err, errFault) {
					t.Errorf("it says %v", err)
				}
				if found := files(t, dir); !maps.Equal(found, want) {
					t.Errorf("there is %v, want %v", found, want)
				}
			})
		}
	}
}

// TestNewWithoutLinks makes a new file on a disk that has no links.
func TestNewWithoutLinks(t *testing.T) {
	dir := t.TempDir()
	d := osDisk()
	d.link = func(from, to string) error { return &os.LinkError{Op: "link", Old: from, New: to, Err: syscall.EPERM} }
	if err := d.fill(filepath.Join(dir, "file"), content([]byte("new")), d.placeNew); err != nil {
		t.Error(err)
	}
	if err := d.fill(filepath.Join(dir, "file"), content([]byte("other")), d.placeNew); !errors.Is(err, fs.ErrExist) {
		t.Errorf("new where there is one: %v", err)
	}
	if found := files(t, dir); !maps.Equal(found, map[string]string{"file": "new"}) {
		t.Errorf("there is %v", found)
	}
}

// TestOrder writes down what is done to the disk, and in which order.
func TestOrder(t *testing.T) {
	dir := t.TempDir()
	var steps []string
	d := osDisk()
	note := func(step string) { steps = append(steps, step) }
	real := d
	d.writer = func(f *os.File) io.Writer { return notedWriter{real.writer(f), func() { note("write") }} }
	d.sync = func(f *os.File) error { note("sync"); return real.sync(f) }
	d.rename = func(from, to string) error { note("rename"); return real.rename(from, to) }
	d.link = func(from, to string) error { note("link"); return real.link(from, to) }
	d.remove = func(path string) error { note("remove"); return real.remove(path) }
	d.mkdir = func(path string) error { note("mkdir " + filepath.Base(path)); return real.mkdir(path) }
	d.syncDir = func(dir string) error { note("sync " + filepath.Base(dir)); return real.syncDir(dir) }
	deep := filepath.Join(dir, "a", "b")
	for _, test := range []struct {
		do   func() error
		want string
	}{
		{func() error { return d.mkdirAll(deep) }, "mkdir a, sync " + filepath.Base(dir) + ", mkdir b, sync a"},
		{func() error { return d.mkdirAll(deep) }, "mkdir b, sync a"},
		{func() error { return d.fill(filepath.Join(deep, "x"), content([]byte("1")), d.rename) }, "write, sync, rename, sync b"},
		{func() error { return d.fill(filepath.Join(deep, "y"), content([]byte("2")), d.placeNew) }, "write, sync, link, remove, sync b"},
		{
			func() error { return d.fillAll(deep, map[string][]byte{"y": []byte("3"), "z": []byte("4")}) },
			"write, sync, rename, write, sync, rename, sync b",
		},
	} {
		steps = nil
		if err := test.do(); err != nil {
			t.Fatal(err)
		}
		if found := strings.Join(steps, ", "); found != test.want {
			t.Errorf("done: %s; want %s", found, test.want)
		}
	}
	if found, want := files(t, deep), (map[string]string{"x": "1", "y": "3", "z": "4"}); !maps.Equal(found, want) {
		t.Errorf("there is %v, want %v", found, want)
	}
}

type notedWriter struct {
	io.Writer
	note func()
}

func (w notedWriter) Write(b []byte) (int, error) { w.note(); return w.Writer.Write(b) }

// TestWrite writes in every way there is.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	large := strings.Repeat("line\n", bufferSize)
	for _, text := range []string{"first", "", large} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if found := files(t, dir); !maps.Equal(found, map[string]string{"file": text}) {
			t.Errorf("there is %.100v, want %.100q", found, text)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info, err)
	}
	if err := Swap(path, []byte("swapped")); err != nil {
		t.Error(err)
	}
	if err := WriteNew(path, content([]byte("new"))); !errors.Is(err, fs.ErrExist) {
		t.Errorf("new where there is one: %v", err)
	}
	if err := Write(path, func(w io.Writer) error { _, err := w.Write([]byte("half")); return errors.Join(err, errFault) }); !errors.Is(err, errFault) {
		t.Errorf("a writer that fails: %v", err)
	}
	if found := files(t, dir); !maps.Equal(found, map[string]string{"file": "swapped"}) {
		t.Errorf("there is %v", found)
	}
	if err := WriteNew(filepath.Join(dir, "other"), content([]byte("new"))); err != nil {
		t.Error(err)
	}
	if err := WriteFile(filepath.Join(dir, "none", "file"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in no directory: %v", err)
	}
	if found := files(t, dir); !maps.Equal(found, map[string]string{"file": "swapped", "other": "new"}) {
		t.Errorf("there is %v", found)
	}
	if err := WriteFiles(dir, map[string][]byte{"file": []byte("one"), "other": []byte("two")}); err != nil {
		t.Error(err)
	}
	if found := files(t, dir); !maps.Equal(found, map[string]string{"file": "one", "other": "two"}) {
		t.Errorf("there is %v", found)
	}
}

// TestLeftovers leaves a temporary file, as a crash does, and removes it.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	if err := WriteFile(filepath.Join(dir, "file"), []byte("whole")); err != nil {
		t.Fatal(err)
	}
	d := osDisk()
	d.sync, d.remove = func(*os.File) error { return errFault }, func(string) error { return errFault }
	if err := d.fill(filepath.Join(dir, "file"), content([]byte("half")), d.rename); !errors.Is(err, errFault) {
		t.Fatal(err)
	}
	if found := slices.Sorted(maps.Values(files(t, dir))); !slices.Equal(found, []string{"half", "whole"}) {
		t.Fatalf("there is %v", found)
	}
	if err := RemoveLeftovers(dir); err != nil {
		t.Fatal(err)
	}
	if found := files(t, dir); !maps.Equal(found, map[string]string{"file": "whole"}) {
		t.Errorf("there is %v", found)
	}
}

// TestMkdirAll makes folders, keeps those that are there and refuses what is no folder.
func TestMkdirAll(t *testing.T) {
	dir := t.TempDir()
	for range 2 {
		if err := MkdirAll(filepath.Join(dir, "a", "b")); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "a", "b"))
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	file := filepath.Join(dir, "file")
	if err := WriteFile(file, nil); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if err := MkdirAll(path); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
	for _, done := range []bool{false, true} {
		for step, fail := range map[string]func(d *disk){
			"mkdir": func(d *disk) { d.mkdir = broken(d.mkdir, done) },
			"sync":  func(d *disk) { d.syncDir = broken(d.syncDir, done) },
		} {
			d := osDisk()
			fail(&d)
			path := filepath.Join(dir, fmt.Sprint(step, done))
			if err := d.mkdirAll(path); !errors.Is(err, errFault) {
				t.Errorf("%s fails: it says %v", step, err)
			}
			if err := MkdirAll(path); err != nil { // the next one puts it right
				t.Errorf("after %s failed: %v", step, err)
			}
		}
	}
}

// TestMkdirAllBelowUnreadable makes folders in one that may be entered and not read: a folder that
// is there is right, and a new one, whose name cannot be brought to the disk, is refused each time.
func TestMkdirAllBelowUnreadable(t *testing.T) {
	dir := t.TempDir()
	made, missing := filepath.Join(dir, "made"), filepath.Join(dir, "missing")
	if err := os.Mkdir(made, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o300); err != nil {
		t.Fatal(err)
	}
	d := osDisk()
	d.syncDir = func(path string) error { // root may read it all the same
		if path == dir {
			return &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES}
		}
		return osDisk().syncDir(path)
	}
	for _, path := range []string{made, filepath.Join(made, "a", "b")} {
		for range 2 {
			if err := errors.Join(d.mkdirAll(path), MkdirAll(path)); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	for range 2 {
		if err := d.mkdirAll(missing); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%v, expected that it is not permitted", err)
		}
	}
	if err := os.Chmod(dir, 0o700); err != nil { // so that it can be removed
		t.Fatal(err)
	}
}
