package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/twmb/franz-go/pkg/kadm"

	"citycard/broker"
	"citycard/cardos/keys"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/people/peopletest"
	"citycard/clearing/persons"
	"citycard/clearing/quarantine"
	"citycard/clearing/rules"
	"citycard/clearing/topics"
	"citycard/clearing/verdict"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// dryRuns are all commands that change something, in an order in which each command finds the state
// that it needs. A line that begins with "=" marks a command that prints the same with --dry-run as
// without it.
const dryRuns = `
  receive --account deposits:own --amount 12.5 --reference slip --identity {ann} --reason statement
= proposal approve --identity {bob} --hash {hash} {last}
  receive reverse --reference slip --identity {ann} --reason mistyped
= proposal approve --identity {bob} --hash {hash} {last}
  suspense release --row 20260105/010149105070200000000001/010931000000009900000007 --to operator:metro --because unlisted --identity {ann} --reason late
= proposal approve --identity {bob} --hash {hash} {last}
  suspense release --reason-code card_listed --identity {ann} --reason late
= proposal approve --identity {bob} --hash {hash} {last}
  suspense correct --row 20260105/010149105070200000000001/010931000000009900000007 --to operator:bus --because unlisted --identity {ann} --reason late
= proposal approve --identity {bob} --hash {hash} {last}
  tap resolve --row 20260105/010149105070200000000002/010931000000000200000029 --as lost --identity {ann} --reason old
= proposal approve --identity {bob} --hash {hash} {last}
  load refund --card 03105070200000000001 --order o-1 --not-written --identity {ann} --reason complaint
= proposal approve --identity {bob} --hash {hash} {last}
  load invoice ask --channel counter --order w-1 --identity {ann} --reason customer
  load invoice import --identity {ann} --reason monthly {replies}
  load withdraw --placer channel:counter --order w-1 --identity {ann} --reason complaint
= proposal approve --identity {bob} --hash {hash} {last}
  stock receive --serials 1-9 --product ordinary --identity {ann} --reason delivery
= proposal approve --identity {bob} --hash {hash} {last}
  stock move --serials 1-2 --to channel:counter --identity {ann} --reason order
= proposal withdraw --identity {ann} {last}
= stock spoilt --serials 9 --identity {ann} --reason bent
= stock count --identity {ann} {counted}
= card issued --identity {ann} --reason job {report}
  card bank --identity {ann} --reason daily {bankfile}
  account limit --code agent --cap 20 --identity {ann} --reason trusted
= proposal approve --identity {bob} --hash {hash} {last}
  account limit --code agent --cap 30 --identity {ann} --reason trusted
= proposal reject --identity {bob} --reason late {last}
  account limit --code agent --cap 30 --identity {ann} --reason trusted
= proposal withdraw --identity {ann} {last}
  account mark --code agent --as frozen --identity {ann} --reason court
= proposal approve --identity {bob} --hash {hash} {last}
= keys --seed 1
= keys --rotate
  persons import --identity {ann} --reason monthly --demo {roster}
  persons find --identity {ann} --reason complaint --demo
  quarantine judge --all --identity {ann} --reason repaired
= proposal approve --identity {bob} --hash {hash} {last}
= quarantine book --demo
  registry import --identity {ann} --reason council {bounds}
= proposal approve --identity {bob} --hash {hash} {last}
  registry import --identity {ann} --reason contract {more}
= proposal approve --identity {bob} --hash {hash} {last}
  registry publish --identity {ann} --reason counted
= proposal approve --identity {bob} --hash {hash} {last}
  mode begin --area operator:bus --identity {ann} --reason cards no_date
= proposal approve --identity {bob} --hash {hash} {last}
  mode end --area operator:bus --at 20991231000000 --identity {ann} --reason over no_date
= proposal approve --identity {bob} --hash {hash} {last}
  registry import --identity {ann} --reason contract {other}
= proposal reject --identity {bob} --reason late {last}
  rules propose --identity {ann} --reason council {medical}
= proposal approve --identity {bob} --hash {hash} {last}
  rules propose --identity {ann} --reason council {pension}
= proposal reject --identity {bob} --reason late {last}
= rules template --log-level info {drafts}
  access issue --unit channel:counter --days 3 --identity {ann} --reason contract
  access revoke --identity {ann} --reason lost 1
  day close --day 20260105
  day release --day 20260105 --operator bus --identity {ann} --reason looked
= proposal approve --identity {bob} --hash {hash} {last}
  day reopen --day 20260105 --identity {ann} --reason forgotten
= proposal approve --identity {bob} --hash {hash} {last}
  day close --day 20260105
  seal-key make
  publish-key make
  publish-key next
  seal-key pin --identity {kim} --reason first
= proposal approve --identity {lee} --hash {hash} {last}
= day seal --day 20260105
  person key --passphrase-file {passphrase} {key}
  person found --seal-key --reason lost
  person change --id cleo --name Clea --identity {kim} --reason married
  person deputy --id cleo --for bob --from 20260105 --to 20991231 --identity {kim} --reason leave
  person disable --id cleo --identity {kim} --reason left
= person enrol --token {token} --id rita --name Rita --identity {key} --identity-passphrase-file {passphrase}
  migrate --data {nowhere} --db {empty}
`

