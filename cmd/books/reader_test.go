package books_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/service"
	"citycard/ledger/schema"
)

// readerTest is a private server, whose roles the test may change.
type readerTest struct {
	*testing.T
	admin *pgx.Conn
}

func (r readerTest) connect(at string) *pgx.Conn {
	r.Helper()
	conn, err := pgx.Connect(r.Context(), at)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (r readerTest) exec(conn *pgx.Conn, statements ...string) {
	r.Helper()
	for _, statement := range statements {
		if _, err := conn.Exec(r.Context(), statement); err != nil {
			r.Fatalf("%s: %v", statement, err)
		}
	}
}

func (r readerTest) wantDenied(conn *pgx.Conn, statement string) {
	r.Helper()
	_, err := conn.Exec(r.Context(), statement)
	if pg := (*pgconn.PgError)(nil); !errors.As(err, &pg) || pg.Code != "42501" {
		r.Errorf("%s: %v, want that it is denied", statement, err)
	}
}

// TestReader looks into private books with the URL of those who look: they read every table that is
// not closed, and change none.
func TestReader(t *testing.T) {
	b := bookstest.Private(t)
	r := readerTest{t, nil}
	r.admin = r.connect(b.URL)
	reader := r.connect(b.Look)
	open, closed, err := schema.Tables(books.Sets()...)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := r.admin.Query(t.Context(), "SELECT table_name::TEXT FROM information_schema.tables WHERE table_schema = 'public'")
	if err != nil {
		t.Fatal(err)
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if slices.Contains(open, table) == slices.Contains(closed, table) {
			t.Errorf("table %s must be open to those who look, or closed to them", table)
		}
		if slices.Contains(open, table) {
			r.exec(reader, "SELECT * FROM "+table+" LIMIT 1")
		} else {
			r.wantDenied(reader, "SELECT 1 FROM "+table)
		}
		r.wantDenied(reader, "DELETE FROM "+table)
	}
	if len(open)+len(closed) != len(tables) || len(closed) != 5 {
		t.Errorf("%d tables, of which %d should be open and %d closed", len(tables), len(open), len(closed))
	}
	r.wantDenied(reader, "CREATE TABLE mine (a INT8)")
	r.wantDenied(reader, "SET ROLE citycard")
	r.noSecrets(open)

	if err := books.CheckLook(t.Context(), b.Look); err != nil {
		t.Error(err)
	}
	if err := books.CheckLook(t.Context(), b.URL); err == nil || !strings.Contains(err.Error(), "may do more than look") {
		t.Errorf("the owner as one who looks: %v", err)
	}
}

// noSecrets looks for columns of open tables whose names say that they should be closed.
func (r readerTest) noSecrets(open []string) {
	r.Helper()
	secret := regexp.MustCompile(`sealed|secret|password|^hash$`)
	// Hashes of what is public, and of no token.
	known := []string{"accounts.hash", "audit.hash", "audit_end.hash", "document_contents.hash", "edition_documents.hash", "journal.hash", "pension_originals.hash", "proposals.hash", "used_statements.hash"}
	rows, err := r.admin.Query(r.Context(), "SELECT table_name::TEXT, column_name::TEXT FROM information_schema.columns WHERE table_schema = 'public' AND table_name = ANY($1)", open)
	if err != nil {
		r.Fatal(err)
	}
	var table, column string
	_, err = pgx.ForEachRow(rows, []any{&table, &column}, func() error {
		if secret.MatchString(column) && !slices.Contains(known, table+"."+column) {
			r.Errorf("%s.%s is open to those who look: is it something that they may see?", table, column)
		}
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
}

// TestReaderIsKept migrates databases in which the role has too few rights or too many, as a user
// who may put them right and as one who may not.
func TestReaderIsKept(t *testing.T) {
	b := bookstest.Private(t)
	r := readerTest{t, nil}
	r.admin = r.connect(b.URL)
	r.exec(r.admin, "CREATE ROLE other LOGIN PASSWORD 'other'", "CREATE DATABASE town OWNER other")
	at := func(user string) string {
		u, err := url.Parse(b.URL)
		if err != nil {
			t.Fatal(err)
		}
		if u.Path = "/town"; user != "" {
			u.User = url.UserPassword(user, user)
		}
		return u.String()
	}
	migrate := func(user string) string {
		t.Helper()
		var said bytes.Buffer
		if _, err := schema.Migrate(t.Context(), at(user), slog.New(slog.NewTextHandler(&said, nil)), books.Sets()...); err != nil {
			t.Fatal(err)
		}
		return said.String()
	}
	rights := func() (all []string) {
		t.Helper()
		r, err := schema.ReaderRights(t.Context(), r.connect(at("")), books.Sets()...)
		if err != nil {
			t.Fatal(err)
		}
		return r.Statements()
	}
	if said := migrate("other"); strings.Contains(said, "administrator") || len(rights()) != 0 {
		t.Errorf("the owner, with a role that is there: %v; %s", rights(), said)
	}
	town := r.connect(at("other"))
	r.exec(town, "REVOKE SELECT ON days, batches FROM citycard_reader", "GRANT SELECT, UPDATE ON persons TO citycard_reader")
	if got := rights(); !slices.Equal(got, []string{"GRANT SELECT ON batches, days TO citycard_reader", "REVOKE ALL ON persons FROM citycard_reader"}) {
		t.Errorf("with other rights: %q", got)
	}
	if said := migrate("other"); said != "" || len(rights()) != 0 {
		t.Errorf("put right: %v; %s", rights(), said)
	}

	// A user who may not says what has to be typed, and goes on.
	r.exec(r.admin, "CREATE ROLE third LOGIN PASSWORD 'third'")
	r.exec(town, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO third", "REVOKE SELECT ON days FROM citycard_reader")
	if said := migrate("third"); strings.Count(said, "\n") != 1 || !strings.Contains(said, `sql="GRANT SELECT ON days TO citycard_reader;"`) {
		t.Errorf("a user without the right: %s", said)
	}
	r.exec(r.connect(at("")), "DROP OWNED BY citycard_reader")
	r.exec(r.admin, "DROP OWNED BY citycard_reader", "DROP ROLE citycard_reader")
	if said := migrate("other"); strings.Count(said, "\n") != 1 || !strings.Contains(said, "CREATE ROLE citycard_reader; GRANT SELECT ON ") {
		t.Errorf("the owner, who may make no role: %s", said)
	}
	if said := migrate(""); said != "" || len(rights()) != 0 {
		t.Errorf("the administrator: %v; %s", rights(), said)
	}
}

// TestReadersOwnBooks opens books with nothing running: who reads has the role's rights alone, who
// verifies reads all, and who reads beside a process that names no database is refused.
func TestReadersOwnBooks(t *testing.T) {
	data, err := os.MkdirTemp("", "citycard-reader-") // which the private server's user can reach
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(data) })
	quiet := slog.New(slog.DiscardHandler)
	begin := func() error {
		dir, err := service.OpenDataDir(data, books.DataPurpose)
		if err != nil {
			return err
		}
		b, err := books.Open(t.Context(), "", data, 2, quiet)
		if err != nil {
			return errors.Join(err, dir.Close())
		}
		return errors.Join(b.OpenDay(t.Context(), 20260105), b.Close(t.Context()), dir.Close())
	}
	if err := begin(); err != nil {
		t.Fatal(err)
	}
	for right, denied := range map[books.Right]bool{books.ToRead: true, books.ToVerify: false} {
		b, err := books.Find(t.Context(), right, "", data, quiet)
		if err != nil {
			t.Fatal(err)
		}
		var n int
		err = b.Pool().QueryRow(t.Context(), "SELECT count(*) FROM persons").Scan(&n)
		if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && pg.Code == "42501" != denied || err != nil && !denied || err == nil && denied {
			t.Errorf("right %d, persons: %v", right, err)
		}
		if err := b.Pool().QueryRow(t.Context(), "SELECT count(*) FROM days").Scan(&n); err != nil || n != 1 {
			t.Errorf("right %d, days: %d, %v", right, n, err)
		}
		if _, err := b.Pool().Exec(t.Context(), "DELETE FROM days"); err == nil {
			t.Errorf("right %d changes something", right)
		}
		if err := b.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}

	dir, err := service.OpenDataDir(data, books.DataPurpose)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }()
	if err := (books.Running{Kafka: "127.0.0.1:1"}).Write(data); err != nil {
		t.Fatal(err)
	}
	for _, right := range []books.Right{books.ToRead, books.ToChange} {
		if _, err := books.Find(t.Context(), right, "", data, quiet); err == nil || !strings.Contains(err.Error(), "names no database for this command; give --db") {
			t.Errorf("right %d beside a process that names none: %v", right, err)
		}
	}
}
