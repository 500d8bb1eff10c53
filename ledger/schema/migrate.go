package schema

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var files embed.FS

// VersionTable is where the ledger's own migrations are counted.
const VersionTable = "ledger_migrations"

// Apply brings the ledger's tables of the database at url up to date and says which dialect it speaks.
func Apply(ctx context.Context, url string) (Dialect, error) {
	migrations, err := fs.Sub(files, "migrations")
	if err != nil {
		return 0, fmt.Errorf("ledger migrations: %w", err)
	}
	dialect, err := Migrate(ctx, url, migrations, VersionTable)
	if err != nil {
		return 0, err
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, fmt.Errorf("connect to the database: %w", err)
	}
	for _, statement := range dialect.storage() {
		if _, execErr := conn.Exec(ctx, statement); execErr != nil {
			return 0, errors.Join(fmt.Errorf("%s: %w", statement, execErr), conn.Close(ctx))
		}
	}
	return dialect, conn.Close(ctx)
}

// Migrate applies the numbered SQL files (goose format, NNNNN_name.sql, forward only) in the root of migrations to the
// database at url, counting them in the given table. On PostgreSQL two processes that start together take turns; CockroachDB has
// no advisory locks, so there one process at a time must migrate.
func Migrate(ctx context.Context, url string, migrations fs.FS, table string) (Dialect, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return 0, fmt.Errorf("database URL: %w", err)
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return 0, fmt.Errorf("connect to the database: %w", err)
	}
	dialect, err := Detect(ctx, conn)
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return 0, err
	}
	db := stdlib.OpenDB(*config)
	if err = errors.Join(up(ctx, db, dialect, migrations, table), db.Close()); err != nil {
		return 0, fmt.Errorf("migrate %s: %w", table, err)
	}
	return dialect, nil
}

func up(ctx context.Context, db *sql.DB, dialect Dialect, migrations fs.FS, table string) error {
	options := []goose.ProviderOption{goose.WithTableName(table), goose.WithDisableGlobalRegistry(true)}
	if dialect == PostgreSQL {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations, options...)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}
