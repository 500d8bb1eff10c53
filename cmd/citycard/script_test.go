package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"citycard/cmd/service"
)

func TestMain(m *testing.M) {
	testscript.Main(cleaned{m}, map[string]func(){
		"citycard": func() { os.Exit(service.Run("citycard", rootCommand())) },
	})
}

// TestScripts runs commands as an operator types them and checks their output: testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script", RequireExplicitExec: true})
}
