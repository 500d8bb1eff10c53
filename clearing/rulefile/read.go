package rulefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"citycard/language"
	"citycard/ledger"
)

// Decode reads one JSON document. It refuses unknown fields and anything behind the document.
func Decode(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text after the closing brace")
	}
	return nil
}

// Text gives a file's text without the byte-order mark that Excel puts before it. It names another
// encoding.
func Text(data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	if !utf8.Valid(data) {
		return nil, language.Textf("not UTF-8, GBK perhaps: save it as UTF-8")
	}
	return data, nil
}

// version is a pointer to a version of a file, whose head is Since or Between.
type version[V any] interface {
	*V
	head() *named
	check(where string) []error
	// Days are the first day and the last on which the next version may not begin.
	Days() (first, last ledger.Day)
	// lasts reports whether the version holds until the next begins.
	lasts() bool
}

// Read reads a file of versions. check names what is wrong with what a room has in one of them.
func Read[V any, P version[V]](data []byte, check func(v P, where string) []error) ([]V, error) {
	var file struct {
		Note     string `json:"note"`
		Versions []V    `json:"versions"`
	}
	if err := Decode(data, &file); err != nil {
		return nil, err
	}
	return file.Versions, checkAll(file.Versions, check)
}

// checkAll checks versions and gives each its name in records.
func checkAll[V any, P version[V]](versions []V, check func(v P, where string) []error) error {
	if len(versions) == 0 {
		return errors.New("versions: empty, want at least one")
	}
	var faults []error
	named := map[string]bool{}
	for i := range versions {
		v, where := P(&versions[i]), fmt.Sprintf("versions[%d]", i)
		name := v.head().Version
		switch {
		case !IsName(name):
			faults = append(faults, fmt.Errorf("%s.version: %q, want a name of 1 to 40 letters, digits, dots or hyphens", where, name))
		case named[name]:
			faults = append(faults, fmt.Errorf("%s.version: %q again, want each name once", where, name))
		}
		named[name] = true
		faults = append(faults, v.check(where)...)
		if i > 0 {
			first, _ := v.Days()
			if _, last := P(&versions[i-1]).Days(); first <= last {
				faults = append(faults, fmt.Errorf("%s.effective_from: %s, want a day after %s, which versions[%d] has", where, first, last, i-1))
			}
		}
		faults = append(faults, check(v, where)...)
		content, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
		sum := sha256.Sum256(content)
		v.head().name = name + "+" + hex.EncodeToString(sum[:4])
		if v.head().content, err = whatHolds(content); err != nil {
			return fmt.Errorf("%s: %w", where, err)
		}
	}
	return errors.Join(faults...)
}

// whatHolds is a hash of what a version says: of all but its last day, and but for where its
// figures come from, which is no figure.
func whatHolds(content []byte) (hash [sha256.Size]byte, err error) {
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.UseNumber()
	var fields map[string]any
	if err := decoder.Decode(&fields); err != nil {
		return hash, err
	}
	delete(fields, "effective_to")
	leaveOutSources(fields)
	if content, err = json.Marshal(fields); err != nil {
		return hash, err
	}
	return sha256.Sum256(content), nil
}

func leaveOutSources(value any) {
	switch value := value.(type) {
	case map[string]any:
		delete(value, "example")
		delete(value, "source")
		for _, inner := range value {
			leaveOutSources(inner)
		}
	case []any:
		for _, inner := range value {
			leaveOutSources(inner)
		}
	}
}

// IsName reports whether a version may have a name. It keeps out the plus signs and commas that
// join names in records.
func IsName(s string) bool {
	for _, c := range s {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-') {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 40
}
