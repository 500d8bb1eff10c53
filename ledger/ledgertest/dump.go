package ledgertest

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Dump is every row of every table of a database, a line each, in an order that the rows alone
// decide: two dumps are equal where nothing has changed.
func Dump(t TB, pool *pgxpool.Pool) string {
	t.Helper()
	ctx := context.Background()
	collect := func(query string) []string {
		rows, err := pool.Query(ctx, query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		return lines
	}
	var all strings.Builder
	for _, table := range collect("SELECT table_name::TEXT FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY table_name") {
		name := pgx.Identifier{table}.Sanitize()
		for _, row := range collect("SELECT to_jsonb(r)::TEXT AS line FROM " + name + " r ORDER BY line") {
			fmt.Fprintf(&all, "%s %s\n", table, row)
		}
	}
	return all.String()
}
