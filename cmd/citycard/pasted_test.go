package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"citycard/broker/kafkatest"
	"citycard/simulators/pcscd"
)

// treatment says how a block of commands is tested. The block is named by its page and first line.
// It is pasted in a session, or there is a reason why it is not.
type treatment struct{ page, first, session, reason string }

func treatments() []treatment {
	const (
		demo   = "it is make that installs, builds and tests; of each line is tested that make knows it. TestDemo runs the demonstration"
		twin   = "its lines are those of README.md, which is tested"
		stand  = "words in capitals stand for what the reader has; "
		protoc = "make setup does not install protoc; TestMessagesAreDescribed reads the same definition"
		// A restore was tried by hand; the page describes the result.
		postgres = "they are PostgreSQL's own programs, for a server that the reader has"
		nothing  = "the day of README leaves nothing of that kind; "
	)
	return []treatment{
		{"README.md", "make demo     # a whole", "", demo},
		{"README.md", `make demo ARGS="--cards 500`, "", demo},
		{"README.md", "export CITYCARD_KEYS_PASSPHRASE", "a day by hand", ""},
		{"README.md", "bin/cardsim card --profile tunion", "a card in a reader", ""},
		{"README.zh-CN.md", "make demo     # ", "", demo},
		{"README.zh-CN.md", `make demo ARGS="--cards 500`, "", demo},
		{"README.zh-CN.md", "export CITYCARD_KEYS_PASSPHRASE", "", twin},
		{"README.zh-CN.md", "bin/cardsim card --profile tunion", "", twin},
		{"CONTRIBUTING.md", "make demo ", "", demo},
		{"CONTRIBUTING.md", "go test ./cmd/service", "", stand + "it writes into the sources"},
		{"CONTRIBUTING.md", "go get -modfile", "", stand + "it asks the network"},
		{"docs/architecture.md", "$ citycard tap find --verdict quarantined", "", nothing + "TestDecisions judges such a record again"},
		{"docs/benchmarks.md", "make bench", "", demo},
		{"docs/cities.md", "export CITYCARD_KEYS_PASSPHRASE", "a large city", ""},
		{"docs/cities.md", "bin/citycard rules template", "a city of one's own", ""},
		{"docs/cities.md", "DAY_RECORDS=1000000 go test", "", "it takes most of an hour; TestCrowdDay runs with fewer records each time"},
		{"docs/configuration.md", "kafka-acls.sh", "", stand + "kafka-acls.sh is Kafka's own"},
		{"docs/configuration.md", "citycard access issue", "", stand + "README's day by hand issues, and TestBooks revokes"},
		{"docs/configuration.md", "citycard suspense list", "", stand + "TestDecisions does it"},
		{"docs/configuration.md", "citycard day held", "", nothing + "TestHeldPayouts does it"},
		{"docs/configuration.md", "citycard publish-key make", "", nothing + "TestPublishKey makes keys, TestCorruptedHotlist follows them"},
		{"docs/configuration.md", "cardterm --role gate", "", stand + "TestFourLanes of the agent runs lanes"},
		{"docs/configuration.md", "citycard registry import", "", stand + "TestTwoChange does it"},
		{"docs/ledger.md", "$ citycard account --code suspense:", "a day by hand", ""},
		{"docs/messages.md", "protoc -I clearing/message --python_out", "", protoc},
		{"docs/messages.md", "protoc -I clearing/message --encode", "", protoc},
		{"docs/messages.md", "citycard person-token", "", stand + "TestScripts makes tokens"},
		{"docs/messages.md", "printf 'citycard person token", "a person's token", ""},
		{"docs/people.md", "citycard person key", "", stand + "TestPeople does it"},
		{"docs/people.md", "citycard account limit", "", stand + "TestTwoChange does it"},
		{"docs/counter.md", "cardterm counter look", "", stand + "TestCounterTopUp and its neighbours do it"},
		{"docs/counter.md", "cardterm counter shift open", "", stand + "TestCounterAtTheCentre does it"},
		{"docs/counter.md", "cardterm issue --job", "", stand + "TestIssueJob does it"},
		{"docs/counter.md", "citycard stock receive", "", stand + "TestStockCommands does it"},
		{"docs/persons.md", "citycard persons import", "", stand + "TestPersons does it"},
		{"docs/operations.md", "pg_dump", "", postgres},
		{"docs/operations.md", "createdb", "", postgres},
		{"docs/keys.md", "citycard keys --keys keys.age  ", "", stand + "TestKeyService does it"},
		{"docs/keys.md", "citycard keyservice check", "", stand + "TestKeyService does it"},
		{"docs/hsm.md", "cardhsm tokens", "", stand + "TestScripts of cardhsm does it"},
		{"docs/keys.md", "citycard keys --keys keys.age --batch", "", stand + "the script keys.txtar does it"},
		{"docs/hsm.md", "cardhsm batch", "", stand + "TestScripts of cardhsm does it"},
		{"docs/hsm.md", "cardhsm serve", "", stand + "the tests of cardhsm and TestDayOnToken serve"},
		{"docs/ledger.md", "$ citycard account limit", "", nothing + "TestLooks does it"},
		{"docs/ledger.md", "citycard audit find", "", stand + "TestAudit does it"},
	}
}

