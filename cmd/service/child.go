package service

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"citycard/language"
)

// Limits of a child process.
const (
	childGrace   = 10 * time.Second // between SIGTERM and SIGKILL, unless told otherwise
	childLineMax = 4 << 20          // bytes of one line of its output
)

// ChildSpec says which program to start and how to listen to it.
type ChildSpec struct {
	Program string   // "cardterm": looked for beside this executable, then on PATH
	Name    string   // in the log and in errors; the program's name where empty
	Args    []string // without the program's name
	Env     []string // "KEY=value", added to this process's environment

	// Line gets each line of standard output without its end, one after the other; the slice is
	// valid during the call only. An error stops the child, and Wait returns it. If Line is nil,
	// lines go to the log.
	Line func(line []byte) error

	Log   *slog.Logger  // gets each line of standard error
	Grace time.Duration // from SIGTERM to SIGKILL; 0: 10 seconds
}

// Child is a program started by this one. It does not outlive its parent: on Linux the kernel kills
// it when the parent ends, for whatever reason.
type Child struct {
	name   string
	stdin  io.WriteCloser
	cancel context.CancelCauseFunc
	pid    int
	done   chan struct{}
	err    error // valid once done is closed

	mu   sync.Mutex
	last string // last line of standard error
}

// errStopped is the cancellation that Stop asked for.
var errStopped = errors.New("stopped")

// StartChild starts the program. When ctx ends it gets SIGTERM, and SIGKILL after the grace; the
// same happens at Stop. It runs in its own process group, so that Ctrl-C reaches it only through
// its parent, which keeps the order of the stop.
func StartChild(ctx context.Context, spec ChildSpec) (*Child, error) {
	path, err := FindProgram(spec.Program)
	if err != nil {
		return nil, err
	}
	if spec.Name == "" {
		spec.Name = spec.Program
	}
	if spec.Grace == 0 {
		spec.Grace = childGrace
	}
	ctx, cancel := context.WithCancelCause(ctx)
	c := &Child{name: spec.Name, cancel: cancel, done: make(chan struct{})}
	cmd := exec.CommandContext(ctx, path, spec.Args...)
	cmd.Env = append(os.Environ(), spec.Env...)
	cmd.SysProcAttr = childAttributes()
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = spec.Grace
	if c.stdin, err = cmd.StdinPipe(); err != nil {
		cancel(nil)
		return nil, language.Textf("starting %s: %w", spec.Name, err)
	}
	output := &lines{max: childLineMax, each: c.listener(spec)}
	complaints := &lines{max: childLineMax, split: true, each: func(line []byte) error {
		c.complaint(spec.Log, line)
		return nil
	}}
	cmd.Stdout, cmd.Stderr = output, complaints

	started := make(chan error)
	go c.live(ctx, cmd, started, output.flush, complaints.flush)
	if err := <-started; err != nil {
		defer cancel(nil)
		if cause := context.Cause(ctx); cause != nil {
			return nil, language.Textf("starting %s: %w", spec.Name, cause)
		}
		return nil, Fail("cannot start %s", path).Todo(`run "make build"`).Because(err)
	}
	return c, nil
}

// live starts the process and waits for it on one operating-system thread: the
// kernel's parent-death signal follows the thread that forked, not the process.
func (c *Child) live(ctx context.Context, cmd *exec.Cmd, started chan<- error, flush ...func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		started <- err
		return
	}
	c.pid = cmd.Process.Pid
	started <- nil
	err := cmd.Wait()
	for _, f := range flush {
		f()
	}
	c.err = c.verdict(ctx, err)
	c.cancel(nil)
	close(c.done)
}

// verdict turns the end of the child into an error with a text. A stop that was asked for is no
// error.
func (c *Child) verdict(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, errStopped) {
		return nil
	}
	if line, ok := errors.AsType[*lineError](cause); ok {
		return language.Textf("output of %s: %w", c.name, line.err)
	}
	if err == nil {
		return nil
	}
	if cause != nil {
		return language.Textf("%s was stopped: %w", c.name, cause)
	}
	c.mu.Lock()
	last := c.last
	c.mu.Unlock()
	if last == "" {
		return language.Textf("%s ended: %w", c.name, err)
	}
	return language.Textf("%s ended: %w: %s", c.name, err, last)
}

