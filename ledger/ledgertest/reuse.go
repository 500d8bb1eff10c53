package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// emptyLimit is how long a database may take to become empty for the next test.
const emptyLimit = time.Minute

// spares are databases of CockroachDB that a test no longer needs and the next one may use. A new
// database takes some 35 changes of its schema, each a job of its own, 8 to 10 seconds in all. To
// empty one takes a tenth of a second.
type spares struct {
	free   []*url.URL
	tables map[string]string // what each table must look like to be used again
	filled []string          // the tables that a migrated database has rows in
}

// take returns a spare database, or nil.
func (s *spares) take() *url.URL {
	if len(s.free) == 0 {
		return nil
	}
	at := s.free[len(s.free)-1]
	s.free = s.free[:len(s.free)-1]
	return at
}

// learn notes what the migrated template is like.
func (s *spares) learn(ctx context.Context, template string) error {
	conn, err := pgx.Connect(ctx, template)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if s.tables, err = describeTables(ctx, conn); err != nil {
		return err
	}
	for table := range s.tables {
		var rows int
		if err := conn.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&rows); err != nil {
			return err
		}
		if rows > 0 {
			s.filled = append(s.filled, table)
		}
	}
	slices.Sort(s.filled)
	return nil
}

// errAltered says that a test has altered tables; the next test cannot use the database.
var errAltered = errors.New("a table is not what the migrations made")

// empty brings the database back to what the migrations made. Tables that the template does not
// have belong to other migrations; they stay, emptied.
func (s *spares) empty(ctx context.Context, at *url.URL, template string) error {
	ctx, cancel := context.WithTimeout(ctx, emptyLimit)
	defer cancel()
	config, err := pgx.ParseConfig(at.String())
	if err != nil {
		return err
	}
	name := config.RuntimeParams["application_name"]
	config.RuntimeParams["application_name"] = "citycard_test_spares"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := cutSessions(ctx, conn, name); err != nil {
		return err
	}
	tables, err := describeTables(ctx, conn)
	if err != nil {
		return err
	}
	for table, looks := range s.tables {
		if tables[table] != looks {
			return fmt.Errorf("%s: %w", table, errAltered)
		}
	}
	for table := range tables {
		if s.tables[table] == "" && strings.HasSuffix(table, "_migrations") {
			continue // what is counted there is there
		}
		if err := deleteRows(ctx, conn, table); err != nil {
			return fmt.Errorf("empty %s: %w", table, err)
		}
	}
	for _, table := range s.filled {
		if _, err := conn.Exec(ctx, fmt.Sprintf("INSERT INTO %s SELECT * FROM %s.public.%[1]s", table, template)); err != nil {
			return fmt.Errorf("fill %s: %w", table, err)
		}
	}
	return nil
}

// cutSessions ends the sessions that a test of cut connections may have left, and waits until they
// have ended; otherwise they could still commit.
func cutSessions(ctx context.Context, conn *pgx.Conn, name string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		var left int
		err := conn.QueryRow(ctx, "SELECT count(*) FROM [SHOW SESSIONS] WHERE application_name = $1", name).Scan(&left)
		if err != nil || left == 0 {
			return err
		}
		_, err = conn.Exec(ctx, "CANCEL SESSIONS IF EXISTS SELECT session_id FROM [SHOW SESSIONS] WHERE application_name = $1", name)
		if err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d sessions of the test stay: %w", left, ctx.Err())
		}
	}
}

// deleteRows deletes in parts, so that no transaction grows too large.
func deleteRows(ctx context.Context, conn *pgx.Conn, table string) error {
	const part = 5000
	for {
		tag, err := conn.Exec(ctx, fmt.Sprintf("DELETE FROM %s LIMIT %d", table, part))
		if err != nil || tag.RowsAffected() < part {
			return err
		}
	}
}

// describeTables gives each table's columns and indexes in one text.
func describeTables(ctx context.Context, conn *pgx.Conn) (map[string]string, error) {
	rows, err := conn.Query(ctx, `SELECT table_name, column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') AS looks
		FROM information_schema.columns WHERE table_schema = 'public' AND table_name IN (SELECT tablename FROM pg_tables WHERE schemaname = 'public')
		UNION ALL SELECT tablename, replace(indexdef, current_database(), '') FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2`)
	if err != nil {
		return nil, err
	}
	tables := map[string]string{}
	var table, looks string
	_, err = pgx.ForEachRow(rows, []any{&table, &looks}, func() error {
		tables[table] += looks + "\n"
		return nil
	})
	return tables, err
}
