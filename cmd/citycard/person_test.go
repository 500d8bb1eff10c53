package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
)

// TestPeople founds people, and makes the mistakes that can be made: testdata/people.
func TestPeople(t *testing.T) {
	b, dir := bookstest.New(t)
	fillBooks(t, b.Ledger)
	serveBooks(t, b, &server.Settings{Common: service.Common{Data: dir}})
	scripts(t, testscript.Params{Dir: "testdata/people", Setup: func(e *testscript.Env) error {
		e.Setenv("DATA", dir)
		return nil
	}})
}
