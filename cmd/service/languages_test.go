package service

import (
	"cmp"
	"flag"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

var update = flag.Bool("update", false, "write the catalogues again: what is missing with an empty text, without what nothing uses")

// TestTexts compares the texts that the programs may show with the catalogues: each has a Chinese
// text with the same verbs, and no catalogue has a text that nothing shows.
func TestTexts(t *testing.T) {
	used := textsOf(t)
	if len(used) < 600 {
		t.Errorf("%d texts were found, want several hundred", len(used))
	}
	catalogues := map[string]map[string]string{}
	known := map[string]string{}
	names, err := filepath.Glob("../../language/zh/*.po")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		catalogues[name] = catalogueOf(t, name)
		for english, chinese := range catalogues[name] {
			if known[english] != "" && !*update {
				t.Errorf("%s: %q stands in another catalogue too", name, english)
			}
			known[english] = cmp.Or(chinese, known[english])
			if _, uses := used[english]; !uses && !*update {
				t.Errorf("%s: nothing shows %q", name, english)
			}
		}
	}
	if *update {
		writeCatalogues(t, used, known)
		return
	}
	for _, english := range slices.Sorted(maps.Keys(used)) {
		switch chinese := known[english]; {
		case chinese == "":
			t.Errorf("%s: %q has no Chinese text", used[english], english)
		case !slices.Equal(verbsOf(english), verbsOf(chinese)):
			t.Errorf("%s: %q has the verbs %v, its Chinese text %q %v", used[english], english, verbsOf(english), chinese, verbsOf(chinese))
		case halfWidth.MatchString(chinese):
			t.Errorf("%s: the Chinese text %q has a mark of half width between or after characters", used[english], chinese)
		}
	}
}

// halfWidth finds a punctuation mark of half width that should be one of full width.
var halfWidth = regexp.MustCompile(`\p{Han}[,;:?!(]|[,;:?!)]\p{Han}`)

var verb = regexp.MustCompile(`%(?:%|[-+# 0]*(?:\[(\d+)\])?[0-9]*(?:\.[0-9]+)?([a-zA-Z]))`)

// verbsOf lists which argument each verb of a format takes, and how, in the order of the arguments.
func verbsOf(format string) (verbs []string) {
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[2] == "" {
			continue
		}
		if m[1] != "" {
			next, _ = strconv.Atoi(m[1])
		}
		verbs = append(verbs, strconv.Itoa(next)+m[2])
		next++
	}
	slices.Sort(verbs)
	return slices.Compact(verbs)
}
