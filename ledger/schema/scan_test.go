package schema_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// missing is what CockroachDB v22.1 or v26.1 lacks, or takes to mean something else; each with why
// it is looked for.
var missing = map[string]*regexp.Regexp{
	"advisory lock":                 regexp.MustCompile(`(?i)pg_(try_)?advisory`),
	"LISTEN, NOTIFY":                regexp.MustCompile(`(?i)^\s*(listen|notify)\s+\w+\s*;?\s*$|pg_notify`),
	"LOCK TABLE":                    regexp.MustCompile(`(?i)\block\s+table\b`),
	"deferrable constraint":         regexp.MustCompile(`(?i)\bdeferrable\b`),
	"domain":                        regexp.MustCompile(`(?i)create\s+domain`),
	"MERGE":                         regexp.MustCompile(`(?i)\bmerge\s+into\b`),
	"transaction number":            regexp.MustCompile(`(?i)\btxid_|pg_current_xact|\bxmin\b|\bxmax\b|\bctid\b`),
	"range type":                    regexp.MustCompile(`(?i)\b(int4|int8|num|ts|tstz|date)range\b`),
	"exclusion constraint":          regexp.MustCompile(`(?i)\bexclude\s+using\b`),
	"NULLS NOT DISTINCT":            regexp.MustCompile(`(?i)nulls\s+not\s+distinct`),
	"ROLLUP, CUBE":                  regexp.MustCompile(`(?i)\b(rollup|cube|grouping\s+sets)\b`),
	"VACUUM":                        regexp.MustCompile(`(?i)^\s*vacuum\b`),
	"BRIN":                          regexp.MustCompile(`(?i)using\s+brin`),
	"SERIAL or a sequence":          regexp.MustCompile(`(?i)\b(big|small)?serial\b|create\s+sequence|nextval`),
	"trigger or stored procedure":   regexp.MustCompile(`(?i)create\s+(or\s+replace\s+)?(trigger|function|procedure)`),
	"SKIP LOCKED (v22.1)":           regexp.MustCompile(`(?i)skip\s+locked`),
	"COPY TO (v22.1)":               regexp.MustCompile(`(?i)\bcopy\b[^;]*\bto\s+stdout`),
	"DELETE USING (v22.1)":          regexp.MustCompile(`(?i)delete\s+from\s+\w+\s+using`),
	"cursor (v22.1)":                regexp.MustCompile(`(?i)\bdeclare\s+\w+\s+cursor`),
	"to_regclass, jsonpath (v22.1)": regexp.MustCompile(`(?i)to_regclass|jsonb_path_query`),
	"CREATE EXTENSION (v22.1)":      regexp.MustCompile(`(?i)create\s+extension`),
	"unlogged or temporary table":   regexp.MustCompile(`(?i)create\s+(unlogged|temp(orary)?)\s+table`),
	"paging by OFFSET":              regexp.MustCompile(`(?i)\boffset\s+(\$\d|[1-9])`), // OFFSET 0 only keeps a plan
	"INT of unsure width":           regexp.MustCompile(`(?i)\b(int|integer)\b\s+(not\s+null|primary|,)`),
}

// sql recognises a string as a statement.
var sql = regexp.MustCompile(`(?i)^\s*(select|insert|update|delete|with|create|alter|drop|copy|lock|listen|notify|merge|vacuum|truncate|grant)\b`)

// findings names what a statement holds that it should not.
func findings(statement string) []string {
	var found []string
	for name, pattern := range missing {
		if pattern.MatchString(statement) {
			found = append(found, name)
		}
	}
	return found
}

// TestNothingCockroachLacks scans every .sql file of the module, and every string in the ledger's
// and clearing's Go code that is a statement.
func TestNothingCockroachLacks(t *testing.T) {
	files, statements := 0, 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		switch {
		case strings.HasSuffix(path, ".sql"):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			for _, name := range findings(withoutComments(string(text))) {
				t.Errorf("%s: %s", path, name)
			}
		case strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "ledgertest") && !strings.HasSuffix(path, "dialect.go"):
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				literal, ok := node.(*ast.BasicLit)
				if !ok || literal.Kind != token.STRING {
					return true
				}
				text, err := strconv.Unquote(literal.Value)
				if err != nil || !sql.MatchString(text) {
					return true
				}
				statements++
				for _, name := range findings(text) {
					t.Errorf("%s: %s in %q", path, name, text)
				}
				return true
			})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 || statements < 20 {
		t.Errorf("scanned %d files and %d statements: the scan looks in the wrong place", files, statements)
	}
}

func withoutComments(text string) string {
	return regexp.MustCompile(`(?m)--.*$`).ReplaceAllString(text, "")
}

// TestTheScanFinds makes sure that the patterns match what they are for.
func TestTheScanFinds(t *testing.T) {
	for _, statement := range []string{
		"SELECT pg_advisory_lock(1)", "LISTEN news", "LOCK TABLE journal", "ALTER TABLE a ADD UNIQUE (b) DEFERRABLE", "CREATE DOMAIN fen AS INT8",
		"MERGE INTO a USING b", "SELECT xmin FROM a", "CREATE TABLE a (b int8range)", "ALTER TABLE a ADD EXCLUDE USING gist (b WITH =)",
		"CREATE UNIQUE INDEX a ON b (c) NULLS NOT DISTINCT", "SELECT a FROM b GROUP BY ROLLUP (a)", "VACUUM journal", "CREATE INDEX a ON b USING brin (c)",
		"CREATE TABLE a (b BIGSERIAL)", "SELECT nextval('a')", "CREATE FUNCTION a()", "SELECT a FROM b FOR UPDATE SKIP LOCKED", "COPY a TO STDOUT",
		"DELETE FROM a USING b", "DECLARE a CURSOR FOR SELECT 1", "SELECT to_regclass('a')", "CREATE EXTENSION pgcrypto", "CREATE TEMP TABLE a ()",
		"SELECT a FROM b OFFSET 10", "SELECT a FROM b OFFSET $1", "CREATE TABLE a (b INT NOT NULL)",
	} {
		if len(findings(statement)) == 0 {
			t.Errorf("%q passes the scan", statement)
		}
	}
}
