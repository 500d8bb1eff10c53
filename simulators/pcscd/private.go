package pcscd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/gofrs/flock"

	"citycard/language"
)

// socketVariable tells libpcsclite where its daemon listens.
const socketVariable = "PCSCLITE_CSOCK_NAME"

// errNotPrivate: this system or user cannot have a daemon of its own.
var errNotPrivate = language.Textf("a private pcscd needs root on Linux")

// runFolder is where pcscd keeps its socket and its process number; the path is compiled in.
const runFolder = "/run/pcscd"

// A private daemon's readers listen below the range from which Linux takes the local ports of
// outgoing connections.
const (
	lowestPort  = 20000
	highestPort = 32000
	portTries   = 5
)

// inNamespace puts the folder $1 in the place of runFolder, in a mount namespace that only the
// daemon $2 sees, and becomes the daemon with the readers of $3.
const inNamespace = `mount --bind "$1" ` + runFolder + ` || exit 77; exec "$2" --foreground --config "$3"`

// notMounted is the exit code of inNamespace on a system that does not allow mounting.
const notMounted = 77

// StartPrivate starts a daemon that no other program sees, with a number of virtual readers of two
// slots each: "Virtual PCD 00 00", "Virtual PCD 00 01", "Virtual PCD 2 00 00" and so on; pcscd has
// room for sixteen slots. All daemons of this process, one after the other, listen at one path,
// since libpcsclite reads the variable once. Errors: this system or user cannot have a daemon of
// its own, errNotInstalled, errNoVirtualReader, or what the daemon said.
func StartPrivate(ctx context.Context, log *slog.Logger, count int) (*Daemon, error) {
	if !canBePrivate() {
		return nil, errNotPrivate
	}
	program, err := find()
	if err != nil {
		return nil, err
	}
	driver, err := findDriver()
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(os.TempDir(), "citycard-pcscd-"+strconv.Itoa(os.Getpid()))
	lock := flock.New(folder + ".lock")
	if _, err := lock.TryLockContext(ctx, 20*time.Millisecond); err != nil {
		return nil, language.Textf("another pcscd of this program has not been closed: %w", err)
	}
	for range portTries {
		var d *Daemon
		if d, err = tryPrivate(ctx, program, driver, folder, count); err == nil {
			d.lock, d.folder = lock, folder
			log.Info("started a private pcscd", "pid", d.cmd.Process.Pid, "socket", d.Socket)
			return d, nil
		}
		// If there are no readers, their ports were taken at the last moment: other ports are
		// tried.
		if !errors.Is(err, errNoVirtualReader) || ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(err, os.RemoveAll(folder), os.Remove(lock.Path()), lock.Unlock())
}

// tryPrivate starts a daemon with readers at pairs of free ports.
func tryPrivate(ctx context.Context, daemon, driver, folder string, count int) (*Daemon, error) {
	run, config := filepath.Join(folder, "run"), filepath.Join(folder, "readers")
	if err := os.RemoveAll(folder); err != nil {
		return nil, err
	}
	for _, path := range []string{run, config, runFolder} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return nil, err
		}
	}
	// A reader of vpcd has two slots, at the port that its channel names and at the next. A driver
	// has room for one reader, so each has a copy of its own.
	program, err := os.ReadFile(driver)
	if err != nil {
		return nil, err
	}
	var readers []byte
	var slots []string
	for i := range count {
		name := virtualReader
		if i > 0 {
			name += " " + strconv.Itoa(i+1)
		}
		port, err := freePair(slots)
		if err != nil {
			return nil, err
		}
		copied := filepath.Join(folder, "driver-"+strconv.Itoa(i+1)+".so")
		if err := os.WriteFile(copied, program, 0o755); err != nil {
			return nil, err
		}
		readers = fmt.Appendf(readers, "FRIENDLYNAME %q\nDEVICENAME /dev/null:0x%X\nLIBPATH %s\nCHANNELID 0x%[2]X\n\n", name, port, copied)
		slots = append(slots, slotAt(port), slotAt(port+1))
	}
	if err := os.WriteFile(filepath.Join(config, "vpcd"), readers, 0o644); err != nil {
		return nil, err
	}
	d := &Daemon{
		Socket: filepath.Join(run, filepath.Base(debianSocket)),
		Slots:  slots,
		cmd:    exec.Command("/bin/sh", "-c", inNamespace, "sh", run, daemon, config),
	}
	d.cmd.SysProcAttr = privateAttributes()
	if err := d.start(ctx); err != nil {
		if ended := d.cmd; errors.Is(err, os.ErrPermission) || ended != nil && ended.ProcessState.ExitCode() == notMounted {
			err = fmt.Errorf("%w: %w", errNotPrivate, err)
		}
		return nil, err
	}
	if err := d.awaitReaders(ctx, len(slots)); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

func slotAt(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePair finds a port that is free together with the next one, and none of those taken.
func freePair(taken []string) (int, error) {
	var err error
	for range 100 {
		port := lowestPort + 2*rand.IntN((highestPort-lowestPort)/2)
		if slices.Contains(taken, slotAt(port)) {
			continue
		}
		if err = errors.Join(tryPort(port), tryPort(port+1)); err == nil {
			return port, nil
		}
	}
	return 0, language.Textf("no free ports for virtual readers between %d and %d: %w", lowestPort, highestPort, err)
}

func tryPort(port int) error {
	listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
	if err != nil {
		return err
	}
	return listener.Close()
}

// findDriver finds the driver of the virtual readers.
func findDriver() (string, error) {
	for _, pattern := range []string{
		"/usr/lib*/pcsc/drivers/serial/libifdvpcd.so", "/usr/lib/*/pcsc/drivers/serial/libifdvpcd.so",
		"/usr/local/lib/pcsc/drivers/serial/libifdvpcd.so",
	} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0], nil
		}
	}
	return "", errNoVirtualReader
}