// lineError is the cancellation that a refused line of output caused.
type lineError struct{ err error }

func (e *lineError) Error() string { return e.err.Error() }

func (c *Child) listener(spec ChildSpec) func(line []byte) error {
	return func(line []byte) error {
		if spec.Line == nil {
			spec.Log.Info(string(line), "child", c.name)
			return nil
		}
		if err := spec.Line(line); err != nil {
			c.cancel(&lineError{err})
			return err
		}
		return nil
	}
}

func (c *Child) complaint(log *slog.Logger, line []byte) {
	c.mu.Lock()
	c.last = string(line)
	c.mu.Unlock()
	log.Info(string(line), "child", c.name)
}

// Done is closed when the child has ended and its output has been read.
func (c *Child) Done() <-chan struct{} { return c.done }

// Wait waits until the child ends. Nil means exit code 0 or a stop by Stop. An error has the
// child's last line on standard error and, if there is an exit code, wraps an *exec.ExitError.
func (c *Child) Wait() error {
	<-c.done
	return c.err
}

// Stop sends SIGTERM, waits, and kills after the grace or when ctx ends. It
// returns when the child is gone, with the error of a child that had failed
// before. It fits Stack.Push.
func (c *Child) Stop(ctx context.Context) error {
	c.cancel(errStopped)
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
	}
	if process, err := os.FindProcess(c.pid); err == nil {
		_ = process.Kill() // it may have ended this very moment
	}
	<-c.done
	return c.err
}

// Send writes one line to the child's standard input.
func (c *Child) Send(line []byte) error {
	if _, err := c.stdin.Write(append(bytes.Clone(line), '\n')); err != nil {
		return language.Textf("writing to %s: %w", c.name, err)
	}
	return nil
}

// CloseStdin tells the child that no more lines will come.
func (c *Child) CloseStdin() error { return c.stdin.Close() }

// FindProgram looks for a sibling program beside this executable, then on PATH.
func FindProgram(name string) (string, error) {
	if self, err := os.Executable(); err == nil {
		path := filepath.Join(filepath.Dir(self), name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", Fail("cannot find the program %s", name).Todo(`run "make build", or put it beside this program or on PATH`).Because(err)
	}
	return path, nil
}

// JSONLines makes a Line function out of one for decoded values.
func JSONLines[T any](each func(value T) error) func(line []byte) error {
	return func(line []byte) error {
		var value T
		if err := json.Unmarshal(line, &value); err != nil {
			return language.Textf("expected a line of JSON, got %.80q: %w", line, err)
		}
		return each(value)
	}
}

// lines is a writer that hands on whole lines.
type lines struct {
	max   int
	split bool // a line longer than max is handed on in pieces, not refused
	each  func(line []byte) error

	rest []byte
	err  error
}

// After a line that was too long or refused, every Write fails.
func (l *lines) Write(data []byte) (int, error) {
	if l.err != nil {
		return 0, l.err
	}
	l.rest = append(l.rest, data...)
	for l.err == nil {
		advance, line, err := bufio.ScanLines(l.rest, false)
		if advance == 0 || err != nil {
			break
		}
		l.err = l.each(line)
		l.rest = l.rest[advance:]
	}
	if l.err == nil && len(l.rest) > l.max && l.split {
		l.flush()
	}
	if l.err == nil && len(l.rest) > l.max {
		l.err = language.Textf("a line of more than %d bytes", l.max)
	}
	if l.err != nil {
		return 0, l.err
	}
	return len(data), nil
}

// flush hands on a last line that has no end.
func (l *lines) flush() {
	if l.err == nil && len(l.rest) > 0 {
		l.err = l.each(l.rest)
		l.rest = nil
	}
}
