package service

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// The house rules that docs/architecture.md and CONTRIBUTING.md state, as data.
const (
	module        = "citycard"
	linesMax      = 500 // of a file
	functionLines = 70  // of a function; tests are exempt, their tables are data
)

var (
	// rooms: who may import whom. A name ending in "/..." means the whole room.
	rooms = map[string][]string{
		"broker":     {"broker/...", "durable", "language"},
		"durable":    {},
		"language":   {"language"},
		"cardos":     {"cardos/..."},
		"ledger":     {"ledger/..."},
		"clearing":   {"clearing/...", "ledger/...", "cardos/..."},
		"terminals":  {"terminals/...", "cardos/...", "clearing/message"},
		"simulators": {"simulators/...", "cardos/...", "terminals/...", "clearing/message"},
		"cmd":        {"cmd/...", "cardos/...", "ledger/...", "clearing/...", "terminals/...", "simulators/..."},
	}
	// leaves are basic packages that every room may import and that import no room.
	leaves = []string{"broker/...", "durable", "language"}
	// modest are packages that may import less than their room: only themselves and leaves.
	modest = []string{"cmd/service"}
	// testRooms: what the tests of a room may import beyond that. Readers, gates and
	// counters are tested with a virtual card in a real reader.
	testRooms = map[string][]string{
		"broker":    {"ledger/ledgertest"},
		"terminals": {"simulators/vcard", "simulators/pcscd/...", "simulators/specimen", "simulators/rogue"},
	}
	// keepers: libraries that only some packages may import, in code that is not a test.
	keepers = map[string][]string{
		"C":                                {"terminals/reader", "cmd/cardterm"},
		"github.com/coreos/go-systemd/...": {"cmd/service"},
		"github.com/ebfe/scard":            {"terminals/reader", "cmd/cardterm"},
		"github.com/miekg/pkcs11":          {"cardos/hsm"},
		"github.com/jackc/pgx/...":         {"ledger/...", "clearing/...", "cmd/..."},
		"github.com/cockroachdb/...":       {"ledger/...", "clearing/...", "cmd/..."},
		"github.com/twmb/franz-go/...":     {"broker/...", "clearing/intake", "clearing/topics", "terminals/outbox", "terminals/downlink", "simulators/...", "cmd/..."},
		module + "/clearing/intake":        {"cmd/..."},
		"github.com/peterbourgon/ff/...":   {"cmd/..."},
		"github.com/vbauerster/mpb/...":    {"cmd/service"},
		"github.com/shopspring/decimal":    {"clearing/...", "simulators/...", "cmd/..."},
		"github.com/pressly/goose/...":     {"ledger/schema"},
		"google.golang.org/protobuf/...":   {"clearing/...", "terminals/...", "simulators/...", "cmd/..."},
		"github.com/transparency-dev/...":  {"ledger/..."},
	}
	// withoutCgo are programs that must not import cgo, directly or indirectly.
	withoutCgo = []string{"cmd/citycard", "cmd/cardsim"}
	// withoutDriver are packages that must not import a database driver, directly or indirectly:
	// checking an export or a proof needs no database.
	withoutDriver = []string{"ledger/chain"}
	// halls are folder names that say nothing about what is inside.
	halls = []string{"internal", "pkg", "util", "utils", "common", "helper", "helpers", "misc", "shared", "lib"}
	// clocks read the time of day.
	clocks = []string{"Now", "Since", "Until"}
)

// source is one Go file.
type source struct {
	path, dir, text string
	test, generated bool
	lines           int
	imports         []string
	doc             bool // has a package comment
	syntax          *ast.File
	files           *token.FileSet
}

// offences lists what breaks the house rules in a tree, sorted. Each names the
// file or package.
func offences(tree fs.FS) ([]string, error) {
	sources, err := readTree(tree)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, s := range sources {
		found = append(found, s.placeOffences()...)
		found = append(found, s.importOffences()...)
		found = append(found, s.clockOffences()...)
		found = append(found, s.functionOffences()...)
		found = append(found, s.commentOffences()...)
	}
	found = append(found, packageOffences(sources)...)
	imports := importsOf(sources)
	for _, program := range withoutCgo {
		found = append(found, reachOffences(imports, program, "cgo", "C", "github.com/ebfe/scard", "github.com/miekg/pkcs11")...)
	}
	for _, offline := range withoutDriver {
		found = append(found, reachOffences(imports, offline, "a database driver", "github.com/jackc/pgx/...", "database/sql/...")...)
	}
	inSQL, err := tableOffences(tree, sources)
	if err != nil {
		return nil, err
	}
	found = append(found, inSQL...)
	slices.Sort(found)
	return slices.Compact(found), nil
}

