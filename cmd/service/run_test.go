package service

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

// start runs the station program and waits for its first line.
func start(t *testing.T, args ...string) (cmd *exec.Cmd, stderr *strings.Builder, first string) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), "station", args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	stderr = &strings.Builder{}
	cmd.Stderr = stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first, err = bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("station %v said nothing: %v; %s", args, errors.Join(err, cmd.Wait()), stderr)
	}
	return cmd, stderr, strings.TrimSpace(first)
}

// TestSignals: a service that is told to stop ends with 0; a job that could not finish ends with
// the code that a shell expects. Both log that they are stopping.
func TestSignals(t *testing.T) {
	tests := []struct {
		command string
		signal  syscall.Signal
		code    int
		last    string
	}{
		{"keep", syscall.SIGINT, 0, "station: stopping (interrupt); once more to stop at once\n"},
		{"keep", syscall.SIGTERM, 0, "station: stopping (terminated); once more to stop at once\n"},
		{"keep", syscall.SIGHUP, 0, "station: stopping (hangup); once more to stop at once\n"},
		{"job", syscall.SIGHUP, 129, "station: interrupted (hangup) before the end\n"},
		{"job", syscall.SIGINT, 130, "station: interrupted (interrupt) before the end\n"},
		{"job", syscall.SIGTERM, 143, "station: interrupted (terminated) before the end\n"},
	}
	// Under nohup the programs would inherit the setting that ignores the signal.
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGHUP)
	defer signal.Stop(heard)
	for _, test := range tests {
		t.Run(test.command+" "+test.signal.String(), func(t *testing.T) {
			args := []string{test.command}
			if test.command == "keep" {
				args = append(args, "--data", t.TempDir())
			}
			cmd, stderr, _ := start(t, args...)
			if err := cmd.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
			defer late.Stop()
			err := cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit code %d (%v), want %d", code, err, test.code)
			}
			if !strings.HasSuffix(stderr.String(), test.last) {
				t.Errorf("said %q, want %q at the end", stderr, test.last)
			}
		})
	}
}

// TestChildDiesWithParent: the data directory that the grandchild holds is released when its parent
// is stopped, and when its parent is killed.
func TestChildDiesWithParent(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		t.Run(signal.String(), func(t *testing.T) {
			dir := t.TempDir()
			cmd, _, said := start(t, "parent", "--data", dir)
			if said != "kept" {
				t.Fatalf("said %q", said)
			}
			if _, err := OpenDataDir(dir, "keep"); err == nil || !strings.Contains(err.Error(), "in use by station keep (pid ") {
				t.Fatalf("while the child lives: %v", err)
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // by a signal, or not
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			lock := flock.New(filepath.Join(dir, lockFile))
			if _, err := lock.TryLockContext(ctx, time.Millisecond); err != nil {
				t.Fatalf("the child outlives its parent: %v", err)
			}
			if err := lock.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestUnreadableDataDir runs the station as somebody who may not read the
// directory. Root may read everything, so under root it runs as nobody.
func TestUnreadableDataDir(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "station")
	copyFile(t, self, program)
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "keep", "--once", "--data", closed)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if os.Geteuid() == 0 {
		const nobody = 65534
		if err := os.Chmod(filepath.Dir(filepath.Dir(program)), 0o755); err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	} else if err := os.Chmod(closed, 0); err != nil {
		t.Fatal(err)
	}
	output, err := cmd.CombinedOutput()
	want := "station: cannot read data directory " + closed + ": open " + closed +
		": permission denied; give this user the right to read and write it, or name another with --data\n"
	if err == nil || string(output) != want {
		t.Errorf("%v; said %q, want %q", err, output, want)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(target, source)
	if err := errors.Join(err, target.Close()); err != nil {
		t.Fatal(err)
	}
}