// withoutDryRun are the commands that change nothing, and those that run until they are stopped.
var withoutDryRun = []string{
	"access list", "account", "audit export", "card show", "shift list", "stock show", "channel statement", "audit find", "day findings", "day held", "day status", "demo", "export", "fares quote", "holds", "keyservice", "keyservice check", "load invoice export", "load invoice show", "load owed", "load waiting", "person history", "person list", "person whoami", "person-token", "persons report", "proposal list", "proposal show", "prove", "quarantine list", "ready",
	"registry diff", "registry history", "registry show", "registry status", "rules calendar", "rules check", "rules diff", "rules history", "rules show", "rules status", "rules try", "publish-key show", "seal-key list", "seal-key show", "serve", "statement", "suspense list", "tap cash", "tap exits", "tap find", "tap show", "tap unconfirmed",
	"trial-balance", "verify", "version",
}

// TestDryRun runs each of dryRuns with --dry-run and then without it. The first time no row of any
// table and no file changes; the second time something does.
func TestDryRun(t *testing.T) {
	d := newDryRun(t)
	var tried []string
	token := ""
	for line := range strings.Lines(strings.TrimPrefix(dryRuns, "\n")) {
		name, flags, _ := strings.Cut(strings.TrimSpace(line[2:]), " --")
		if flags != "" {
			flags = "--" + d.last("{token}", token).Replace(d.words.Replace(flags))
		}
		args := append(strings.Fields(name), "--data", d.dir)
		tried = append(tried, name)
		before := d.state()
		dry := d.run(slices.Concat(args, []string{"--dry-run"}, strings.Fields(flags)))
		after := d.state()
		if left := leftBy(before, after); left != "" {
			t.Errorf("%s --dry-run changed something:\n%s", name, left)
		}
		done := d.run(slices.Concat(args, strings.Fields(flags)))
		if d.state() == after {
			t.Errorf("%s changed nothing", name)
		}
		if _, printed, found := strings.Cut(done, "--token "); found {
			token, _, _ = strings.Cut(printed, " ")
		}
		answer := strings.TrimPrefix(strings.TrimPrefix(dry, dryRunNote+"\n"), triedAlone+"\n")
		if answer == "" || line[0] == '=' && (answer != done || answer == dry) {
			t.Errorf("%s: the dry run printed\n%s\nand the command\n%s", name, dry, done)
		}
	}
	for _, name := range leaves("", rootCommand()) {
		if slices.Contains(tried, name) == slices.Contains(withoutDryRun, name) {
			t.Errorf("citycard %s: want it either among dryRuns or among withoutDryRun", name)
		}
	}
	if verified := d.run([]string{"verify", "--data", d.dir, "--db", d.books.URL}); !strings.Contains(verified, "THE BOOKS HOLD") {
		t.Errorf("in the end: %s", verified)
	}
}

