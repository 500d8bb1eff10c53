package main

import (
	"path/filepath"
	"testing"

	"citycard/cardos/keys"
	"citycard/cmd/books"
	"citycard/cmd/service"
)

// Masters are rotated while serve holds the data directory that their store is in.
func TestRotateBesideServe(t *testing.T) {
	t.Setenv(service.PassphraseVariable, "p")
	dir, err := service.OpenDataDir(filepath.Join(t.TempDir(), "data"), books.DataPurpose)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	path := dir.Join("keys.age")
	if err := keys.GenerateTest(1).WithWorkFactor(2).Create(path, "p"); err != nil {
		t.Fatal(err)
	}
	if err := keysCommand().ParseAndRun(t.Context(), []string{"--data", dir.Path, "--rotate"}); err != nil {
		t.Fatal(err)
	}
	if store, err := keys.Open(path, "p"); err != nil || store.Version() != 2 {
		t.Errorf("the rotated store: %v", err)
	}
}