// sessions are the shells that blocks are pasted into, in the order of the treatments.
func sessions() []session {
	return []session{
		{name: "a day by hand", small: []string{"--cards 1000 ", "--cards 300 "}, want: []string{"ready: Kafka 127.0.0.1:", " sealed over ", "THE BOOKS HOLD"}},
		{name: "a card in a reader", reader: true, want: []string{`"balance`, "SELECT"}},
		{name: "a large city", small: []string{"--cards 5000000 --riders 180000", "--cards 20000 --riders 1500"}, want: []string{"THE BOOKS AGREE WITH THE TRUTH"}},
		{name: "a city of one's own", small: []string{"--cards 1000 ", "--cards 300 "}, want: []string{"rules: no faults", "THE BOOKS AGREE WITH THE TRUTH"}},
		{name: "a person's token", want: []string{"ec763aa442aaf5c42f9da6c07c5703b8"}},
	}
}

// session is one shell. Its input is changed only in the numbers of cards (see small), the
// directories, and the ports.
type session struct {
	name   string
	small  []string // each number of cards and the smaller one
	reader bool     // it has a card reader
	want   []string // what must be said in it
}

// fence is a block of a page.
type fence struct {
	page string
	line int
	kind string
	text string
}

func (f fence) String() string { return fmt.Sprintf("%s:%d", f.page, f.line) }

// script is the commands of the block.
func (f fence) script() string {
	if f.kind != "console" {
		return f.text
	}
	var typed strings.Builder
	for line := range strings.Lines(f.text) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			typed.WriteString(command)
		}
	}
	return typed.String()
}

func (f fence) commands() bool { return f.kind == "sh" || f.kind == "console" }

// fences are the blocks of a page.
func fences(t *testing.T, page string) (found []fence) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", page))
	if err != nil {
		t.Fatal(err)
	}
	open, number := false, 0
	for line := range strings.Lines(string(text)) {
		number++
		kind, edge := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case edge && !open:
			found = append(found, fence{page: page, line: number, kind: kind})
			open = true
		case edge:
			open = false
		case open:
			found[len(found)-1].text += line
		}
	}
	if open {
		t.Errorf("%s: a block is not closed", page)
	}
	return found
}

// pages are all pages, from the root of the repository.
func pages(t *testing.T) (found []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "deploy/*.md", "deploy/*/*.md"} {
		paths, err := filepath.Glob(filepath.Join("../..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			found = append(found, strings.TrimPrefix(filepath.ToSlash(path), "../../"))
		}
	}
	return found
}

// TestBlocks: every block names its language, and a block with commands is pasted or has a reason
// why not.
func TestBlocks(t *testing.T) {
	used := map[treatment]int{}
	names := map[string]bool{}
	for _, s := range sessions() {
		names[s.name] = true
	}
	for _, page := range pages(t) {
		for _, f := range fences(t, page) {
			switch {
			case f.kind == "":
				t.Errorf("%s: the block does not say what it is: sh, console (commands after $ with their answers), text, sql, …", f)
			case f.commands():
				x, ok := treatmentOf(f)
				if !ok {
					t.Errorf("%s: the block is in no list: have it pasted in a session, or give the reason why not", f)
				}
				used[x]++
			default:
				for line := range strings.Lines(f.text) {
					if word, _, _ := strings.Cut(strings.TrimPrefix(line, "bin/"), " "); slices.Contains(ours(), word) {
						t.Errorf("%s: commands stand in a block of %s", f, f.kind)
					}
				}
			}
		}
	}
	for _, x := range treatments() {
		if used[x] != 1 {
			t.Errorf("%s: %d blocks begin with %q, want one", x.page, used[x], x.first)
		}
		if (x.session == "") == (x.reason == "") || x.session != "" && !names[x.session] {
			t.Errorf("%s: %q: want a session there is or a reason", x.page, x.first)
		}
	}
}

