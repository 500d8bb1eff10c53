package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	peopleapi "citycard/clearing/people/api"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
)

// TestServed has people act through the socket of a process that serves: testdata/served.
func TestServed(t *testing.T) {
	b, _ := bookstest.New(t)
	fillBooks(t, b.Ledger)
	people := staffed(t, b.Ledger)
	dir := t.TempDir()
	serveBooks(t, b, &server.Settings{Common: service.Common{Data: dir}})
	word, _ := books.ReadRunning(dir)
	word.Look = ""
	if err := word.Write(dir); err != nil {
		t.Fatal(err)
	}
	scripts(t, testscript.Params{Dir: "testdata/served", Cmds: staffCommands(), Setup: func(e *testscript.Env) error {
		e.Setenv("DATA", dir)
		people(e)
		return nil
	}})
}

// serveBooks serves books in a data directory as citycard serve does, as far as commands need it:
// with keys under the passphrase secret, which may be TEST masters, and with the Kafka of the
// settings.
func serveBooks(t *testing.T, b *books.Books, s *server.Settings) *peopleapi.Client {
	t.Helper()
	dir := t.TempDir()
	s.Demo, s.Passphrase = true, filepath.Join(dir, "passphrase")
	if err := os.WriteFile(s.Passphrase, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	program := s.Alone(b.Ledger, slog.New(slog.DiscardHandler))
	socket, stop, err := server.ServeAlone(t.Context(), program)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // scripts end later than the function that runs them
		if err := stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := bookstest.Serve(b, s.Data, socket); err != nil {
		t.Fatal(err)
	}
	return peopleapi.AtSocket(socket, language.Language{})
}
