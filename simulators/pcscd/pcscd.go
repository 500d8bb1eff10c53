package pcscd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"citycard/language"
	"citycard/simulators/vcard"
)

// debianSocket is where Debian's pcscd listens.
const debianSocket = "/run/pcscd/pcscd.comm"

// Install is what to type on Debian when the parts are missing.
const Install = "apt-get install pcscd vsmartcard-vpcd libpcsclite-dev"

// startLimit is how long a pcscd may take until it answers.
const startLimit = 10 * time.Second

// errNotInstalled: there is no pcscd on this machine.
var errNotInstalled = language.Textf("pcscd is not installed; on Debian: %s", Install)

// errNoVirtualReader: pcscd answers, but has no vpcd reader.
var errNoVirtualReader = language.Textf("pcscd has no virtual reader; on Debian: apt-get install vsmartcard-vpcd, then restart pcscd")

// Daemon is a pcscd that answers.
type Daemon struct {
	Socket string   // where it listens
	Slots  []string // HOST:PORT of its virtual readers, where vcard.Slot puts cards in

	lock   *flock.Flock
	folder string    // a private one's own, removed at Close
	cmd    *exec.Cmd // nil when it is not ours
	output tail
	exited chan struct{}
	err    error // of the exit; read after exited
}

// Environment is what a program's environment needs so that its PC/SC library finds this daemon.
func (d *Daemon) Environment() []string { return []string{socketVariable + "=" + d.Socket} }

// Name is what pcscd calls the slot at a place in Slots.
func Name(slot int) string {
	reader := virtualReader
	if slot > 1 {
		reader += " " + strconv.Itoa(slot/2+1)
	}
	return fmt.Sprintf("%s 00 %02d", reader, slot%2)
}

// Ensure returns a pcscd that answers and has virtual readers. As root on Linux it is a private
// one, which no other program sees, with count readers of two slots each. Elsewhere it is the
// machine's with its two slots, started when none answers; only one program at a time can use them,
// so a second program waits in Ensure until the first calls Close or ends.
//
// Programs find it by Environment. ctx limits only the waiting and the start; call Close at the
// end. Errors: no pcscd on this machine, no virtual reader, or what the daemon said.
func Ensure(ctx context.Context, log *slog.Logger, count int) (*Daemon, error) {
	d, err := StartPrivate(ctx, log, count)
	if !errors.Is(err, errNotPrivate) {
		return d, err
	}
	log.Info("using the pcscd of the machine", "why", err)
	return machines(ctx, log)
}

// machines returns the machine's daemon, with its readers locked.
func machines(ctx context.Context, log *slog.Logger) (*Daemon, error) {
	lock := readersLock(filepath.Join(os.TempDir(), "citycard-pcscd.lock"))
	held, err := lock.TryLock()
	if err == nil && !held {
		log.Info("another citycard program has the virtual readers; waiting for it", "lock", lock.Path())
		held, err = lock.TryLockContext(ctx, 100*time.Millisecond)
	}
	if err != nil || !held {
		return nil, language.Textf("the virtual readers are held by another citycard program (%s); stop it or wait: %w", lock.Path(), err)
	}
	d, err := ensure(ctx, log)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	d.lock = lock
	if err := d.awaitReaders(ctx, 1); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// readersLock is the lock of the machine's virtual readers, for all users. A file
// that is there is opened without O_CREAT: Linux refuses that in /tmp for another
// user's file (fs.protected_regular), even to root.
func readersLock(path string) *flock.Flock {
	flag := os.O_RDONLY
	if _, err := os.Stat(path); err != nil {
		flag |= os.O_CREATE
	}
	return flock.New(path, flock.SetFlag(flag), flock.SetPermissions(0o644))
}

func ensure(ctx context.Context, log *slog.Logger) (*Daemon, error) {
	d := &Daemon{Socket: debianSocket, Slots: []string{vcard.FirstSlot, vcard.SecondSlot}}
	if err := ping(ctx, debianSocket); err == nil {
		log.Info("a pcscd is running already; using it")
		return d, nil
	}
	path, err := find()
	if err != nil {
		return nil, err
	}
	// A killed pcscd leaves its files behind. The check just above found none that answers.
	for _, stale := range []string{debianSocket, "/run/pcscd/pcscd.pid"} {
		if err := os.Remove(stale); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, language.Textf("pcscd does not answer and its file is left behind; start pcscd as root, or remove %s: %w", stale, err)
		}
	}
	if err := awaitPorts(ctx, log, d.Slots...); err != nil {
		return nil, err
	}
	d.cmd = exec.Command(path, "--foreground")
	d.cmd.SysProcAttr = childAttributes()
	if err := d.start(ctx); err != nil {
		return nil, err
	}
	log.Info("started pcscd", "pid", d.cmd.Process.Pid)
	return d, nil
}

