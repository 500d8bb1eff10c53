package service

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// TestDocs compares docs/ with the code that it describes.
func TestDocs(t *testing.T) {
	found, err := docOffences(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	for _, offence := range found {
		t.Error(offence)
	}
}

var (
	requirement = regexp.MustCompile(`(?m)^\s*(?:require )?([a-z0-9.]+\.[a-z]+/\S+) v\S+(.*)$`)
	listed      = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
	named       = regexp.MustCompile("`((?:broker|cardos|clearing|cmd|durable|language|ledger|simulators|terminals)(?:/[a-z0-9]+)*)`")
)

// docOffences: docs/dependencies.md lists just what go.mod requires directly,
// and the tools of lint.mod; docs/architecture.md names just the packages there are.
func docOffences(tree fs.FS) ([]string, error) {
	texts := map[string]string{}
	for _, name := range []string{"go.mod", "lint.mod", "docs/dependencies.md", "docs/architecture.md"} {
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, err
		}
		texts[name] = string(text)
	}
	sources, err := readTree(tree)
	if err != nil {
		return nil, err
	}
	var found []string
	required := submatches(requirement, texts["go.mod"])
	tools := submatches(requirement, texts["lint.mod"])
	documented := submatches(listed, texts["docs/dependencies.md"])
	for _, m := range requirement.FindAllStringSubmatch(texts["go.mod"], -1) {
		if direct := !strings.Contains(m[2], "// indirect"); direct && !slices.Contains(documented, m[1]) {
			found = append(found, "docs/dependencies.md does not list "+m[1])
		}
	}
	for _, module := range documented {
		if !slices.Contains(required, module) && !slices.Contains(tools, module) {
			found = append(found, "docs/dependencies.md lists "+module+", which neither go.mod nor lint.mod requires")
		}
	}
	packages := submatches(named, texts["docs/architecture.md"])
	for _, s := range sources {
		if !slices.Contains(packages, s.dir) {
			found = append(found, "docs/architecture.md does not name "+s.dir)
		}
	}
	for _, name := range packages {
		if !slices.ContainsFunc(sources, func(s *source) bool { return match(name+"/...", s.dir) }) {
			found = append(found, "docs/architecture.md names "+name+", which is not there")
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func submatches(pattern *regexp.Regexp, text string) (found []string) {
	for _, m := range pattern.FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}

// TestDocOffences breaks each rule of docOffences once.
func TestDocOffences(t *testing.T) {
	tests := []struct{ name, file, text, want string }{
		{"in order", "go.mod", "require example.org/a/v2 v2.0.0\n", ""},
		{"not listed", "go.mod", "require (\n\texample.org/a/v2 v2.0.0\n\texample.org/b v1.0.0\n)\n", "does not list example.org/b"},
		{"indirect ones need not be", "go.mod", "require (\n\texample.org/a/v2 v2.0.0\n\texample.org/b v1.0.0 // indirect\n)\n", ""},
		{"listed in vain", "docs/dependencies.md", "| `example.org/a/v2` | x |\n| `example.org/c` | x |\n| `example.org/tool` | x |\n", "lists example.org/c"},
		{"a package without a line", "docs/architecture.md", "`ledger`\n", "does not name ledger/chain"},
		{"a line without a package", "docs/architecture.md", "`ledger`, `ledger/chain`, `ledger/hold`\n", "names ledger/hold"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree := fstest.MapFS{
				"go.mod":                {Data: []byte("require example.org/a/v2 v2.0.0\n")},
				"lint.mod":              {Data: []byte("require (\n\texample.org/tool v1.0.0 // indirect\n)\n")},
				"docs/dependencies.md":  {Data: []byte("| `example.org/a/v2` | x |\n| `example.org/tool` | x |\n")},
				"docs/architecture.md":  {Data: []byte("`ledger`, `ledger/chain`\n")},
				"ledger/doc.go":         {Data: []byte("package ledger\n")},
				"ledger/chain/chain.go": {Data: []byte("package chain\n")},
			}
			tree[test.file] = &fstest.MapFile{Data: []byte(test.text)}
			found, err := docOffences(tree)
			if err != nil {
				t.Fatal(err)
			}
			if ok := (test.want == "" && len(found) == 0) || (len(found) == 1 && test.want != "" && strings.Contains(found[0], test.want)); !ok {
				t.Errorf("found %q, want %q", found, test.want)
			}
		})
	}
}
