// Package schema holds the tables that clearing keeps beside the ledger's, as
// numbered SQL files, applied forward only by the ledger's own means.
package schema

import (
	"context"
	"embed"
	"log/slog"

	"citycard/ledger/schema"
)

//go:embed migrations/*.sql
var files embed.FS

// VersionTable is where clearing's migrations are counted.
const VersionTable = "clearing_migrations"

// Clearing is the set of clearing's own tables.
func Clearing() schema.Set {
	return schema.Set{
		Name: "clearing", Table: VersionTable, Files: files, Dir: "migrations",
		Closed: []string{"persons", "person_rejects", "person_parts", "staff_tokens", "credentials"},
	}
}

// Apply brings clearing's tables of the database at url up to date.
func Apply(ctx context.Context, url string) error {
	_, err := schema.Migrate(ctx, url, slog.New(slog.DiscardHandler), Clearing())
	return err
}
