package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"citycard/broker"
	"citycard/broker/kafkatest"
	"citycard/cardos/keys"
	"citycard/cmd/books"
	"citycard/cmd/books/bookstest"
	"citycard/cmd/service"
)

// testDay is the clearing day of the tests.
const testDay = "20260105"

const passphrase = "for tests only"

// programs are the real binaries, built once for the tests of this package.
type programs struct {
	dir string
	env []string
}

// builds has each program that a test asked for, in a folder that TestMain removes. A program is
// linked once: that takes seconds, and most tests use the same three. They are built without the
// race detector, whatever this test is built with.
type builds struct {
	mutex sync.Mutex
	dir   string
	there map[string]bool
}

var built builds

// folder builds programs that are not there yet, and names their folder.
func (b *builds) folder(names []string) (string, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if b.dir == "" {
		dir, err := os.MkdirTemp("", "citycard-programs-")
		if err != nil {
			return "", err
		}
		if err := os.Chmod(dir, 0o755); err != nil { // servers run as other users
			return "", err
		}
		b.dir, b.there = dir, map[string]bool{}
	}
	for _, name := range names {
		if b.there[name] {
			continue
		}
		command := exec.Command("go", "build", "-o", filepath.Join(b.dir, name), "citycard/cmd/"+name)
		if out, err := command.CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
		b.there[name] = true
	}
	return b.dir, nil
}

// program is the path of one of our programs.
func program(t testing.TB, name string) string {
	t.Helper()
	dir, err := built.folder([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, name)
}

// build gives the named programs with an empty database.
func build(t testing.TB, names ...string) programs {
	t.Helper()
	dir, err := built.folder(names)
	if err != nil {
		t.Fatal(err)
	}
	return programs{dir: dir, env: append(os.Environ(), "LC_ALL=C", service.PassphraseVariable+"="+passphrase)}.fresh(t)
}

// fresh returns the same programs with a database that is empty. Where each data directory has a
// private one, nothing changes.
func (p programs) fresh(t testing.TB) programs {
	t.Helper()
	if url := bookstest.Database(t); url != "" {
		p.env = append(slices.Clip(p.env), "CITYCARD_DB="+url)
	}
	return p
}

// private returns the same programs with each data directory's own database.
func (p programs) private() programs {
	p.env = append(slices.Clip(p.env), "CITYCARD_DB=")
	return p
}

func (p programs) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, filepath.Join(p.dir, name), args...)
	command.Env = p.env
	return command
}

// run runs a program to its end and returns what it printed.
func (p programs) run(t testing.TB, name string, args ...string) string {
	t.Helper()
	command := p.command(t.Context(), name, args...)
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}

// testKeys makes a data directory with a store of test masters, as citycard keys does. A passphrase
// takes little work there: a dozen processes of a test open the store, each in half a second of the
// processor otherwise.
func (p programs) testKeys(t testing.TB, data string, seed uint64) {
	t.Helper()
	dir, err := service.OpenDataDir(data, books.DataPurpose)
	if err == nil {
		err = errors.Join(keys.GenerateTest(seed).WithWorkFactor(2).Create(filepath.Join(data, "keys.age"), passphrase), dir.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// process is a serving citycard that is killed and started again.
type process struct {
	*testing.T
	programs
	args []string
	ops  string
	log  bytes.Buffer
	cmd  *exec.Cmd
}

// serving is one that serves a data directory with a broker of its own, at ports that stay the same
// when it is started again.
func (p programs) serving(t *testing.T, data, registry string) (s *process, kafka, api int) {
	t.Helper()
	kafka, api = kafkatest.FreePort(t), kafkatest.FreePort(t)
	ops := kafkatest.FreeAddress(t)
	return &process{T: t, programs: p, ops: ops, args: []string{
		"serve", "--demo", "--examples", "--day", testDay, "--data", data, "--registry", registry, "--kafka-port", fmt.Sprint(kafka),
		"--api", fmt.Sprintf("127.0.0.1:%d", api), "--ops", ops,
	}}, kafka, api
}

func (s *process) start() {
	s.Helper()
	if s.cmd == nil {
		s.Cleanup(s.saidOfFailure)
	}
	s.cmd = s.command(s.Context(), "citycard", s.args...)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		s.Fatal(err)
	}
}

// saidOfFailure logs the last lines of the server in a test that failed.
func (s *process) saidOfFailure() {
	if !s.Failed() {
		return
	}
	lines := strings.Split(strings.TrimSpace(s.log.String()), "\n")
	s.Logf("the server's last lines:\n%s", strings.Join(lines[max(0, len(lines)-20):], "\n"))
}

func (s *process) signal(signal os.Signal) {
	s.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.Fatalf("%v\n%s", err, s.log.String())
	}
	late := time.AfterFunc(time.Minute, func() {
		s.Errorf("the server has not ended a minute after %s", signal)
		_ = s.cmd.Process.Signal(syscall.SIGQUIT) // for its goroutines, in the log
	})
	defer late.Stop()
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.Fatal(err)
	}
}