func readTree(tree fs.FS) ([]*source, error) {
	var sources []*source
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		files := token.NewFileSet()
		syntax, err := parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		s := &source{
			path: name, dir: path.Dir(name), text: string(text), test: strings.HasSuffix(name, "_test.go"),
			generated: ast.IsGenerated(syntax), lines: bytes.Count(text, []byte("\n")), syntax: syntax, files: files,
			doc: strings.TrimSpace(syntax.Doc.Text()) != "",
		}
		for _, spec := range syntax.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return fmt.Errorf("%s: import %s: %w", name, spec.Path.Value, err)
			}
			s.imports = append(s.imports, imported)
		}
		sources = append(sources, s)
		return nil
	})
	return sources, err
}

func (s *source) placeOffences() (found []string) {
	segments := strings.Split(s.dir, "/")
	if _, ok := rooms[segments[0]]; !ok {
		found = append(found, fmt.Sprintf("%s: Go code outside the rooms", s.path))
	}
	for _, segment := range segments {
		if slices.Contains(halls, segment) {
			found = append(found, fmt.Sprintf("%s: a folder named %q says nothing of what is inside", s.dir, segment))
		}
	}
	if s.lines > linesMax && !s.generated {
		found = append(found, fmt.Sprintf("%s: %d lines, at most %d", s.path, s.lines, linesMax))
	}
	return found
}

func (s *source) importOffences() (found []string) {
	room, _, _ := strings.Cut(s.dir, "/")
	for _, imported := range s.imports {
		own, ours := strings.CutPrefix(imported, module+"/")
		allowed := s.mayImport(room, own)
		if ours && !allowed {
			found = append(found, fmt.Sprintf("%s: room %s must not import %s", s.path, room, imported))
		}
		if s.test {
			continue
		}
		if ours && strings.HasSuffix(own, "test") && !strings.HasSuffix(s.dir, "test") {
			found = append(found, fmt.Sprintf("%s: %s is for tests", s.path, imported))
		}
		for library, who := range keepers {
			if match(library, imported) && !matchAny(who, s.dir) {
				found = append(found, fmt.Sprintf("%s: only %v may import %s", s.path, who, imported))
			}
		}
	}
	return found
}

// mayImport reports whether a file of a room may import a package of this project.
func (s *source) mayImport(room, own string) bool {
	switch {
	case s.test && matchAny(testRooms[room], own):
		return true
	case matchAny(modest, s.dir) && !s.test:
		return matchAny(leaves, own) || own == s.dir
	case matchAny(leaves, s.dir):
		return matchAny(rooms[room], own)
	}
	return matchAny(rooms[room], own) || matchAny(leaves, own)
}

// clockOffences finds the reading of a clock outside cmd and tests: a time comes
// in as a value.
func (s *source) clockOffences() (found []string) {
	if s.test || matchAny([]string{"cmd/..."}, s.dir) {
		return nil
	}
	name := s.importName("time")
	ast.Inspect(s.syntax, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == name && slices.Contains(clocks, selector.Sel.Name) {
			found = append(found, fmt.Sprintf("%s: reads the clock with time.%s", s.path, selector.Sel.Name))
		}
		return true
	})
	return found
}

func (s *source) functionOffences() (found []string) {
	if s.test || s.generated {
		return nil
	}
	for _, declaration := range s.syntax.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		lines := s.files.Position(function.End()).Line - s.files.Position(function.Pos()).Line + 1
		if lines > functionLines {
			found = append(found, fmt.Sprintf("%s: function %s has %d lines, at most %d", s.path, function.Name.Name, lines, functionLines))
		}
	}
	return found
}

// importName is the name that the file has for a package, "" if it does not
// import it.
func (s *source) importName(imported string) string {
	for i, spec := range s.syntax.Imports {
		if s.imports[i] != imported {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(imported)
	}
	return ""
}

// packageOffences finds packages that do not say what they are.
func packageOffences(sources []*source) (found []string) {
	said := map[string]bool{}
	for _, s := range sources {
		if !s.test {
			said[s.dir] = said[s.dir] || s.doc
		}
	}
	for dir, ok := range said {
		if !ok {
			found = append(found, fmt.Sprintf("%s: no package comment", dir))
		}
	}
	return found
}

// importsOf lists what each package imports.
func importsOf(sources []*source) map[string][]string {
	imports := map[string][]string{}
	for _, s := range sources {
		if !s.test {
			imports[s.dir] = append(imports[s.dir], s.imports...)
		}
	}
	return imports
}

// reachOffences follows the imports of a package that must not reach some others.
func reachOffences(imports map[string][]string, from, what string, forbidden ...string) (found []string) {
	seen := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, imported := range imports[queue[0]] {
			if matchAny(forbidden, imported) {
				found = append(found, fmt.Sprintf("%s: reaches %s through %s", from, what, queue[0]))
			}
			if own, ok := strings.CutPrefix(imported, module+"/"); ok && !seen[own] {
				seen[own] = true
				queue = append(queue, own)
			}
		}
	}
	return found
}

// match tells whether a pattern names an import path or folder: itself, or with
// "/..." it and all below.
func match(pattern, name string) bool {
	if room, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == room || strings.HasPrefix(name, room+"/")
	}
	return name == pattern
}

func matchAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, name) })
}
