package schema_test

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"citycard/ledger/ledgertest"
	"citycard/ledger/schema"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { ledgertest.Main(m) }

var quiet = slog.New(slog.DiscardHandler)

// TestInterrupted cuts the migrations short after each of their statements.
func TestInterrupted(t *testing.T) { ledgertest.Interrupted(t, schema.Ledger()) }

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec(t *testing.T, conn *pgx.Conn, statement string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// TestNothingCounted is a start that was cut between the table of versions and its first row.
func TestNothingCounted(t *testing.T) {
	url := ledgertest.Empty(t)
	conn := connect(t, url)
	exec(t, conn, "CREATE TABLE "+schema.VersionTable+" (version_id INT8 PRIMARY KEY, is_applied BOOL NOT NULL, tstamp TIMESTAMP NOT NULL DEFAULT now())")
	if err := schema.Check(t.Context(), conn, schema.Ledger()); !errors.Is(err, schema.ErrOlder) {
		t.Errorf("before: %v, expected older tables", err)
	}
	if _, err := schema.Apply(t.Context(), url); err != nil {
		t.Fatal(err)
	}
	if err := schema.Check(t.Context(), conn, schema.Ledger()); err != nil {
		t.Errorf("after: %v", err)
	}
}

// TestCheck looks at databases that are empty, older, newer and right, and leaves each as it was.
func TestCheck(t *testing.T) {
	empty := connect(t, ledgertest.Empty(t))
	if err := schema.Check(t.Context(), empty, schema.Ledger()); !errors.Is(err, schema.ErrNoTables) {
		t.Errorf("an empty database: %v", err)
	}
	if pending, err := schema.Pending(t.Context(), empty, schema.Ledger()); err != nil || len(pending) < 4 || pending[0].Statements[0] != "CREATE TABLE IF NOT EXISTS chart" {
		t.Errorf("pending in an empty database: %v %v", pending, err)
	}
	var tables int
	if err := empty.QueryRow(t.Context(), "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'").Scan(&tables); err != nil || tables != 0 {
		t.Errorf("after a look an empty database has %d tables (%v)", tables, err)
	}

	url := ledgertest.New(t)
	conn := connect(t, url)
	if err := schema.Check(t.Context(), conn, schema.Ledger()); err != nil {
		t.Errorf("a migrated database: %v", err)
	}
	if pending, err := schema.Pending(t.Context(), conn, schema.Ledger()); err != nil || len(pending) != 0 {
		t.Errorf("pending in a migrated database: %v %v", pending, err)
	}
	other := schema.Set{Name: "other", Table: "other_migrations", Files: fstest.MapFS{"00001_other.sql": {Data: []byte("-- +goose Up\nCREATE TABLE IF NOT EXISTS other (one INT8);")}}, Dir: "."}
	if err := schema.Check(t.Context(), conn, schema.Ledger(), other); !errors.Is(err, schema.ErrOlder) {
		t.Errorf("a database without the second set's tables: %v", err)
	}

	exec(t, conn, "INSERT INTO "+schema.VersionTable+" (version_id, is_applied) VALUES (99, true)")
	var version *schema.VersionError
	if err := schema.Check(t.Context(), conn, schema.Ledger()); !errors.As(err, &version) || version.Err != schema.ErrNewer || version.Found != 99 || version.Known < 4 {
		t.Errorf("a newer database: %v", err)
	}
	if _, err := schema.Apply(t.Context(), url); !errors.Is(err, schema.ErrNewer) {
		t.Errorf("to migrate a newer database: %v", err)
	}
	exec(t, conn, "DELETE FROM "+schema.VersionTable+" WHERE version_id > 3")
	if err := schema.Check(t.Context(), conn, schema.Ledger()); !errors.As(err, &version) || version.Err != schema.ErrOlder || version.Found != 3 {
		t.Errorf("an older database: %v", err)
	}
}

// TestTogether migrates one database by eight at once, each step of which would fail if two did it.
func TestTogether(t *testing.T) {
	url := ledgertest.Empty(t)
	once := schema.Set{Name: "once", Table: "once_migrations", Dir: ".", Files: fstest.MapFS{
		"00001_once.sql":  {Data: []byte("-- +goose Up\nCREATE TABLE once (one INT8 PRIMARY KEY);\nINSERT INTO once (one) VALUES (1);")},
		"00002_twice.sql": {Data: []byte("-- +goose Up\nCREATE TABLE twice (one INT8 PRIMARY KEY);\nINSERT INTO once (one) VALUES (2);")},
	}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := schema.Migrate(t.Context(), url, quiet, once); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestSaysWhatItWaitsFor holds a table that a migration needs until the log has said so.
func TestSaysWhatItWaitsFor(t *testing.T) {
	url := ledgertest.Empty(t)
	holder := connect(t, url)
	if dialect, err := schema.Detect(t.Context(), holder); err != nil || dialect != schema.PostgreSQL {
		t.Skipf("blocks as PostgreSQL does (%v %v)", dialect, err)
	}
	exec(t, holder, "CREATE TABLE held (one INT8)")
	exec(t, holder, "BEGIN")
	exec(t, holder, "LOCK TABLE held")
	said := make(notices, 100)
	done := make(chan error, 1)
	go func() {
		set := schema.Set{Name: "held", Table: "held_migrations", Dir: ".", Files: fstest.MapFS{
			"00001_held.sql": {Data: []byte("-- +goose Up\nALTER TABLE held ADD COLUMN IF NOT EXISTS two INT8;")},
		}}
		_, err := schema.MigratePatiently(t.Context(), url, slog.New(slog.NewTextHandler(said, nil)), 50*time.Millisecond, set)
		done <- err
	}()
	var line string
	for !strings.Contains(line, "ALTER TABLE held") { // on a busy machine it also waits for other statements
		select {
		case line = <-said:
		case err := <-done:
			t.Fatalf("ended with %v", err)
		}
	}
	if !regexp.MustCompile(`the migration waits.*ALTER TABLE held ADD COLUMN.*session \d+ of citycard \(idle in transaction\): LOCK TABLE held`).MatchString(line) {
		t.Errorf("the log says %s", line)
	}
	exec(t, holder, "ROLLBACK")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// notices is a log that hands its lines on.
type notices chan string

func (n notices) Write(line []byte) (int, error) {
	n <- strings.TrimSpace(string(line))
	return len(line), nil
}
