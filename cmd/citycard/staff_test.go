package main

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"citycard/clearing/people/peopletest"
	"citycard/cmd/demostaff"
	"citycard/ledger"
)

// staffed enrols the staff of peopletest in books, and gives testscripts their key files: $ANN,
// $BOB and so on. A script lets two people act with two lines:
//
//	exec citycard account limit --data $DATA --code agent --cap 20 --identity $ANN --reason new
//	approve $BOB --data $DATA
//
// The second one approves what was proposed last, or with "! approve" tries to. stdout and stderr
// are those of citycard proposal approve.
func staffed(t *testing.T, l *ledger.Ledger) func(*testscript.Env) {
	t.Helper()
	peopletest.New(t, l)
	files := staffFiles(t)
	return func(e *testscript.Env) {
		for name, file := range files {
			e.Setenv(name, file)
		}
	}
}

// staffFiles are variables of the environment with the key files of the staff, and with the file of
// their passphrase.
func staffFiles(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	files := map[string]string{"CITYCARD_IDENTITY_PASSPHRASE_FILE": peopletest.PassphraseFile(t, dir)}
	for _, id := range []string{"ann", "bob", "cleo", "kim", "lee", "omar", "max"} {
		files[strings.ToUpper(id)] = peopletest.KeyFile(t, dir, id, false)
	}
	return files
}

// staffCommands are the commands of testscripts with which people decide.
func staffCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){"approve": approveLast}
}

// approveLast approves the proposal that was made last, with a person's key file.
func approveLast(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: approve KEYFILE [flags]")
	}
	ts.Check(ts.Exec("citycard", append([]string{"proposal", "list", "--json"}, args[1:]...)...))
	var last proposalLine
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		ts.Check(json.Unmarshal([]byte(line), &last))
	}
	if last.Proposal == 0 {
		ts.Fatalf("no proposal waits")
	}
	approve := []string{"proposal", "approve", strconv.FormatInt(last.Proposal, 10), "--hash", last.Hash, "--identity", args[0]}
	if err := ts.Exec("citycard", append(approve, args[1:]...)...); (err == nil) == neg {
		ts.Fatalf("proposal %d: %v", last.Proposal, err)
	}
}

// crew are the people of a trial, whom a test of the programs enrols as a user does.
type crew struct {
	programs
	testing.TB
	keys string   // the folder of their keys
	at   []string // the flags that name the books
}

// enrolled enrols the people of a trial in the books that the flags name.
func (p programs) enrolled(t testing.TB, at ...string) *crew {
	t.Helper()
	c := &crew{p, t, filepath.Join(t.TempDir(), "people"), at}
	p.run(t, "citycard", append([]string{"person", "found", "--demo", "--people", c.keys}, at...)...)
	return c
}

// signed are the flags with which somebody signs a command.
func (c *crew) signed(id string) []string {
	return slices.Concat([]string{"--demo", "--identity", demostaff.KeyFile(c.keys, id)}, c.at)
}

// alone runs a command that somebody signs.
func (c *crew) alone(id string, command ...string) string {
	c.Helper()
	return c.run(c, "citycard", slices.Concat(command, []string{"--reason", "a test"}, c.signed(id))...)
}

// two has one person propose what a command does, and another approve it.
func (c *crew) two(first, second string, command ...string) string {
	c.Helper()
	var proposed proposalLine
	if err := json.Unmarshal([]byte(c.alone(first, append(command, "--json")...)), &proposed); err != nil {
		c.Fatal(err)
	}
	approve := []string{"proposal", "approve", strconv.FormatInt(proposed.Proposal, 10), "--hash", proposed.Hash}
	return c.run(c, "citycard", append(approve, c.signed(second)...)...)
}

// receive books money of the same reference as its account.
func (c *crew) receive(yuan string, accounts ...string) {
	c.Helper()
	for _, account := range accounts {
		c.two(demostaff.Ann, demostaff.Bob, "receive", "--account", account, "--amount", yuan, "--reference", account)
	}
}
