// Package bookstest makes empty books, with rules, for the tests of commands. They are on the one
// server of ledgertest, whose Main the package's tests should run.
package bookstest

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"testing"
	"time"

	"citycard/clearing/clearingtest"
	"citycard/clearing/rules"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/schema"
)

// New opens new, empty books in the data directory dir.
func New(t *testing.T) (b *books.Books, dir string) {
	t.Helper()
	return NewIn(t, new(service.Zone).Location())
}

// NewIn is New for a city in a zone.
func NewIn(t *testing.T, zone *time.Location) (b *books.Books, dir string) {
	t.Helper()
	return open(t, ledgertest.Empty(t), zone)
}

// Private opens empty books on a private server, for tests that change the server: its roles, its
// databases.
func Private(t *testing.T) *books.Books {
	t.Helper()
	b, _ := open(t, "", new(service.Zone).Location())
	return b
}

func open(t *testing.T, url string, zone *time.Location) (b *books.Books, dir string) {
	t.Helper()
	// In /tmp, because the private server's user must reach it.
	dir, err := os.MkdirTemp("", "citycard-books-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err = os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	if b, err = books.Open(t.Context(), url, dir, 4, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	set, err := clearingtest.Rules()
	if err == nil {
		err = (&rules.Store{Ledger: b.Ledger}).Found(t.Context(), set, zone, ledger.Approval{First: "test", At: time.Date(2020, 1, 1, 12, 0, 0, 0, zone)})
	}
	if err != nil {
		t.Fatal(err)
	}
	return b, dir
}

// Serve leaves the word that a process leaves which serves the books in a data directory, for
// commands. Those that only look have the role for that alone, unless that cannot be said in a URL.
// Those that act ask at the socket.
func Serve(b *books.Books, dir, socket string) error {
	look, err := url.Parse(b.URL)
	if err != nil {
		return err
	}
	if b.Dialect() == schema.PostgreSQL {
		query := look.Query()
		query.Set("role", schema.Reader)
		look.RawQuery = query.Encode()
	}
	return books.Running{Look: look.String(), Socket: socket}.Write(dir)
}

// Database is an empty database on the server that the tests are to use, or "" if each test has a
// private one.
func Database(t testing.TB) string {
	t.Helper()
	if os.Getenv(ledgertest.Server) == "" {
		return ""
	}
	return ledgertest.Empty(t)
}
