package rulefile

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// longestName is how many characters a name for people may have.
const longestName = 100

// Names are those of one list, for people, such as the names of stations.
type Names map[string]bool

// Check finds what is no name, and a name that the list has already: two names are one if they look
// alike, however they are encoded and whether in capitals or not.
func (n Names) Check(where, name string) []error {
	if faults := checkName(where, name); len(faults) > 0 {
		return faults
	}
	alike := strings.ToLower(norm.NFKC.String(name))
	if n[alike] {
		return []error{fmt.Errorf("%s: %q again, want each name once", where, name)}
	}
	n[alike] = true
	return nil
}

// CheckOptionalName finds what is neither a name nor empty.
func CheckOptionalName(where, name string) []error {
	if name == "" {
		return nil
	}
	return checkName(where, name)
}

func checkName(where, name string) []error {
	switch {
	case name == "":
		return []error{fmt.Errorf("%s: empty, want a name", where)}
	case utf8.RuneCountInString(name) > longestName:
		return []error{fmt.Errorf("%s: %d characters, want at most %d", where, utf8.RuneCountInString(name), longestName)}
	case strings.TrimSpace(name) != name:
		return []error{fmt.Errorf("%s: %q, want no space before or behind the name", where, name)}
	}
	return nil
}