// refusedRuns are commands that are refused, each with a part of what they say. A line that begins
// with "=" marks a command that says the same with --dry-run as without it; the others log a time,
// or meet another error of the system.
const refusedRuns = `
= keys --seed 1 --data {foreign} | {foreign} holds files that are not ours, notes for one
= keys --seed 1 --data {file}/data | cannot create data directory {file}/data
= keys --seed 1 --data {served} | {served} is in use by 
  keys --seed 1 --keys {gone}/keys.age | cannot write {gone}/keys.age
  keys --seed 1 --keys {file}/keys.age | cannot write {file}/keys.age
= keys --rotate --keys {full} | rotate masters: no room for another generation
= seal-key make --data {foreign} | {foreign} holds files that are not ours, notes for one
= seal-key make --data {file}/data | cannot create data directory {file}/data
= publish-key next --data {gone} | there is no publishing key
= rules propose --identity {ann} --reason council {file} | nothing is proposed
= registry import --identity {ann} --reason contract {file} | nothing was imported
= rules template --log-level info {file} | cannot make {file}
= persons import --identity {ann} --demo --keys {keys} --reason {long} {roster} | a statement whose field "reason" has
= persons import --identity {ann} --reason monthly --demo --keys {keys} {file} | the file is empty, want the header
= persons import --identity {ann} --reason monthly --demo --keys {keys} --rows 9 {roster} | the roster has 1 rows, want 9
= persons find --identity {ann} --reason complaint --demo --keys {keys} | nobody is looked for: there is no number in it
  access issue --unit channel:counter --days 3 --identity {ann} --reason contract --out {file} | no token was issued: {file} is there already
= access issue --unit channel:counter --days 3 --identity {ann} --reason contract --out {file}/token | no token was issued
= access issue --unit channel:tram --days 3 --identity {ann} --reason contract | channel:tram is not registered
= access issue --unit channel:counter --days 3 --identity {ann} --reason {long} | nothing is done: a statement whose field "reason" has 5000 bytes
= access revoke --identity {ann} --reason lost 99 | 99: there is no such credential
= receive --account fund:nosuch --amount 1 --reference slip --identity {ann} --reason statement | there is no account fund:nosuch
= receive reverse --reference unknown --identity {ann} --reason mistyped | no receipt is booked under reference unknown
= suspense release --row 20260105/010149105070200000000001/010931000000009900000007 --to float:own --identity {ann} --reason late | nothing is proposed
= suspense correct --row 20260105/010149105070200000000001/010931000000009900000007 --to operator:bus --because unlisted --identity {ann} --reason late | nothing is proposed
= load invoice ask --channel counter --order none --identity {ann} --reason customer | channel counter has no paid order none
= load invoice import --identity {ann} --reason monthly {file} | the last line is not sha256
= tap resolve --row 20260105/010149105070200000000002/01093100000000020000002b --as lost --identity {ann} --reason old | nothing is proposed
= account limit --code agnt --cap 20 --identity {ann} --reason trusted | no such account
= proposal withdraw --identity {ann} 9 | there is no such proposal
= quarantine judge --record taps/3@99 --identity {ann} --reason repaired | taps/3@99 is not in quarantine
= day reopen --day 20260105 --identity {ann} --reason forgotten | day 20260105 is not reopened
= seal-key pin --identity {kim} --reason first | there is no seal key
= day seal --day 20260105 | there is no seal key
`

