package books

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"citycard/durable"
	"citycard/language"
)

// writingFile is where a serving process leaves the URL by which it reaches the database itself,
// for verify, migrate and the commands that change the books by themselves. Only its owner may read
// it.
const writingFile = "database.url"

// LeaveWriting leaves the URL in a data directory.
func LeaveWriting(dir, url string) error {
	if err := durable.WriteFile(filepath.Join(dir, writingFile), []byte(url)); err != nil {
		return language.Textf("leave word in the data directory: %w", err)
	}
	return nil
}

// RemoveWriting removes it.
func RemoveWriting(dir string) error {
	if err := os.Remove(filepath.Join(dir, writingFile)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Writing is the URL that a process left in a data directory, also one that was killed; empty if
// there is none.
func Writing(dir string) string {
	url, err := os.ReadFile(filepath.Join(dir, writingFile))
	if err != nil {
		return ""
	}
	return string(url)
}
