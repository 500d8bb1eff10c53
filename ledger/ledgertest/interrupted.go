package ledgertest

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"citycard/ledger/schema"

	"github.com/jackc/pgx/v5"
)

// Interrupted migrates an empty database with the sets up to last. The last set is interrupted
// after each of its statements in turn and started again each time; the result must be the same
// tables as without interruption. Sets before the last are applied first.
func Interrupted(t *testing.T, sets ...schema.Set) {
	ctx, log := t.Context(), slog.New(slog.DiscardHandler)
	straight, broken := Empty(t), Empty(t)
	dialect, err := schema.Migrate(ctx, straight, log, sets...)
	if err != nil {
		t.Fatal(err)
	}
	whole := sets[len(sets)-1]
	cuts := cutShort(t, whole, dialect)
	if len(cuts) < 3 {
		t.Fatalf("%s has %d statements: the test cuts in the wrong places", whole.Name, len(cuts))
	}
	for n, cut := range cuts {
		set := whole
		set.Files = cut
		_, err := schema.Migrate(ctx, broken, log, append(slices.Clone(sets[:len(sets)-1]), set)...)
		if err == nil || !strings.Contains(err.Error(), "22012") {
			t.Fatalf("cut after statement %d: %v, expected to be cut", n, err)
		}
	}
	for range 2 {
		if _, err := schema.Migrate(ctx, broken, log, sets...); err != nil {
			t.Fatalf("after %d interruptions: %v", len(cuts), err)
		}
	}
	want, got := describe(t, straight), describe(t, broken)
	if len(want) < 10 || !slices.Equal(want, got) {
		t.Errorf("interrupted, the tables are\n%s\nin one go\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

var comment = regexp.MustCompile(`(?m)--.*$`)

// cutShort returns the set's files so that they fail after 0, 1, 2 … statements.
func cutShort(t *testing.T, set schema.Set, dialect schema.Dialect) (cuts []fs.FS) {
	paths, err := fs.Glob(set.Files, path.Join(set.Dir, "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	others := dialect.OtherFiles(paths)
	paths = slices.DeleteFunc(paths, func(name string) bool { return slices.Contains(others, name) })
	before := fstest.MapFS{}
	for _, name := range paths {
		text, err := fs.ReadFile(set.Files, name)
		if err != nil {
			t.Fatal(err)
		}
		statements := strings.Split(strings.TrimSpace(comment.ReplaceAllString(string(text), "")), ";")
		for n := range statements {
			cut := fstest.MapFS{}
			for name, file := range before {
				cut[name] = file
			}
			head := append(slices.Clone(statements[:n]), "SELECT 1 / 0", "")
			cut[name] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + strings.Join(head, ";\n"))}
			cuts = append(cuts, cut)
		}
		before[name] = &fstest.MapFile{Data: text}
	}
	return cuts
}

// describe lists columns, indexes and contents of small tables, for comparison.
func describe(t *testing.T, url string) []string {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var lines []string
	for _, query := range []string{
		`SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '')
			FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1`,
		`SELECT replace(indexdef, current_database() || '.', '') FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`,
		`SELECT 'chart ' || version::TEXT FROM chart`,
		`SELECT relname || ' ' || array_to_string(reloptions, ',') FROM pg_class WHERE reloptions IS NOT NULL ORDER BY 1`,
	} {
		rows, err := conn.Query(ctx, query)
		if err != nil {
			t.Fatal(err)
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(fmt.Errorf("%s: %w", query, err))
		}
		lines = append(lines, found...)
	}
	return lines
}
