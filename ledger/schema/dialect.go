package schema

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Dialect is the database spoken to.
type Dialect int

// The dialects.
const (
	PostgreSQL Dialect = iota + 1
	CockroachDB
)

// String names the dialect.
func (d Dialect) String() string {
	switch d {
	case PostgreSQL:
		return "PostgreSQL"
	case CockroachDB:
		return "CockroachDB"
	}
	return fmt.Sprintf("dialect %d", int(d))
}

// Detect asks the server what it is. It refuses a PostgreSQL older than 15.
func Detect(ctx context.Context, conn *pgx.Conn) (Dialect, error) {
	var version string
	if err := conn.QueryRow(ctx, "SELECT version()").Scan(&version); err != nil {
		return 0, fmt.Errorf("ask the database for its version: %w", err)
	}
	if strings.HasPrefix(version, "CockroachDB") {
		return CockroachDB, nil
	}
	var major int
	if _, err := fmt.Sscanf(version, "PostgreSQL %d", &major); err != nil {
		return 0, fmt.Errorf("the database calls itself %q, expected CockroachDB or PostgreSQL", version)
	}
	if major < 15 {
		return 0, fmt.Errorf("the database is PostgreSQL %d, expected 15 or later", major)
	}
	return PostgreSQL, nil
}

// HotParameters are the session settings of connections that post.
//
// On PostgreSQL sequential scans are off: inside a SERIALIZABLE transaction, a sequential scan of
// even a tiny table locks the whole relation against every other writer, and the planner prefers
// one for tiny tables. Keys are looked up one by one through the index: the planner cannot know how
// few they are, and would rather read the whole journal once.
//
// On both databases, a session that is idle in a transaction is ended, so that the lock of a
// vanished client does not last much longer than the client.
func (d Dialect) HotParameters() map[string]string {
	if d != PostgreSQL {
		return map[string]string{"idle_in_transaction_session_timeout": "30s"}
	}
	return map[string]string{
		"enable_seqscan":                      "off",
		"enable_bitmapscan":                   "off",
		"enable_hashjoin":                     "off",
		"enable_mergejoin":                    "off",
		"idle_in_transaction_session_timeout": "30s",
	}
}

// ReadStatement undoes, for one transaction that reads a lot, the hot parameters that would slow it
// down. It is empty where there is nothing to undo.
func (d Dialect) ReadStatement() string {
	if d != PostgreSQL {
		return ""
	}
	return "SELECT set_config(name, 'on', true) FROM unnest(ARRAY['enable_seqscan', 'enable_bitmapscan', 'enable_hashjoin', 'enable_mergejoin']) AS name"
}

// PassStatement begins a transaction that goes before others: those that hold a row that it needs
// are aborted. A transaction of CockroachDB aborts those of a lower priority. It is empty on
// PostgreSQL, whose sessions have to be ended one by one.
func (d Dialect) PassStatement() string {
	if d != CockroachDB {
		return ""
	}
	return "SET TRANSACTION PRIORITY HIGH"
}

// OtherFiles names the migrations that are not for this dialect: a file whose name ends in
// _postgresql.sql is for PostgreSQL alone.
func (d Dialect) OtherFiles(names []string) []string {
	if d == PostgreSQL {
		return nil
	}
	var others []string
	for _, name := range names {
		if strings.HasSuffix(name, "_postgresql.sql") {
			others = append(others, name)
		}
	}
	return others
}

// waitStatement selects in one line what session $1 waits for: on PostgreSQL the sessions that
// block it; on CockroachDB, which changes schemas in jobs, the running jobs.
func (d Dialect) waitStatement() string {
	if d == PostgreSQL {
		return `SELECT coalesce(string_agg(format('session %s of %s (%s): %s', pid, usename, state, left(query, 120)), '; '), '')
			FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids($1::INT4))`
	}
	return `SELECT coalesce(string_agg(job_type || ' ' || status || ': ' || description, '; '), '') FROM [SHOW JOBS]
		WHERE status IN ('pending', 'running') AND $1::INT8 IS NOT NULL`
}
