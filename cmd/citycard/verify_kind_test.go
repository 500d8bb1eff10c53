package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"citycard/language"
	"citycard/ledger/verify"
)

// TestKindsHaveWords finds each kind of fault in the sources, and wants it with Chinese words.
func TestKindsHaveWords(t *testing.T) {
	kinds := 0
	for _, path := range []string{"../../ledger/verify/fault.go", "../../clearing/verify/verify.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
				kinds++
				name, _ := strconv.Unquote(literal.Value)
				if chineseKinds()[verify.Kind(name)] == "" {
					t.Errorf("%s: %q has no Chinese words", path, name)
				}
			}
			return true
		})
	}
	if kinds != len(chineseKinds()) {
		t.Errorf("%d kinds, words for %d", kinds, len(chineseKinds()))
	}
	if got, want := faultIn(verify.RowHash, language.Chinese()), "row hash mismatch（记录哈希不符）"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := faultIn(verify.RowHash, language.Language{}); got != "row hash mismatch" {
		t.Errorf("in English: %q", got)
	}
}