// TestDryRunRefuses runs each of refusedRuns with --dry-run and then without it. Both end with the
// same exit code, and the dry run changes nothing.
func TestDryRunRefuses(t *testing.T) {
	d := newDryRun(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(at("foreign"), 0o755))
	must(os.WriteFile(at("foreign/notes"), nil, 0o600))
	must(os.WriteFile(at("file"), nil, 0o600))
	served, err := service.OpenDataDir(at("served"), books.DataPurpose)
	must(err)
	defer func() { must(served.Close()) }()
	store := keys.GenerateTest(1)
	must(store.WithWorkFactor(2).Create(at("keys.age"), "secret"))
	must(store.WithWorkFactor(2).Create(filepath.Join(d.dir, "keys.age"), "secret")) // of who serves
	for version := 1; ; version++ {
		next, err := store.Rotate(rand.Reader)
		if err != nil {
			break
		}
		if store = next; version > 255 {
			t.Fatal("a store that never fills")
		}
	}
	must(store.WithWorkFactor(2).Create(at("full.age"), "secret"))
	words := strings.NewReplacer("{foreign}", at("foreign"), "{file}", at("file"), "{served}", at("served"), "{gone}", at("gone"),
		"{full}", at("full.age"), "{keys}", at("keys.age"), "{long}", strings.Repeat("x", 5000))
	for line := range strings.Lines(strings.TrimPrefix(refusedRuns, "\n")) {
		typed, want, _ := strings.Cut(strings.TrimSuffix(line[2:], "\n"), " | ")
		name, flags, _ := strings.Cut(typed, " --")
		want = words.Replace(want)
		before := d.state()
		run := func(more ...string) (code int, said string) {
			given := strings.Fields(words.Replace(d.words.Replace("--" + flags)))
			return d.refused(slices.Concat(strings.Fields(name), []string{"--data", d.dir}, more, given))
		}
		dryCode, drySaid := run("--dry-run")
		if left := leftBy(before, d.state()); left != "" {
			t.Errorf("%s --dry-run changed something:\n%s", typed, left)
		}
		code, said := run()
		if code == 0 || !strings.Contains(said, want) {
			t.Errorf("%s: exit code %d, it said %s, want %s", typed, code, said, want)
		}
		if dryCode != code || !strings.Contains(drySaid, want) || line[0] == '=' && drySaid != said {
			t.Errorf("%s --dry-run: exit code %d, it said %swithout the flag: exit code %d, it said %s", typed, dryCode, drySaid, code, said)
		}
	}
}

// TestDryRunTriesAlone judges a tap that is in quarantine twice. The first is booked, the second is
// a duplicate. A dry run says that it does not see this.
func TestDryRunTriesAlone(t *testing.T) {
	d := newDryRun(t)
	var tap *quarantine.Record
	err := quarantine.List(t.Context(), d.books.Ledger, 20260105, 20260105, func(r *quarantine.Record) error {
		if r.Stream == "taps/3" {
			tap = r
		}
		return nil
	})
	if err != nil || tap == nil {
		t.Fatalf("no tap is in quarantine: %v", err)
	}
	lease, err := d.books.Lease(t.Context(), "taps/2", "test", 0)
	if err != nil {
		t.Fatal(err)
	}
	again := docket.New(docket.Source{Stream: lease.Stream, Day: lease.Day}, 1)
	again.Quarantine(verdict.Unbookable, "test", docket.Record{Offset: 0, At: time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC), Value: tap.Value}, errors.New("the table is missing"))
	if _, err := d.books.Post(t.Context(), &ledger.Batch{Stream: lease.Stream, Epoch: lease.Epoch, From: 0, Next: 1, Day: lease.Day, Memos: again.Memos}); err != nil {
		t.Fatal(err)
	}
	d.run([]string{"keys", "--data", d.dir, "--seed", "1"})
	typed := func(name, flags string) []string {
		return slices.Concat(strings.Fields(name), []string{"--data", d.dir}, strings.Fields(d.last().Replace(d.words.Replace(flags))))
	}
	d.run(typed("quarantine judge", "--record taps/2@0 --record taps/3@17 --identity {ann} --reason repaired"))
	d.run(typed("proposal approve", "--identity {bob} --hash {hash} {last}"))
	judge := typed("quarantine book", "--demo")
	const both = "taps/2@0: cleared\ntaps/3@17: "
	if got, want := d.run(append(slices.Clone(judge), "--dry-run")), dryRunNote+"\n"+triedAlone+"\n"+both+"cleared\n"; got != want {
		t.Errorf("the dry run printed\n%swant\n%s", got, want)
	}
	if got, want := d.run(judge), both+"duplicate\n"; got != want {
		t.Errorf("the command printed\n%swant\n%s", got, want)
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
	kafka *kadm.Client
	dir   string
	words *strings.Replacer
}

