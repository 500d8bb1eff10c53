package ledgertest

import (
	"context"

	"github.com/jackc/pgx/v5"

	"citycard/ledger/schema"
)

// FetchedRows is the number of rows that the server at url has fetched from tables of its database,
// from all of them if none is named. It waits until no other session is left: a session's
// statistics are complete when it has ended. Only PostgreSQL has these; elsewhere it is 0.
func FetchedRows(t TB, url string, tables ...string) (rows int) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatalf("rows fetched: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	dialect, err := schema.Detect(ctx, conn)
	if err != nil {
		t.Fatalf("rows fetched: %v", err)
	}
	if dialect != schema.PostgreSQL {
		return 0
	}
	for others := 1; others > 0; {
		if err := conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
			AND backend_type = 'client backend'`).Scan(&others); err != nil {
			t.Fatalf("rows fetched: %v", err)
		}
	}
	if err := conn.QueryRow(ctx, `SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::INT8 FROM pg_stat_user_tables
		WHERE cardinality($1::TEXT[]) = 0 OR relname = ANY ($1)`, append([]string{}, tables...)).Scan(&rows); err != nil {
		t.Fatalf("rows fetched: %v", err)
	}
	return rows
}
