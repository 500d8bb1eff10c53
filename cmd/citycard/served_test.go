package main

import (
	"context"
	"log/slog"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	peopleapi "citycard/clearing/people/api"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
)

// TestServed has people act through the socket of a process that serves: testdata/served.
func TestServed(t *testing.T) {
	b, _ := bookstest.New(t)
	fillBooks(t, b.Ledger)
	people := staffed(t, b.Ledger)
	dir := t.TempDir()
	api, err := server.NewPeople(b.Ledger, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	stop, err := server.ServePeople(t.Context(), api, dir, func(err error) { t.Error(err) }, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the script ends later than this function
		if err := stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := (books.Running{Socket: peopleapi.SocketPath(dir)}).Write(dir); err != nil {
		t.Fatal(err)
	}
	scripts(t, testscript.Params{Dir: "testdata/served", Cmds: staffCommands(), Setup: func(e *testscript.Env) error {
		e.Setenv("DATA", dir)
		people(e)
		return nil
	}})
}
