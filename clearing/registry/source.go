package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"citycard/clearing/rulefile"
	"citycard/language"
)

// Files are the files of a change, by their names.
type Files map[string]string

// ReadFiles takes the files of a change from a directory, as they are.
func ReadFiles(dir string) (Files, error) {
	switch info, err := os.Stat(dir); {
	case errors.Is(err, os.ErrNotExist):
		return nil, language.Textf("registry: there is no directory %s", dir)
	case err == nil && !info.IsDir():
		return nil, language.Textf("registry: %s is not a directory", dir)
	}
	files := Files{}
	var names []string
	for _, l := range layouts() {
		names = append(names, l.file())
		text, err := os.ReadFile(filepath.Join(dir, l.file()))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read a file of the registry: %w", err)
		}
		if !utf8.Valid(text) {
			return nil, &ImportError{Faults: []Fault{{l.file(), line(text), otherEncoding()}}}
		}
		files[l.file()] = string(text)
	}
	foreign, err := rulefile.Foreign(dir, names)
	for _, name := range foreign {
		files[name] = "" // it is refused by its name
	}
	return files, err
}

// line is the first line that is no UTF-8.
func line(text []byte) int {
	for n, line := range bytes.Split(text, []byte("\n")) {
		if !utf8.Valid(line) {
			return n + 1
		}
	}
	return 0
}

// source is where the files of a change are: in a directory, or in memory.
type source struct {
	dir   string
	files Files
}

func (s source) has(name string) bool {
	if s.files != nil {
		_, there := s.files[name]
		return there
	}
	_, err := os.Lstat(filepath.Join(s.dir, name))
	return !errors.Is(err, os.ErrNotExist)
}

func (s source) open(name string) (io.ReadCloser, error) {
	if s.files != nil {
		return io.NopCloser(strings.NewReader(s.files[name])), nil
	}
	return os.Open(filepath.Join(s.dir, name))
}

// foreign lists what is beside the files that have one of the names.
func (s source) foreign(names []string) ([]string, error) {
	if s.files == nil {
		return rulefile.Foreign(s.dir, names)
	}
	all := slices.Sorted(maps.Keys(s.files))
	return slices.DeleteFunc(all, func(name string) bool { return slices.Contains(names, name) }), nil
}