func newDryRun(t *testing.T) *dryRun {
	t.Helper()
	t.Setenv("LC_ALL", "C")
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
	fillDecisions(t, b)
	must(b.OpenAccounts(t.Context(), []ledger.Account{{Code: "agent", Kind: ledger.Asset, Owner: "kiosk", Flags: ledger.DebitsMustNotExceedCredits, Cap: 1000}}))
	bookWrongTACs(t, b.Ledger, 20260105)

	log := slog.New(slog.DiscardHandler)
	kafka, err := broker.Start(filepath.Join(t.TempDir(), "kafka"), 0, log)
	must(err)
	t.Cleanup(func() { must(kafka.Close()) })
	serveBooks(t, b, &server.Settings{Common: service.Common{Data: dir}, Kafka: kafka.Addr, Access: kafka.Access})
	options, err := kafka.Access.Options(kafka.Addr)
	must(err)
	client, err := broker.Connect(t.Context(), kafka.Addr, 10*time.Second, log, options...)
	must(err)
	t.Cleanup(client.Close)
	must(topics.Layout{Partitions: 1}.Ensure(t.Context(), client, topics.All()...))

	// Each has a hotlist that is outside the bounds.
	operators := func(row string) string {
		files := clearingtest.Files()
		return clearingtest.WriteFiles(t, map[string]string{
			"operators.csv": files["operators.csv"] + row, "hotlist.csv": "card,reason,effective_from,effective_to\n" + clearingtest.Card + ",lost,20260105120000,\n",
		})
	}
	bounds := clearingtest.WriteFiles(t, map[string]string{
		"list_bounds.csv": "list,few,grow_percent,shrink_percent,share_percent,effective_from,effective_to\nhotlist,0,0,0,0,20260101,\n",
	})
	beside := clearingtest.WriteFiles(t, map[string]string{
		"roster.csv": persons.Header + "\nresident,419999196001010028,张三,,present,20200101,\n", "number": "419999196001010028\n", "replies.csv": invoiceReplies(), "bank.csv": bankWords(),
	})
	blanks := clearingtest.WriteFiles(t, map[string]string{"counted": "1-8\n", "report": `{"line":2,"number":"1","state":"spoilt","time":"2026-01-05T08:00:00Z","serial":8}` + "\n"})
	document := func(kind rules.Kind, old, new string) string {
		return clearingtest.WriteFiles(t, map[string]string{kind.File(): strings.Replace(string(kind.Example()), old, new, 1)})
	}
	peopletest.New(t, b.Ledger)
	keys := t.TempDir()
	as := func(id string) string {
		return peopletest.KeyFile(t, keys, id, false) + " --identity-passphrase-file " + peopletest.PassphraseFile(t, keys)
	}
	url := ledgertest.Empty(t)
	empty, err := pgxpool.New(t.Context(), url)
	must(err)
	t.Cleanup(empty.Close)
	return &dryRun{T: t, books: b, empty: empty, kafka: kadm.NewClient(client), dir: dir, words: strings.NewReplacer(
		"{ann}", as("ann"), "{bob}", as("bob"), "{kim}", as("kim"), "{lee}", as("lee"), "{passphrase}", peopletest.PassphraseFile(t, keys), "{key}", filepath.Join(dir, "rita.key"),
		"{bounds}", bounds, "{counted}", filepath.Join(blanks, "counted"), "{report}", filepath.Join(blanks, "report"), "{more}", operators("tram,电车,Tram,bus,20260101,\n"), "{other}", operators("ferry,轮渡,Ferry,bus,20260101,\n"),
		"{medical}", document(rules.Medical, `"deductible_fen": `, `"deductible_fen": 1`), "{pension}", document(rules.Pension, `"source": "`, `"source": "again: `),
		"{drafts}", filepath.Join(dir, "drafts"), "{nowhere}", filepath.Join(dir, "nowhere"), "{roster}", filepath.Join(beside, "roster.csv"), "{number}", filepath.Join(beside, "number"),
		"{empty}", url, "{replies}", filepath.Join(beside, "replies.csv"), "{bankfile}", filepath.Join(beside, "bank.csv"))}
}

