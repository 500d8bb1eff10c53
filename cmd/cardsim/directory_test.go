package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"citycard/cmd/books"
	"citycard/cmd/service"
)

// TestDirectory: a city has its own directory, which one program uses at a time. A directory of
// citycard is refused, whether or not it is in use, and nothing is written there.
func TestDirectory(t *testing.T) {
	keyPath, _ := keyFile(t)
	theirs := t.TempDir()
	citycard, err := service.OpenDataDir(theirs, books.DataPurpose)
	if err != nil {
		t.Fatal(err)
	}
	issue := func(dir string) error {
		return run(t, "issue", "--data", dir, "--keys", keyPath, "--cards", "50", "--day", "20261124")
	}
	refused := func(when string, err error, want string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", when, err, want)
		}
	}
	refused("a directory of citycard's in use", issue(theirs), `belongs to "citycard", not "cardsim"`)
	refused("to play there", run(t, "city", "--data", theirs, "--keys", keyPath, "--cards", "50"), `belongs to "citycard"`)
	refused("an image there", run(t, "card", "--describe", "--image", filepath.Join(theirs, "card.img")), "is a data directory of citycard")
	refused("images there", run(t, "card", "--describe", "--data", theirs), `belongs to "citycard"`)
	if err := citycard.Close(); err != nil {
		t.Fatal(err)
	}
	refused("one that is free", issue(theirs), `belongs to "citycard"`)
	found, err := os.ReadDir(theirs)
	if err != nil || len(found) != 2 {
		t.Errorf("%d files in citycard's directory, %v; want its own two", len(found), err)
	}

	ours := filepath.Join(t.TempDir(), "city")
	if err := issue(ours); err != nil {
		t.Fatal(err)
	}
	if !service.Marked(ours, dataPurpose) {
		t.Error("the city's directory is not marked")
	}
	inUse, err := service.OpenDataDir(ours, dataPurpose)
	if err != nil {
		t.Fatal(err)
	}
	defer inUse.Close()
	refused("a city that is being played", run(t, "city", "--data", ours, "--keys", keyPath, "--cards", "50"), "is in use by cardsim.test (pid ")
}
