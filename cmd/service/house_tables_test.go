package service

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"regexp"
	"strconv"
	"strings"
)

// createTable is a table in a migration.
var createTable = regexp.MustCompile(`CREATE TABLE (?:IF NOT EXISTS )?([a-z_]+)`)

// tableOffences finds SQL in clearing that reads or writes a table of the ledger: the ledger has
// functions for what clearing needs. clearing/verify is allowed to, since it compares clearing's
// tables with the ledger's by its own queries. Tests may read any table.
func tableOffences(tree fs.FS, sources []*source) (found []string, err error) {
	migrations, err := fs.Glob(tree, "ledger/schema/migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var tables []string
	for _, name := range migrations {
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return nil, err
		}
		for _, match := range createTable.FindAllSubmatch(text, -1) {
			tables = append(tables, string(match[1]))
		}
	}
	if len(tables) == 0 {
		return nil, fmt.Errorf("no table in %d migrations of the ledger's", len(migrations))
	}
	uses := regexp.MustCompile(`(?i)(?:\b(?:FROM|JOIN|INTO|UPDATE|TABLE|USING)|,)\s+(` + strings.Join(tables, "|") + `)\b`)
	for _, s := range sources {
		if s.test || !match("clearing/...", s.dir) || s.dir == "clearing/verify" {
			continue
		}
		ast.Inspect(s.syntax, func(node ast.Node) bool {
			literal, ok := node.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if use := uses.FindStringSubmatch(text); err == nil && use != nil && isSQL.MatchString(text) {
				found = append(found, fmt.Sprintf("%s:%d: reads or writes %s, a table of the ledger's", s.path, s.files.Position(literal.Pos()).Line, use[1]))
			}
			return true
		})
	}
	return found, nil
}

// isSQL matches a statement, or a part of one.
var isSQL = regexp.MustCompile(`\b(SELECT|INSERT|UPDATE|DELETE|FROM|JOIN|WITH)\b`)
