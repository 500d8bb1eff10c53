package schema

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Reader is the database role of those who look: it may read every table of the sets but the closed
// ones, and change nothing.
const Reader = "citycard_reader"

// Rights are what the role Reader has to be given in a database, and what has to be taken from it.
type Rights struct {
	Missing bool     // the role has to be made
	Grant   []string // tables and views that it cannot read yet
	Revoke  []string // closed tables that it can read
}

// Statements are the SQL that puts the rights right; none if they are.
func (r *Rights) Statements() (statements []string) {
	if r.Missing {
		statements = append(statements, "CREATE ROLE "+Reader)
	}
	if len(r.Grant) > 0 {
		statements = append(statements, "GRANT SELECT ON "+strings.Join(r.Grant, ", ")+" TO "+Reader)
	}
	if len(r.Revoke) > 0 {
		statements = append(statements, "REVOKE ALL ON "+strings.Join(r.Revoke, ", ")+" FROM "+Reader)
	}
	return statements
}

// ReaderRights compares the rights of the role Reader with those that it should have to the tables
// of the sets, as far as they are there. It changes nothing.
func ReaderRights(ctx context.Context, conn *pgx.Conn, sets ...Set) (r Rights, err error) {
	if err = conn.QueryRow(ctx, "SELECT NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = $1)", Reader).Scan(&r.Missing); err != nil {
		return r, fmt.Errorf("look for the role %s: %w", Reader, err)
	}
	open, closed, err := Tables(sets...)
	if err != nil {
		return r, err
	}
	if r.Missing {
		r.Grant, err = present(ctx, conn, open, "TRUE")
		return r, err
	}
	if r.Grant, err = present(ctx, conn, open, "NOT has_table_privilege('"+Reader+"', c.oid, 'SELECT')"); err == nil {
		r.Revoke, err = present(ctx, conn, closed, "has_table_privilege('"+Reader+"', c.oid, 'SELECT')")
	}
	return r, err
}

// present lists those of the names that are tables or views of the database and for which the
// condition holds; in it, c.oid is the table.
func present(ctx context.Context, conn *pgx.Conn, names []string, condition string) ([]string, error) {
	rows, err := conn.Query(ctx, `SELECT c.relname::TEXT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'v') AND c.relname = ANY($1) AND (`+condition+`) ORDER BY 1`, names)
	var found []string
	if err == nil {
		found, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return nil, fmt.Errorf("ask for rights to tables: %w", err)
	}
	return found, nil
}

// Excess lists the tables and views of the sets to which the user of a connection has rights that
// the role Reader has not.
func Excess(ctx context.Context, conn *pgx.Conn, sets ...Set) ([]string, error) {
	open, closed, err := Tables(sets...)
	if err != nil {
		return nil, err
	}
	const changes = "has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE')"
	more, err := present(ctx, conn, open, changes)
	if err != nil {
		return nil, err
	}
	personal, err := present(ctx, conn, closed, changes+" OR has_table_privilege(c.oid, 'SELECT')")
	return append(more, personal...), err
}

// Tables are the tables and views that the sets make and keep, with those in which migrations are
// counted: open to the role Reader, or closed to it.
func Tables(sets ...Set) (open, closed []string, err error) {
	open = append(open, "migrating")
	for _, set := range sets {
		steps, err := set.steps(PostgreSQL)
		if err != nil {
			return nil, nil, err
		}
		open = append(open, set.Table)
		for _, step := range steps {
			for _, statement := range step.Statements {
				if names, drops := strings.CutPrefix(statement, "DROP TABLE IF EXISTS "); drops {
					gone := strings.Split(strings.TrimRight(names, ";\n "), ", ")
					open = slices.DeleteFunc(open, func(name string) bool { return slices.Contains(gone, name) })
				}
				switch name := made(statement); {
				case name == "":
				case slices.Contains(set.Closed, name):
					closed = append(closed, name)
				default:
					open = append(open, name)
				}
			}
		}
	}
	return open, closed, nil
}

// made is the table or view that a statement makes; empty if it makes none.
func made(statement string) string {
	for _, makes := range []string{"CREATE TABLE IF NOT EXISTS ", "CREATE OR REPLACE VIEW "} {
		if name, ok := strings.CutPrefix(statement, makes); ok {
			name, _, _ = strings.Cut(name, " ")
			return name
		}
	}
	return ""
}

// keepReader makes the role Reader if there is none, and gives it its rights. Where this user may
// not do so, the log says what somebody has to type who may.
func keepReader(ctx context.Context, conn *pgx.Conn, log *slog.Logger, sets []Set) error {
	// SQLSTATEs met when another session does the same at the same moment.
	collisions := []string{"42710", "23505", "XX000", "40001"}
	var before []string
	for tries := 1; ; tries++ {
		rights, err := ReaderRights(ctx, conn, sets...)
		statements := rights.Statements()
		if err != nil || len(statements) == 0 {
			return err
		}
		if slices.Equal(statements, before) {
			return askAdministrator(ctx, log, statements, nil)
		}
		var pg *pgconn.PgError
		switch err = execAll(ctx, conn, statements); {
		case err == nil:
			before = statements
		case !errors.As(err, &pg):
			return err
		case pg.Code == "42501" || pg.Code == "25006":
			return askAdministrator(ctx, log, statements, pg)
		case !slices.Contains(collisions, pg.Code) || tries == 20:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func askAdministrator(ctx context.Context, log *slog.Logger, statements []string, why error) error {
	log.WarnContext(ctx, "the role for those who look has not its rights; the database's administrator must type this", "sql", strings.Join(statements, "; ")+";", "why", why)
	return nil
}

func execAll(ctx context.Context, conn *pgx.Conn, statements []string) error {
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("give %s its rights: %w", Reader, err)
		}
	}
	return nil
}
