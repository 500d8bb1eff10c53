// Package schema holds the tables that clearing keeps beside the ledger's, as
// numbered SQL files, applied forward only by the ledger's own means.
package schema

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	ledgerschema "citycard/ledger/schema"
)

//go:embed migrations/*.sql
var files embed.FS

// VersionTable is where clearing's migrations are counted.
const VersionTable = "clearing_migrations"

// Apply brings clearing's tables of the database at url up to date.
func Apply(ctx context.Context, url string) error {
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		return fmt.Errorf("clearing migrations: %w", err)
	}
	_, err = ledgerschema.Migrate(ctx, url, migrations, VersionTable)
	return err
}