// last replaces the number and the hash of the proposal that was made last, and more.
func (d *dryRun) last(more ...string) *strings.Replacer {
	d.Helper()
	var number, hash string
	err := d.books.Pool().QueryRow(d.Context(), `SELECT coalesce(max(number), 0)::TEXT,
		coalesce((SELECT encode(hash, 'hex') FROM proposals ORDER BY number DESC LIMIT 1), '') FROM proposals`).Scan(&number, &hash)
	if err != nil {
		d.Fatal(err)
	}
	return strings.NewReplacer(append(more, "{last}", number, "{hash}", hash)...)
}

// run runs a command and gives what it prints.
func (d *dryRun) run(args []string) string {
	d.Helper()
	// A dry run that is not rolled back could take its own stream away repeatedly.
	ctx, cancel := context.WithTimeout(d.Context(), time.Minute)
	defer cancel()
	number, err := os.Open(d.words.Replace("{number}"))
	if err != nil {
		d.Fatal(err)
	}
	defer func(was *os.File) { _, os.Stdin = number.Close(), was }(os.Stdin)
	os.Stdin = number
	return printed(d.T, func() {
		if err := rootCommand().ParseAndRun(ctx, args); err != nil {
			d.Fatalf("%s: %v", strings.Join(args, " "), err)
		}
	})
}

// refused runs a command as a process, and gives its exit code and what it says on standard error.
func (d *dryRun) refused(args []string) (code int, said string) {
	d.Helper()
	var stderr strings.Builder
	command := exec.CommandContext(d.Context(), program(d, "citycard"), args...)
	command.Stderr = &stderr
	err := command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), stderr.String()
	}
	if err != nil {
		d.Fatal(err)
	}
	return 0, stderr.String()
}

// state returns every row of every table, every file of the data directory and the end of every
// partition in Kafka, read independently of the commands.
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
	ends, err := d.kafka.ListEndOffsets(d.Context())
	if err = errors.Join(err, ends.Error()); err != nil {
		d.Fatal(err)
	}
	for _, end := range ends.Offsets().Sorted() {
		fmt.Fprintf(&all, "%s/%d ends at %d\n", end.Topic, end.Partition, end.At)
	}
	return all.String()
}

// leftBy is what a dry run has changed. That somebody tries an import of persons may stand in the
// audit, once.
func leftBy(before, after string) string {
	all := difference(before, after)
	if !strings.Contains(all, `"act": "`+persons.ActTry+`"`) || strings.Count(all, "\n+ audit {") != 1 {
		return all
	}
	var others strings.Builder
	for line := range strings.Lines(all) {
		if table := strings.Fields(line)[1]; table != "audit" && table != "audit_end" && table != "used_statements" {
			others.WriteString(line)
		}
	}
	return others.String()
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
