package service

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// TestFailuresInBothLanguages: every Failure of the programs also has its text in Chinese.
func TestFailuresInBothLanguages(t *testing.T) {
	makers := []string{"Fail", "FailMany", "Refuse", "Unreachable", "NoBooks", "Taken", "usage"}
	root, found := os.DirFS(".."), 0
	err := fs.WalkDir(root, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(root, path)
		if err != nil {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, text, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 || !slices.Contains(makers, calledName(call)) {
				return true
			}
			literals := literalsOf(call.Args[0])
			if found++; literals != "" && !strings.ContainsFunc(literals, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
				t.Errorf("%s: %q is English only", files.Position(call.Pos()), literals)
			}
			return true
		})
		return nil
	})
	if err != nil || found < 100 {
		t.Errorf("%d failures were looked at, %v; want a hundred and more", found, err)
	}
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		if room, ok := f.X.(*ast.Ident); ok && room.Name == "service" {
			return f.Sel.Name
		}
	}
	return ""
}

// literalsOf joins the texts that stand in an expression.
func literalsOf(expression ast.Expr) (all string) {
	ast.Inspect(expression, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil {
				all += text
			}
		}
		return true
	})
	return all
}
