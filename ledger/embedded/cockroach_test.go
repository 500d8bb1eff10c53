package embedded_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/ledger/embedded"
)

// installCockroach puts the test binary where a cockroach program is looked for.
func installCockroach(t *testing.T, mode string) (home, dir string) {
	t.Helper()
	dir = newDir(t)
	home = filepath.Join(filepath.Dir(dir), "bin")
	self, err := os.Executable()
	if err == nil {
		err = errors.Join(os.Mkdir(home, 0o755), os.Symlink(self, filepath.Join(home, cockroachName)), os.WriteFile(filepath.Join(home, modeFile), []byte(mode), 0o644))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("COCKROACH_BINARY", filepath.Join(home, cockroachName))
	return home, dir
}

// runsOf are the runs of the program so far.
func runsOf(t *testing.T, home string) (runs []aRun) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(home, runsFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		var r aRun
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatal(err)
		}
		runs = append(runs, r)
	}
	return runs
}

// gone waits until a process has ended. A process that has ended and is only still listed for its
// parent counts as gone.
func gone(t *testing.T, pid int) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); ; <-tick.C {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || len(text) == 0 {
			return
		}
		if time.Now().After(deadline) {
			_ = syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("process %d lived on: %q", pid, text)
		}
	}
}

// TestCockroach runs a node twice: it is started with these flags and none of our
// environment, serves who has its certificate and nobody else, ends with the database, and
// has kept what was committed.
func TestCockroach(t *testing.T) {
	home, dir := installCockroach(t, "")
	t.Setenv("CITYCARD_KEYS_PASSPHRASE", "the keys' passphrase")
	t.Setenv("CITYCARD_DB_PASSWORD_FILE", "/somewhere")
	t.Setenv("PGPASSWORD", "a password")
	ctx := context.Background()
	for life := range 2 {
		database, err := embedded.Open(ctx, embedded.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := write(ctx, database.URL, life+1); err != nil {
			t.Fatal(err)
		}
		if sum, _ := read(t, database.URL); sum != []int{1, 3}[life] {
			t.Errorf("life %d: values sum to %d", life, sum)
		}
		if !strings.Contains(database.Description.Error(), "CockroachDB") || strings.Contains(database.Description.Error(), "@") {
			t.Errorf("description %q", database.Description)
		}
		if at := embedded.Running(dir); at != database.URL {
			t.Errorf("the running node is found at %q, want %q", at, database.URL)
		}
		strangers(t, database.URL)
		modes(t, dir)
		runs := runsOf(t, home)
		last := runs[len(runs)-1]
		if err := database.Close(); err != nil {
			t.Error(err)
		}
		gone(t, last.PID)
	}
	commands(t, home, dir)
}

// strangers tries to come in without the certificate.
func strangers(t *testing.T, rawURL string) {
	t.Helper()
	at, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	query := at.Query()
	if query.Get("sslmode") != "verify-full" || at.User.String() != "root" || at.Hostname() != "127.0.0.1" {
		t.Errorf("the URL is %s", rawURL)
	}
	for _, mode := range []string{"disable", "require"} {
		at.RawQuery = "sslmode=" + mode
		if conn, err := pgx.Connect(t.Context(), at.String()); err == nil {
			_ = conn.Close(t.Context())
			t.Errorf("root without a certificate was let in with sslmode=%s", mode)
		}
	}
}

// modes looks at who may read the secrets.
func modes(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "ca.key")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the authority's key: %v, expected none", err)
	}
	for name, want := range map[string]os.FileMode{"certs": 0o700, "certs/client.root.key": 0o600, "certs/node.key": 0o600, "cockroach.log": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v, expected mode %v", name, info, err, want)
		}
	}
}

// commands compares what was run in each life.
func commands(t *testing.T, home, dir string) {
	t.Helper()
	certs, key := "--certs-dir="+filepath.Join(dir, "certs"), "--ca-key="+filepath.Join(dir, "ca.key")
	life := [][]string{
		{"cert", "create-ca", certs, key},
		{"cert", "create-node", "127.0.0.1", "localhost", certs, key},
		{"cert", "create-client", "root", certs, key},
		{
			"start-single-node", certs, "--store=" + filepath.Join(dir, "cockroach"), "--listen-addr=127.0.0.1:0", "--http-addr=127.0.0.1:0",
			"--listening-url-file=" + filepath.Join(dir, "cockroach.url"), "--pid-file=" + filepath.Join(dir, "cockroach.pid"),
		},
	}
	want := append(slices.Clone(life), life...)
	runs := runsOf(t, home)
	if len(runs) != len(want) {
		t.Fatalf("%d runs, expected %d: %v", len(runs), len(want), runs)
	}
	for i, run := range runs {
		if !slices.Equal(run.Args, want[i]) {
			t.Errorf("run %d was %q, expected %q", i, run.Args, want[i])
		}
		// Values are not printed: they may be secrets.
		env := []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=" + dir}
		for _, variable := range run.Env {
			if !slices.Contains(env, variable) {
				name, _, _ := strings.Cut(variable, "=")
				t.Errorf("run %d saw the variable %s, or another value of it", i, name)
			}
		}
		if len(run.Env) != len(env) {
			t.Errorf("run %d saw %d variables, expected %d", i, len(run.Env), len(env))
		}
	}
}

// TestCockroachDoesNotStart gives up a node that says nothing, and one that ends at once.
func TestCockroachDoesNotStart(t *testing.T) {
	for mode, want := range map[string]string{"hangs": "does not answer", "fails": "cannot open the store"} {
		t.Run(mode, func(t *testing.T) {
			home, dir := installCockroach(t, mode)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			_, err := embedded.Open(ctx, embedded.Options{Dir: dir})
			if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("opened: %v, expected one line with %q", err, want)
			}
			runs := runsOf(t, home)
			if len(runs) != 4 {
				t.Fatalf("%d runs, expected that the node was started", len(runs))
			}
			gone(t, runs[3].PID)
		})
	}
}

// TestCockroachEndsWithProgram kills a program without warning: its node does not live on.
func TestCockroachEndsWithProgram(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ties a child's life to its parent's")
	}
	home, dir := installCockroach(t, "hangs")
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), childDir+"="+dir)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(time.Minute); len(runsOf(t, home)) < 4; <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("the node was not started")
		}
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = command.Wait()
	gone(t, runsOf(t, home)[3].PID)
}
