package rulefile

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Foreign lists what a folder has beside what is called by one of the names, in order. Who reads a
// folder refuses it: a file whose name is misspelt would be left out in silence. What begins with a
// dot and what is called README, with any ending, may be there.
func Foreign(dir string, names []string) (foreign []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		name := entry.Name()
		note := strings.HasPrefix(name, ".") || strings.EqualFold(strings.TrimSuffix(name, filepath.Ext(name)), "README")
		if !note && !slices.Contains(names, name) {
			foreign = append(foreign, name)
		}
	}
	return foreign, nil
}
