package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/broker"
	"citycard/clearing/clearingtest"
	"citycard/clearing/topics"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// dryRuns are all commands that change something, in an order in which each command finds the state
// that it needs. A line that begins with "=" marks a command that prints the same with --dry-run as
// without it.
const dryRuns = `
= receive --account deposits:own --amount 12.5 --reference slip
= suspense release --row 20260105/010149105070200000000001/010931000000009900000007 --to operator:metro --by ann --and bob --reason late
= load refund --card 03105070200000000001 --order o-1 --not-written --by ann --and bob --reason complaint
= account limit --code agent --cap 20 --by ann --and bob --reason trusted
= keys --seed 1
= keys --rotate
= quarantine judge --demo --all --by ann --and bob --reason mended
= registry import --by ann {more}
= registry approve --by bob 2
= registry import --by ann {other}
= registry reject --by bob 3
= channel token --channel counter
  day close --day 20260105 --kafka {kafka} --kafka-user {user} --kafka-password-file {password}
= day release --day 20260105 --operator bus --by ann --and bob --reason looked
= day reopen --day 20260105 --by ann --and bob --reason forgotten
  day close --day 20260105 --kafka {kafka} --kafka-user {user} --kafka-password-file {password}
  seal-key make
= day seal --day 20260105
  migrate --db {empty}
`

// withoutDryRun are the commands that change nothing, and those that run until they are stopped.
var withoutDryRun = []string{
	"account", "day findings", "day held", "day status", "demo", "export", "holds", "person-token", "prove", "quarantine list", "ready",
	"registry history", "registry show", "registry status", "seal-key show", "serve", "statement", "suspense list", "tap find", "tap show",
	"trial-balance", "verify", "version",
}

// TestDryRun runs each of dryRuns with --dry-run and then without it. The first time no row of any
// table and no file changes; the second time something does.
func TestDryRun(t *testing.T) {
	d := newDryRun(t)
	var tried []string
	for line := range strings.Lines(strings.TrimPrefix(dryRuns, "\n")) {
		name, flags, _ := strings.Cut(strings.TrimSpace(line[2:]), " --")
		if flags != "" {
			flags = "--" + d.words.Replace(flags)
		}
		args := append(strings.Fields(name), "--data", d.dir)
		tried = append(tried, name)
		before := d.state()
		dry := d.run(slices.Concat(args, []string{"--dry-run"}, strings.Fields(flags)))
		if after := d.state(); after != before {
			t.Errorf("%s --dry-run changed something:\n%s", name, difference(before, after))
		}
		done := d.run(slices.Concat(args, strings.Fields(flags)))
		if d.state() == before {
			t.Errorf("%s changed nothing", name)
		}
		answer := strings.TrimPrefix(dry, dryRunNote+"\n")
		if answer == "" || line[0] == '=' && (answer != done || answer == dry) {
			t.Errorf("%s: the dry run printed\n%s\nand the command\n%s", name, dry, done)
		}
	}
	for _, name := range leaves("", rootCommand()) {
		if slices.Contains(tried, name) == slices.Contains(withoutDryRun, name) {
			t.Errorf("citycard %s: want it either among dryRuns or among withoutDryRun", name)
		}
	}
	if verified := d.run([]string{"verify", "--data", d.dir}); !strings.Contains(verified, "THE BOOKS HOLD") {
		t.Errorf("in the end: %s", verified)
	}
}

// leaves returns the subcommands of a command that have an action of their own.
func leaves(path string, c *ffcli.Command) (names []string) {
	for _, below := range c.Subcommands {
		name := strings.TrimSpace(path + " " + below.Name)
		if len(below.Subcommands) == 0 || below.FlagSet.Lookup("data") != nil {
			names = append(names, name)
		}
		names = append(names, leaves(name, below)...)
	}
	return names
}

// dryRun holds the data on which the commands of TestDryRun work.
type dryRun struct {
	*testing.T
	books *books.Books
	empty *pgxpool.Pool // a database without tables
	dir   string
	words *strings.Replacer
}

func newDryRun(t *testing.T) *dryRun {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv(service.PassphraseVariable, "secret")
	b, dir := bookstest.New(t)
	data, err := service.OpenDataDir(filepath.Join(dir, "data"), books.DataPurpose)
	must(err)
	must(data.Close())
	dir = data.Path
	fillDecisions(t, b, dir)
	must(b.OpenAccounts(t.Context(), []ledger.Account{{Code: "agent", Kind: ledger.Asset, Owner: "kiosk", Flags: ledger.DebitsMustNotExceedCredits, Cap: 1000}}))
	bookWrongTACs(t, b.Ledger, 20260105)

	log := slog.New(slog.DiscardHandler)
	kafka, err := broker.Start(filepath.Join(t.TempDir(), "kafka"), 0, log)
	must(err)
	t.Cleanup(func() { must(kafka.Close()) })
	options, err := kafka.Access.Options(kafka.Addr)
	must(err)
	client, err := broker.Connect(t.Context(), kafka.Addr, 10*time.Second, log, options...)
	must(err)
	defer client.Close()
	must(topics.Layout{Partitions: 1}.Ensure(t.Context(), client, topics.All()...))

	operators := func(row string) string {
		files := clearingtest.Files()
		return clearingtest.WriteFiles(t, map[string]string{"operators.csv": files["operators.csv"] + row})
	}
	url := ledgertest.Empty(t)
	empty, err := pgxpool.New(t.Context(), url)
	must(err)
	t.Cleanup(empty.Close)
	return &dryRun{T: t, books: b, empty: empty, dir: dir, words: strings.NewReplacer(
		"{more}", operators("tram,电车,Tram,bus,20260101,\n"), "{other}", operators("ferry,轮渡,Ferry,bus,20260101,\n"),
		"{kafka}", kafka.Addr, "{user}", kafka.Access.User, "{password}", kafka.Access.PasswordFile, "{empty}", url)}
}

// run runs a command and gives what it prints.
func (d *dryRun) run(args []string) string {
	d.Helper()
	// A dry run that is not rolled back could take its own stream away repeatedly.
	ctx, cancel := context.WithTimeout(d.Context(), time.Minute)
	defer cancel()
	return printed(d.T, func() {
		if err := rootCommand().ParseAndRun(ctx, args); err != nil {
			d.Fatalf("%s: %v", strings.Join(args, " "), err)
		}
	})
}

// state returns every row of every table and every file of the data directory, read independently
// of the commands.
func (d *dryRun) state() string {
	d.Helper()
	var all strings.Builder
	all.WriteString(ledgertest.Dump(d.T, d.books.Pool()) + ledgertest.Dump(d.T, d.empty))
	err := filepath.WalkDir(d.dir, func(path string, entry fs.DirEntry, err error) error {
		fmt.Fprintln(&all, path)
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%x\n", text)
		return err
	})
	if err != nil {
		d.Fatal(err)
	}
	return all.String()
}

// difference returns the lines that only one of two states has.
func difference(before, after string) string {
	var lines []string
	for line := range strings.Lines(before) {
		if !strings.Contains(after, line) {
			lines = append(lines, "- "+line)
		}
	}
	for line := range strings.Lines(after) {
		if !strings.Contains(before, line) {
			lines = append(lines, "+ "+line)
		}
	}
	return strings.Join(lines, "")
}
