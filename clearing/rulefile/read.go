package rulefile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"citycard/language"
)

// Text gives a file's text without the byte-order mark that Excel puts before it. It names another
// encoding.
func Text(data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF"))
	switch {
	case bytes.IndexByte(data, 0) >= 0:
		return nil, language.Textf("not UTF-8, UTF-16 perhaps: save it as UTF-8")
	case !utf8.Valid(data):
		return nil, language.Textf("not UTF-8, GBK perhaps: save it as UTF-8")
	}
	return data, nil
}

// version is a pointer to a version of a file, whose head is Since or Between.
type version[V any] interface {
	*V
	head() *named
	check(where string) []error
	// span is from the moment at which the version begins to the last at which the next one may not
	// begin.
	span() (first, last Moment)
	// lasts reports whether the version holds until the next begins.
	lasts() bool
}

// File is a document of versions.
type File[V any] struct {
	Schema   string `json:"$schema,omitempty"` // where an editor finds the form of the document
	Note     string `json:"note,omitempty"`    // for people
	Versions []V    `json:"versions" jsonschema:"minItems=1"`
}

// Read reads a file of versions. check names what is wrong with what a room has in one of them. The
// error joins all faults, each of which begins with its place.
func Read[V any, P version[V]](data []byte, check func(v P, where string) []error) ([]V, error) {
	var file File[V]
	faults := decode(data, &file)
	if file.Versions == nil && len(faults) > 0 || len(faults) > MostFaults {
		return nil, errors.Join(faults...)
	}
	unread := map[string]bool{}
	for _, fault := range faults {
		unread[placeOf(fault)] = true
	}
	for _, fault := range checkAll(file.Versions, check) {
		if len(unread) == 0 || !isUnread(unread, placeOf(fault)) {
			faults = append(faults, fault)
		}
	}
	if len(faults) > MostFaults {
		faults = append(faults[:MostFaults], errMore)
	}
	return file.Versions, errors.Join(faults...)
}

// placeOf is the place with which a fault begins.
func placeOf(fault error) string {
	place, _, _ := strings.Cut(fault.Error(), ": ")
	return place
}

// isUnread reports whether a place or one around it could not be read, so that what is wrong with
// its value says nothing more.
func isUnread(unread map[string]bool, place string) bool {
	for place != "" && !unread[place] {
		place = place[:max(strings.LastIndexAny(place, ".["), 0)]
	}
	return place != ""
}

// checkAll checks versions and gives each its name in records.
func checkAll[V any, P version[V]](versions []V, check func(v P, where string) []error) (faults []error) {
	if len(versions) == 0 {
		return []error{errors.New("versions: empty, want at least one")}
	}
	named := map[string]bool{}
	for i := range versions {
		if len(faults) > MostFaults {
			return faults // there is no end to them
		}
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
			faults = append(faults, follows[V, P](versions, i, where)...)
		}
		faults = append(faults, check(v, where)...)
		if err := v.head().identify(v); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", where, err))
		}
	}
	return faults
}

// identify names a version as records have it, after a hash of its content.
func (n *named) identify(version any) error {
	content, err := json.Marshal(version)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	n.name = n.Version + "+" + hex.EncodeToString(sum[:4])
	n.content, err = whatHolds(content)
	return err
}

// follows checks that a version begins after the one before it, without a gap.
func follows[V any, P version[V]](versions []V, i int, where string) []error {
	first, _ := P(&versions[i]).span()
	began, last := P(&versions[i-1]).span()
	switch {
	case first == 0 || began == 0: // unreadable, which is a fault of its own
		return nil
	case first <= last && !P(&versions[i]).lasts():
		return []error{fmt.Errorf("%s.effective_from: %s, want a day after %s, which versions[%d] has", where, first, last.Day(), i-1)}
	case first <= last:
		return []error{fmt.Errorf("%s.effective_from: %s, want later than %s, when versions[%d] begins", where, first, last, i-1)}
	case !P(&versions[i]).lasts() && first > last.Add(1):
		return []error{fmt.Errorf("%s.effective_from: %s, want %s: no version holds on the days between", where, first, last.Add(1))}
	}
	return nil
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
