package main

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"citycard/clearing/people/peopletest"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger/ledgertest"
)

// looks are all commands that change nothing, as they are typed where another process serves the
// books: they work without any credential of the database that writes or that reads persons, or are
// refused for a reason of their own, of which a part stands behind the bar.
const looks = `
access list
account --code agent
audit export --out {out}/audit
audit find
card show 03105070200000000001
day findings --day 20260105 | has not been passed over
day held
day status
export --out {out}/books
fares quote --card-type 1 --line 1 --at 2026-10-08T08:10
holds
keyservice check --clients {out}/none | cannot be used
person history kim
person list
person whoami {ann}
person-token --keys {out}/none | cannot open the key store
persons report 1 {ann} | there is no import 1
proposal list
proposal show 1 | there is no such proposal: 1
prove --day 20260105 --subject 6361726431 --id 01 --out {out}/proof | 
publish-key show | there is no publishing key
quarantine list
load owed
load waiting
load invoice show --channel counter --order o-1
load invoice export --out {out}/invoices
shift list
stock show
channel statement --channel counter
registry diff {out}/none | 
registry history
registry show operators bus
registry status
rules calendar
rules check {out}/none | 
rules diff {out}/none | 
rules history
rules show fares
rules status
rules try {out}/none | 
seal-key list
seal-key show | there is no seal key
statement --subject 6361726431
suspense list
tap find --from 20260105 --to 20260105
tap cash
tap exits
tap unconfirmed
tap show --card 03105070200000000001 --issuer 1000500000000000 --from 20260105 --to 20260105
trial-balance --day 20260105
version
`

// holders have a credential of their own, or need none: those that serve, those that wait for one
// that does, and those that are given one with --db.
var holders = []string{"demo", "keyservice", "migrate", "ready", "serve", "verify"}

// TestNoCredential runs every command that looks where only the serving process has a credential
// that writes. TestDryRun does the same with every command that changes something. A command that
// stands in neither table fails.
func TestNoCredential(t *testing.T) {
	d := newDryRun(t)
	d.withoutCredential()
	out := t.TempDir()
	typed := slices.Clone(holders)
	for line := range strings.Lines(strings.TrimPrefix(looks, "\n")) {
		typing, why, refused := strings.Cut(strings.TrimSuffix(line, "\n"), " | ")
		name := commandOf(typing)
		typed = append(typed, name)
		words := strings.Fields(strings.ReplaceAll(d.words.Replace(strings.ReplaceAll(typing, "{ann}", "--identity {ann}")), "{out}", out))
		words = slices.Insert(words, len(strings.Fields(name)), "--data", d.dir)
		if name == "version" {
			words = words[:1]
		}
		code, said := d.refused(words)
		if refused != (code != 0) || !strings.Contains(said, strings.TrimSpace(why)) || strings.Contains(said, "permission denied") || strings.Contains(said, "names no database") {
			t.Errorf("%s: exit code %d, it said %s", typing, code, said)
		}
	}
	for _, name := range []string{"migrate", "verify"} {
		if code, said := d.refused([]string{name, "--data", d.dir}); code == 0 || !strings.Contains(said, "give --db") {
			t.Errorf("%s without a credential: exit code %d, it said %s", name, code, said)
		}
	}
	for line := range strings.Lines(strings.TrimPrefix(dryRuns, "\n")) {
		name, _, _ := strings.Cut(strings.TrimSpace(line[2:]), " --")
		typed = append(typed, name)
	}
	for _, name := range leaves("", rootCommand()) {
		if !slices.Contains(typed, name) {
			t.Errorf("citycard %s: want it in dryRuns or in looks", name)
		}
	}
}

// commandOf is the command of a line, the longest that there is.
func commandOf(line string) (name string) {
	for _, leaf := range leaves("", rootCommand()) {
		if (line == leaf || strings.HasPrefix(line, leaf+" ")) && len(leaf) > len(name) {
			name = leaf
		}
	}
	return name
}

// withoutCredential makes sure that what commands could find names the database for those who look
// alone.
func (d *dryRun) withoutCredential() {
	d.Helper()
	err := filepath.WalkDir(d.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if entry.Name() != "running.json" && bytes.Contains(text, []byte("postgres")) {
			d.Errorf("%s names a database", path)
		}
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	for _, variable := range os.Environ() {
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "CITYCARD_DB") || strings.HasPrefix(name, "PG") {
			d.Errorf("the environment has %s", name)
		}
	}
}

// TestNoBooksOverAPI: without books, or with none that can be worked with, who acts is told so with
// its exit code, and without a flag that the command does not have.
func TestNoBooksOverAPI(t *testing.T) {
	b, err := books.Open(t.Context(), ledgertest.Empty(t), "", 4, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close(context.Background()) })
	if err := b.OpenDay(t.Context(), 20260105); err != nil {
		t.Fatal(err)
	}
	peopletest.New(t, b.Ledger)
	served, keys := t.TempDir(), t.TempDir()
	serveBooks(t, b, &server.Settings{Common: service.Common{Data: served}})
	for dir, want := range map[string]string{
		served:                              "the database holds no rules yet; citycard serve founds them from --rules",
		filepath.Join(t.TempDir(), "other"): "; name the directory of a citycard serve that runs",
	} {
		o := &office{t, dir, ""}
		_, said, code := o.run("", "suspense", "release", "--reason-code", "card_listed", "--reason", "late",
			"--identity", peopletest.KeyFile(t, keys, "ann", false), "--identity-passphrase-file", peopletest.PassphraseFile(t, keys))
		if code != service.ExitNoBooks || !strings.Contains(said, want) || strings.Contains(said, "--db") {
			t.Errorf("%s: exit code %d, it said %s", dir, code, said)
		}
		_, said, code = o.run("", "day", "close")
		if code != service.ExitNoBooks || !strings.Contains(said, want) {
			t.Errorf("%s, day close: exit code %d, it said %s", dir, code, said)
		}
	}
}
