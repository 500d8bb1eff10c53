package service

import (
	"go/ast"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// textArguments says which arguments of a call are texts for users, by the name of what is called.
func textArguments() map[string][]int {
	return map[string][]int{
		// texts and failures
		"language.Textf": {0}, "Textf": {0}, ".Of": {0}, ".Todo": {0},
		"service.Fail": {0}, "service.Refuse": {0}, "service.Unreachable": {0}, "service.NoBooks": {0}, "service.Taken": {0},
		"Fail": {0}, "Refuse": {0}, "Unreachable": {0}, "NoBooks": {0}, "Taken": {0}, "usage": {0},
		// answers
		".Print": {0}, ".Say": {0}, ".Phase": {0}, "refuse": {0}, "deny": {1}, ".todo": {0}, ".Head": {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
		"list": {1}, "listAll": {1}, "head": {0},
		// commands
		"newCommand": {2, 3}, "newWithArguments": {2}, "newChange": {2}, "rulesDecisionCommand": {1, 2}, "newOneDay": {2, 3}, "newDecision": {2, 3}, "newTapQuery": {2, 3}, "group": {1, 2},
		"newProposing": {2, 3}, "newNumbered": {2, 3},
		// what a proposal shows
		"proposal.RowOf": {0}, "RowOf": {0}, ".Alters": {0}, "proposal.Effectf": {0}, "Effectf": {0},
		"newRegistryChange": {2}, "registryDecisionCommand": {1},
		// flags
		".StringVar": {3}, ".BoolVar": {3}, ".IntVar": {3}, ".DurationVar": {3}, ".Uint64Var": {3}, ".Float64Var": {3}, ".Int64Var": {3}, ".UintVar": {3}, ".TextVar": {3},
		".String": {2}, ".Bool": {2}, ".Int": {2}, ".Duration": {2}, ".Int64": {2}, ".Float64": {2}, ".Uint64": {2},
		".Var": {2}, ".Func": {1}, ".BoolFunc": {1},
		"service.Whole": {5}, "Whole": {5}, "service.RegisterDatabase": {2}, ".registerJSON": {0},
	}
}

// constants are the expressions of the tree's constants, by package and name.
type constants map[string]ast.Expr

func constantsOf(sources []*source) constants {
	all := constants{}
	for _, s := range sources {
		for _, declaration := range s.syntax.Decls {
			d, ok := declaration.(*ast.GenDecl)
			if !ok || d.Tok != token.CONST {
				continue
			}
			for _, spec := range d.Specs {
				value := spec.(*ast.ValueSpec)
				for i, name := range value.Names {
					if i < len(value.Values) {
						all[s.syntax.Name.Name+"."+name.Name] = value.Values[i]
					}
				}
			}
		}
	}
	return all
}

// value is a constant text that stands in a package.
func (c constants) value(room string, e ast.Expr) (text string, constant bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		left, ok := c.value(room, e.X)
		right, also := c.value(room, e.Y)
		return left + right, ok && also
	case *ast.ParenExpr:
		return c.value(room, e.X)
	case *ast.Ident:
		if named := c[room+"."+e.Name]; named != nil {
			return c.value(room, named)
		}
	case *ast.SelectorExpr:
		if other, ok := e.X.(*ast.Ident); ok {
			if named := c[other.Name+"."+e.Sel.Name]; named != nil {
				return c.value(other.Name, named)
			}
		}
	}
	return "", false
}

// textsOf finds the texts in the sources, each with the first file that has it.
func textsOf(t *testing.T) map[string]string {
	t.Helper()
	sources, err := readTree(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(sources, func(a, b *source) int { return strings.Compare(a.path, b.path) })
	speaks := map[string]bool{"language": true} // packages with texts
	for _, s := range sources {
		speaks[s.dir] = speaks[s.dir] || !s.test && (strings.HasPrefix(s.dir, "cmd/") || slices.Contains(s.imports, module+"/language"))
	}
	known, texts := constantsOf(sources), map[string]string{}
	for _, s := range sources {
		if s.test || s.dir == "cmd/bench" || !speaks[s.dir] {
			continue
		}
		note := func(e ast.Expr, must bool) {
			text, constant := known.value(s.syntax.Name.Name, e)
			if _, passed := e.(*ast.Ident); !constant && !passed && must {
				t.Errorf("%s: a text that is not constant has no translation", s.files.Position(e.Pos()))
			}
			for part := range strings.SplitSeq(text, "\t") {
				part = strings.TrimPrefix(part, ">")
				if strings.ContainsFunc(verb.ReplaceAllString(part, ""), translated) && texts[part] == "" {
					texts[part] = s.path
				}
			}
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				name, takes := s.textsIn(n)
				for _, i := range takes {
					if i < len(n.Args) {
						note(n.Args[i], name != ".Of" && name != ".Head" && name != ".Phase")
					}
				}
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && slices.Contains([]string{"ShortHelp", "LongHelp", "Meaning", "Doing"}, key.Name) {
					note(n.Value, false)
				}
			}
			return true
		})
	}
	return texts
}

// translated reports a character for which a text needs a Chinese one: a letter, or a mark that
// Chinese writes in full width.
func translated(r rune) bool { return unicode.IsLetter(r) || strings.ContainsRune(",;:(", r) }

// textsIn says how a call is named in textArguments, and which of its arguments are texts.
func (s *source) textsIn(call *ast.CallExpr) (name string, arguments []int) {
	switch called := call.Fun.(type) {
	case *ast.Ident:
		name = called.Name
	case *ast.SelectorExpr:
		name = "." + called.Sel.Name
		if room, ok := called.X.(*ast.Ident); ok {
			if found, ok := textArguments()[room.Name+name]; ok {
				return room.Name + name, found
			}
			if s.importsAs(room.Name) {
				return name, nil
			}
		}
	}
	return name, textArguments()[name]
}

// importsAs reports whether the file has imported a package under a name.
func (s *source) importsAs(name string) bool {
	return slices.ContainsFunc(s.imports, func(imported string) bool { return s.importName(imported) == name })
}