// start runs the daemon and waits until it answers.
func (d *Daemon) start(ctx context.Context) error {
	d.exited = make(chan struct{})
	d.cmd.Stdout, d.cmd.Stderr = &d.output, &d.output
	if err := d.cmd.Start(); err != nil {
		d.cmd = nil
		return language.Textf("start pcscd: %w", err)
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.exited)
	}()
	if err := d.await(ctx); err != nil {
		return errors.Join(err, d.stop())
	}
	return nil
}

// virtualReader is in the names of vpcd's readers, as its Debian package
// configures them.
const virtualReader = "Virtual PCD"

// awaitReaders waits for the virtual readers: pcscd answers some moments before
// it has opened them.
func (d *Daemon) awaitReaders(ctx context.Context, count int) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit/2)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		names, err := readers(ctx, d.Socket)
		virtual := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.Contains(n, virtualReader) })
		if err == nil && len(virtual) >= count {
			return nil
		}
		select {
		case <-ctx.Done():
			return language.Textf("%w (readers: %q, %w)", errNoVirtualReader, names, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}

// await asks until the daemon answers, ends, or the time is up.
func (d *Daemon) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ping(ctx, d.Socket)
		if err == nil {
			return nil
		}
		select {
		case <-d.exited:
			return language.Textf("pcscd ended at once (%v): %s; start it by hand as root: pcscd --foreground", d.err, d.output.line())
		case <-ctx.Done():
			return language.Textf("pcscd does not answer at %s: %w: %s", d.Socket, err, d.output.line())
		case <-tick.C:
		}
	}
}

// Close stops the daemon if Ensure started it, and releases the readers. It may be
// called again.
func (d *Daemon) Close() error {
	err := d.stop()
	if d.lock == nil {
		return err
	}
	if d.folder != "" {
		err = errors.Join(err, os.RemoveAll(d.folder), os.Remove(d.lock.Path()))
	}
	err = errors.Join(err, d.lock.Unlock())
	d.lock = nil
	return err
}

func (d *Daemon) stop() error {
	if d.cmd == nil {
		return nil
	}
	select {
	case <-d.exited:
		return nil
	default:
	}
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return language.Textf("stop pcscd: %w", err)
	}
	limit := time.NewTimer(5 * time.Second)
	defer limit.Stop()
	select {
	case <-d.exited:
		return nil
	case <-limit.C:
	}
	err := d.cmd.Process.Kill()
	<-d.exited
	return errors.Join(language.Textf("pcscd did not stop within 5 s and was killed"), err)
}

func find() (string, error) {
	if path, err := exec.LookPath("pcscd"); err == nil {
		return path, nil
	}
	for _, path := range []string{"/usr/sbin/pcscd", "/usr/local/sbin/pcscd"} { // often not on a user's PATH
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", errNotInstalled
}

// tail keeps the last of what the daemon printed.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailLen = 2048

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if len(t.buf) > tailLen {
		t.buf = append(t.buf[:0], t.buf[len(t.buf)-tailLen:]...)
	}
	return len(b), nil
}

// line returns the last line printed.
func (t *tail) line() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := bytes.TrimSpace(t.buf)
	if len(text) == 0 {
		return "it printed nothing"
	}
	return string(text[bytes.LastIndexByte(text, '\n')+1:])
}
