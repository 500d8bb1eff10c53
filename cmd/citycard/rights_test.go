package main

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/schema"
)

// TestRights runs commands as the database's owner, writer, verifier and reader, with the rights
// that docs/configuration.md grants, and on databases that are empty, missing, older and newer:
// testdata/rights.
func TestRights(t *testing.T) {
	r := &rightsTest{T: t, server: bookstest.Private(t).URL}
	r.exec("citycard", "DROP OWNED BY citycard_reader", "DROP ROLE citycard_reader") // those of the private database
	r.grant()
	owner, err := books.Open(t.Context(), r.url("city", "citycard_owner"), "", 4, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close(context.Background()) }()
	writer, err := books.Open(t.Context(), r.url("city", "citycard_writer"), "", 4, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close(context.Background()) }()
	fillBooks(t, writer.Ledger)
	people := staffed(t, writer.Ledger)

	r.exec("citycard", "CREATE DATABASE empty OWNER citycard_owner", "CREATE DATABASE newer OWNER citycard_owner", "CREATE DATABASE older OWNER citycard_owner")
	for _, name := range []string{"newer", "older"} {
		if _, err := schema.Migrate(t.Context(), r.url(name, "citycard_owner"), slog.New(slog.DiscardHandler), books.Sets()...); err != nil {
			t.Fatal(err)
		}
	}
	r.exec("newer", "INSERT INTO clearing_migrations (version_id, is_applied) VALUES (9999, true)")
	r.exec("older", "DELETE FROM ledger_migrations WHERE version_id > 2")
	r.execAs("older", "citycard_owner", r.statements("../../docs/operations.md", 1)[0]...)

	signer, _ := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey)
	scripts(t, testscript.Params{Dir: "testdata/rights", Cmds: staffCommands(), Setup: func(e *testscript.Env) error {
		people(e)
		for name, value := range map[string]string{
			"EMPTY": r.url("empty", "citycard_owner"), "MISSING": r.url("missing", "citycard"), "NEWER": r.url("newer", "citycard_owner"),
			"OLDER": r.url("older", "citycard_owner"), "READER_OF_OLDER": r.url("older", "citycard_reader"), "WRITER_OF_OLDER": r.url("older", "citycard_writer"),
			"READER": r.url("city", "citycard_reader"), "VERIFIER": r.url("city", "citycard_verifier"), "WRITER": r.url("city", "citycard_writer"),
			"READONLY": r.url("city", "citycard_owner") + "&default_transaction_read_only=on",
			"SIGNER":   hex.EncodeToString(signer), "CITYCARD_KEYS_PASSPHRASE": "secret",
		} {
			e.Setenv(name, value)
		}
		for name, user := range map[string]string{
			"READER_DATA": "citycard_reader", "VERIFIER_DATA": "citycard_verifier", "WRITER_DATA": "citycard_writer",
		} {
			e.Setenv(name, r.served(user))
		}
		e.Defer(func() {
			if n := r.tables("empty"); n != 0 {
				t.Errorf("%d tables were made in the empty database", n)
			}
		})
		return nil
	}})
}

// served is a data directory whose books are served by a user of the city's database.
func (r *rightsTest) served(user string) string {
	r.Helper()
	dir := r.TempDir()
	pool, dialect, err := ledger.Connect(r.Context(), r.url("city", user), 4)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(pool.Close)
	serveBooks(r.T, &books.Books{Ledger: ledger.New(pool, dialect), URL: r.url("city", user)}, &server.Settings{Common: service.Common{Data: dir}})
	return dir
}

type rightsTest struct {
	*testing.T
	server string
}

// url is the address of a database of the server for a user; in the test the password equals the
// user's name.
func (r *rightsTest) url(database, user string) string {
	r.Helper()
	at, err := url.Parse(r.server)
	if err != nil {
		r.Fatal(err)
	}
	at.Path = "/" + database
	if user != "citycard" {
		at.User = url.UserPassword(user, user)
	}
	return at.String()
}

func (r *rightsTest) exec(database string, statements ...string) {
	r.Helper()
	r.execAs(database, "citycard", statements...)
}

func (r *rightsTest) execAs(database, user string, statements ...string) {
	r.Helper()
	conn, err := pgx.Connect(r.Context(), r.url(database, user))
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for _, statement := range statements {
		if _, err := conn.Exec(r.Context(), statement); err != nil {
			r.Fatalf("%s: %v", statement, err)
		}
	}
}

func (r *rightsTest) tables(database string) (n int) {
	r.Helper()
	conn, err := pgx.Connect(context.Background(), r.url(database, "citycard"))
	if err != nil {
		r.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.QueryRow(context.Background(), "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").Scan(&n); err != nil {
		r.Fatal(err)
	}
	return n
}

// statements returns the SQL statements of a page, which must have the wanted number of SQL blocks.
func (r *rightsTest) statements(page string, want int) (blocks [][]string) {
	r.Helper()
	for _, part := range strings.Split(readFile(r.T, page), "```sql\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, strings.Split(strings.TrimSuffix(strings.TrimSpace(block), ";"), ";\n"))
	}
	if len(blocks) != want {
		r.Fatalf("%s has %d blocks of SQL, expected %d", page, len(blocks), want)
	}
	return blocks
}

// grant runs the statements of docs/configuration.md one by one: the first block by the server's
// administrator, the second by the owner in the new database.
func (r *rightsTest) grant() {
	r.Helper()
	blocks := r.statements("../../docs/configuration.md", 2)
	r.exec("citycard", blocks[0]...)
	for _, user := range []string{"citycard_owner", "citycard_writer", "citycard_verifier", "citycard_reader"} {
		r.exec("citycard", "ALTER ROLE "+user+" PASSWORD '"+user+"'")
	}
	r.execAs("city", "citycard_owner", blocks[1]...)
}
