package schema

import "fmt"

// versions makes goose record migrations in a table of ours. Goose's own table for PostgreSQL has
// an identity column. On an older CockroachDB that is a sequence, and the first row, inserted in
// the transaction that made the sequence, would wait for it for ever.
type versions struct{}

func (versions) CreateTable(table string) string {
	return fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %s (
		version_id INT8 PRIMARY KEY,
		is_applied BOOL NOT NULL,
		tstamp TIMESTAMP NOT NULL DEFAULT now()
	)`, table)
}

func (versions) InsertVersion(table string) string {
	return fmt.Sprintf("INSERT INTO %s (version_id, is_applied) VALUES ($1, $2) ON CONFLICT (version_id) DO NOTHING", table)
}

func (versions) DeleteVersion(table string) string {
	return fmt.Sprintf("DELETE FROM %s WHERE version_id = $1", table)
}

func (versions) GetMigrationByVersion(table string) string {
	return fmt.Sprintf("SELECT tstamp, is_applied FROM %s WHERE version_id = $1", table)
}

func (versions) ListMigrations(table string) string {
	return fmt.Sprintf("SELECT version_id, is_applied FROM %s ORDER BY version_id DESC", table)
}

func (versions) GetLatestVersion(table string) string {
	return fmt.Sprintf("SELECT max(version_id) FROM %s", table)
}