// ready waits until the server says that it is.
func (s *process) ready() {
	s.Helper()
	s.until(4*time.Minute, "ready", func() bool { return s.get("/readyz") != "" })
}

// until checks repeatedly whether a condition has become true.
func (s *process) until(limit time.Duration, what string, asked func() bool) {
	s.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(limit); !asked(); <-tick.C {
		if time.Now().After(deadline) {
			s.Fatalf("not %s within %s\n%s", what, limit, s.log.String())
		}
	}
}

// get reads a page of the server, "" unless it answers 200.
func (s *process) get(page string) string {
	request, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "http://"+s.ops+page, nil)
	if err != nil {
		s.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return ""
	}
	return string(text)
}

// reachableDir makes a directory that a private PostgreSQL's user can reach; it cannot reach that
// of t.TempDir.
func reachableDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "citycard-test-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// serverAccess is what the broker inside the server of a data directory asks for.
func serverAccess(data string) broker.Access {
	return broker.Access{User: "citycard", PasswordFile: filepath.Join(data, "kafka", "password")}
}

// TestKilledInTheMiddle plays a day while the serving process, its embedded
// broker and its database included, is killed without warning ten times, each
// time after some more of the day has been booked. At the end nothing is lost,
// nothing doubled, every purse agrees, and the day closes and verifies.
func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	p := build(t, "citycard", "cardsim")
	dir := reachableDir(t)
	data, field := filepath.Join(dir, "data"), filepath.Join(dir, "field")
	keyFile, registryDir := filepath.Join(data, "keys.age"), filepath.Join(field, "registry")
	city := []string{"--data", field, "--cards", "2000", "--seed", "7", "--keys", keyFile, "--day", testDay}
	p.testKeys(t, data, 7)
	p.run(t, "cardsim", append([]string{"issue"}, city...)...)

	s, kafka, api := p.serving(t, data, registryDir)
	// Under nohup the server would inherit the setting that ignores SIGHUP, which the test sends at
	// the end.
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP)
	defer signal.Stop(heard)
	s.start()
	s.ready()
	staff := p.enrolled(t, "--data", data)
	staff.receive("50000000", "fund:employee", "fund:resident", "pension:fund")
	played := make(chan error, 1)
	play := p.command(t.Context(), "cardsim", append([]string{
		"city", "--kafka", fmt.Sprintf("127.0.0.1:%d", kafka), "--kafka-user", "citycard", "--kafka-password-file", filepath.Join(data, "kafka", "password"), "--api", fmt.Sprintf("http://127.0.0.1:%d", api), "--tokens", staff.letIn(registryDir),
	}, city...)...)
	var said bytes.Buffer
	play.Stdout, play.Stderr = &said, &said
	var ended atomic.Bool
	go func() {
		played <- play.Run()
		ended.Store(true)
	}()

	for round := range 10 {
		s.booked(&ended)
		s.signal(syscall.SIGKILL)
		s.start()
		s.ready()
		t.Logf("killed and back, round %d", round+1)
	}
	if err := <-played; err != nil {
		t.Fatalf("the city: %v\n%s\n%s", err, said.String(), s.log.String())
	}
	p.run(t, "citycard", "day", "close", "--day", testDay, "--data", data)
	var v verification
	out := p.run(t, "citycard", "verify", "--data", data, "--truth", filepath.Join(field, "truth"), "--json")
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	if !v.Holds || v.Truth.Lost+v.Truth.Doubled+v.Truth.Wrong+v.Truth.PurseMismatches != 0 || v.Truth.Sent < 20_000 {
		t.Errorf("after ten kills: %s", out)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", kafka)
	opts, err := serverAccess(data).Options(addr)
	if err != nil {
		t.Fatal(err)
	}
	wantPublished(t, addr, filepath.Join(field, "truth"), opts...)
	s.signal(syscall.SIGHUP)
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("SIGHUP ended the server with exit code %d, want 0\n%s", code, s.log.String())
	}
	if _, err := os.Stat(filepath.Join(books.PrivateDir(data), "data", "postmaster.pid")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("SIGHUP left a database behind: %v", err)
	}
}

// booked waits until the server has committed a batch of taps since its last start, or until no
// more will come.
func (s *process) booked(ended *atomic.Bool) {
	s.Helper()
	s.until(time.Minute, "booked a tap", func() bool {
		return ended.Load() || strings.Contains(s.get("/metrics"), `citycard_batches_total{topic="taps"}`)
	})
}
