package main

import (
	"context"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"citycard/cardos/keys"
	peopleapi "citycard/clearing/people/api"
	"citycard/clearing/persons"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
)

// TestPersonsServed imports and finds persons through a process that serves, at its socket and over
// TLS: testdata/persons. Who acts has neither the database nor the key store.
func TestPersonsServed(t *testing.T) {
	b, _ := bookstest.New(t)
	if err := b.OpenDay(t.Context(), 20260105); err != nil {
		t.Fatal(err)
	}
	people := staffed(t, b.Ledger)
	id, err := b.ID(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir, log, store := t.TempDir(), slog.New(slog.DiscardHandler), keys.GenerateTest(1)
	program := (&server.Settings{Common: service.Common{Data: dir}}).Alone(b.Ledger, log)
	program.Persons = func(context.Context) (*keys.Held, error) { return store.Held(), nil }
	api, err := server.NewPeople(program, log)
	if err != nil {
		t.Fatal(err)
	}
	stop, err := server.ServePeople(t.Context(), api, dir, func(err error) { t.Error(err) }, log)
	if err != nil {
		t.Fatal(err)
	}
	tls := httptest.NewTLSServer(api.Remote())
	t.Cleanup(func() { // the script ends later than this function
		tls.Close()
		if err := stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	roots := filepath.Join(dir, "roots.pem")
	err = os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw}), 0o600)
	if err = errors.Join(err, (books.Running{Socket: peopleapi.SocketPath(dir)}).Write(dir)); err != nil {
		t.Fatal(err)
	}
	cut := persons.Header + "\nresident,419999196001010028,张三,,moved,20260101,\nresident,4199991960"
	scripts(t, testscript.Params{Dir: "testdata/persons", Cmds: staffCommands(), Setup: func(e *testscript.Env) error {
		e.Setenv("DATA", dir)
		e.Setenv("SERVER", tls.URL)
		e.Setenv("BOOKS", id)
		e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
		e.Setenv("SSL_CERT_FILE", roots)
		e.Setenv("DATABASE", b.URL)
		people(e)
		return os.WriteFile(filepath.Join(e.WorkDir, "cut.csv"), []byte(cut), 0o600)
	}})
}