func ours() []string { return []string{"citycard", "cardsim", "cardterm", "cardhsm"} }

func treatmentOf(f fence) (treatment, bool) {
	all := treatments()
	i := slices.IndexFunc(all, func(x treatment) bool { return x.page == f.page && strings.HasPrefix(f.text, x.first) })
	if i < 0 {
		return treatment{}, false
	}
	return all[i], true
}

// TestPasted pastes the blocks of each session into a shell, whole and in their order.
// Every command must end with exit code 0.
func TestPasted(t *testing.T) {
	t.Parallel()
	p := build(t, ours()...)
	for _, s := range sessions() {
		t.Run(s.name, func(t *testing.T) {
			var blocks []string
			for _, x := range treatments() {
				for _, f := range fences(t, x.page) {
					if x.session == s.name && f.commands() && strings.HasPrefix(f.text, x.first) {
						blocks = append(blocks, f.script())
					}
				}
			}
			s.paste(t, p.dir, blocks)
		})
	}
}

func (s *session) paste(t *testing.T, programs string, blocks []string) {
	dir := reachableDir(t)
	if err := os.Symlink(programs, filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	kafka, api := kafkatest.FreeAddress(t), kafkatest.FreeAddress(t)
	_, port, _ := strings.Cut(kafka, ":")
	env := []string{
		"PATH=" + programs + ":" + os.Getenv("PATH"), "HOME=" + dir, "CITYCARD_DATA=" + filepath.Join(dir, "cc"),
		"CITYCARD_KAFKA_PORT=" + port, "CITYCARD_API=" + api, fmt.Sprintf("CITYCARD_OPS=127.0.0.1:%d", kafkatest.FreePort(t)), "CARDSIM_KAFKA=" + kafka,
	}
	if s.reader {
		env = append(env, readers(t)...)
	}
	for i := 0; i < len(s.small); i += 2 {
		if !strings.Contains(strings.Join(blocks, ""), s.small[i]) {
			t.Errorf("no block has %q", s.small[i])
		}
	}
	changes := strings.NewReplacer(append([]string{"/var/tmp/", dir + "/", "127.0.0.1:9092", kafka, "127.0.0.1:8480", api}, s.small...)...)
	failed := filepath.Join(dir, "failed")
	script := "trap 'echo \"exit code $?: $BASH_COMMAND\" >>" + failed + "' ERR\n" +
		changes.Replace(strings.Join(blocks, "")) + "\n[ -z \"$(jobs -p)\" ] || { kill %1 && wait %1; }\n"
	shell := exec.CommandContext(t.Context(), "bash", "-s")
	shell.Dir, shell.Env, shell.Stdin = dir, env, strings.NewReader(script)
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	shell.Cancel = func() error { return syscall.Kill(-shell.Process.Pid, syscall.SIGTERM) }
	var said bytes.Buffer
	shell.Stdout, shell.Stderr = &said, &said
	if err := shell.Run(); err != nil {
		t.Errorf("the shell: %v", err)
	}
	if text, err := os.ReadFile(failed); err == nil {
		t.Errorf("commands failed:\n%s", text)
	}
	for _, want := range s.want {
		if !strings.Contains(said.String(), want) {
			t.Errorf("nothing says %q", want)
		}
	}
	if t.Failed() {
		t.Log(script, said.String())
	}
}

// readers gives a session a smart card daemon of its own.
func readers(t *testing.T) []string {
	daemon, err := pcscd.Ensure(t.Context(), slog.New(slog.DiscardHandler), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := daemon.Close(); err != nil {
			t.Error(err)
		}
	})
	return append(daemon.Environment(), "CARDSIM_VPCD="+daemon.Slots[0])
}
