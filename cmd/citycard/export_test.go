package main

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWriteTo: whenever the program ends, the file of that name is complete or absent.
func TestWriteTo(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "books.ndjson")
	cut := errors.New("the database is gone")
	text := strings.Repeat("line\n", 1<<20)
	half := func(end error) func(io.Writer) error {
		return func(w io.Writer) error {
			if _, err := io.WriteString(w, text); err != nil {
				return err
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("half of the file has its name: %v", err)
			}
			return end
		}
	}
	if err := writeTo(path, half(cut)); !errors.Is(err, cut) {
		t.Errorf("cut off: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("cut off, it leaves %v, %v", left, err)
	}
	if err := writeTo(path, half(nil)); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() != int64(len(text)) || info.Mode().Perm() != 0o600 {
		t.Errorf("written: %v, %v", info, err)
	}
	begun := false
	if err := writeTo(path, func(io.Writer) error { begun = true; return nil }); !errors.Is(err, fs.ErrExist) || begun {
		t.Errorf("where a file is: %v; begun: %v", err, begun)
	}
	// Another program may take the name while this one writes.
	other := filepath.Join(dir, "other")
	if err := writeTo(other, func(io.Writer) error { return os.WriteFile(other, []byte("theirs"), 0o600) }); !errors.Is(err, fs.ErrExist) {
		t.Errorf("where a file came: %v", err)
	}
	if theirs, err := os.ReadFile(other); string(theirs) != "theirs" {
		t.Errorf("the other program's file: %q, %v", theirs, err)
	}
	if err := writeTo(filepath.Join(dir, "none", "file"), half(nil)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in no directory: %v", err)
	}
}
