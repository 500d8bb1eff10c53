package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"citycard/ledger/ledgertest"
)

func TestMain(m *testing.M) {
	code := ledgertest.Run(m)
	if err := os.RemoveAll(built.dir); err != nil {
		fmt.Fprintln(os.Stderr, "remove the programs:", err)
		code = 1
	}
	os.Exit(code)
}

// scripts runs testscripts with the program that operators run. It is built without the race
// detector, under which a start and a key file take many times as long; the packages that its
// commands call have tests that the detector watches.
func scripts(t *testing.T, params testscript.Params) {
	t.Helper()
	setup, dir := params.Setup, filepath.Dir(program(t, "citycard"))
	params.RequireExplicitExec = true
	params.Setup = func(e *testscript.Env) error {
		e.Setenv("PATH", dir+string(filepath.ListSeparator)+e.Getenv("PATH"))
		if setup == nil {
			return nil
		}
		return setup(e)
	}
	testscript.Run(t, params)
}

// TestScripts runs commands as an operator types them and checks their output: testdata/script.
func TestScripts(t *testing.T) {
	scripts(t, testscript.Params{Dir: "testdata/script"})
}
