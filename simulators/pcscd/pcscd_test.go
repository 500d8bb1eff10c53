package pcscd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// A real pcscd answers after Ensure, has virtual readers, belongs to one user at a time, and is
// gone after Close if it is ours.
func TestEnsure(t *testing.T) {
	testDaemon(t, func(ctx context.Context, log *slog.Logger) (*Daemon, error) { return Ensure(ctx, log, 1) })
}

// TestMachines is the same for the machine's daemon, which users who are not root have.
func TestMachines(t *testing.T) { testDaemon(t, machines) }

func testDaemon(t *testing.T, ensure func(context.Context, *slog.Logger) (*Daemon, error)) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	d, err := ensure(ctx, quiet())
	if err != nil {
		t.Fatal(err)
	}
	names, err := readers(ctx, d.Socket)
	if err != nil || !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, virtualReader) }) {
		t.Errorf("readers %q, %v", names, err)
	}
	for _, slot := range d.Slots {
		conn, err := net.Dial("tcp", slot)
		if err != nil {
			t.Errorf("slot: %v", err)
			continue
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	short, stop := context.WithTimeout(ctx, 200*time.Millisecond)
	defer stop()
	if second, err := ensure(short, quiet()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second user: %v, %v; want it to wait", second, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d.cmd != nil && ping(ctx, d.Socket) == nil {
		t.Error("our pcscd answers after Close")
	}
	if err := d.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

// TestPrivate runs a private daemon beside the machine's: each has its own socket, readers and
// ports, and the end of one leaves the other as it is. Nothing of the private one stays behind.
func TestPrivate(t *testing.T) {
	if !canBePrivate() {
		t.Skip("a private pcscd needs root on Linux")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	machine, err := machines(ctx, quiet())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := machine.Close(); err != nil {
			t.Error(err)
		}
	}()
	private, err := StartPrivate(ctx, quiet(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(private.Slots) != 4 {
		t.Errorf("two readers have the slots %q, want four", private.Slots)
	}
	names, err := readers(ctx, private.Socket)
	if want := []string{Name(0), Name(1), Name(2), Name(3)}; err != nil || !slices.Equal(names, want) {
		t.Errorf("the slots are called %q, %v; want %q", names, err, want)
	}
	if private.Socket == machine.Socket || slices.Contains(machine.Slots, private.Slots[0]) {
		t.Errorf("private %q %q, machine %q %q", private.Socket, private.Slots, machine.Socket, machine.Slots)
	}
	if err := private.Close(); err != nil {
		t.Fatal(err)
	}
	if err := ping(ctx, machine.Socket); err != nil {
		t.Errorf("the machine's daemon after the private one's end: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "citycard-pcscd-"+strconv.Itoa(os.Getpid())+"*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// A program that listens at the socket but is not pcscd is not taken for one.
func TestPingRefuses(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	if err := ping(t.Context(), socket); err == nil {
		t.Error("no socket answered")
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // the test ends
	answers := make(chan []byte, 2)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 64))
			_, _ = conn.Write(<-answers)
			_ = conn.Close()
		}
	}()
	for name, answer := range map[string][]byte{"an answer cut short": {4, 0, 0}, "another protocol": make([]byte, versionLen)} {
		answers <- answer
		if err := ping(t.Context(), socket); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// TestAwaitPorts waits for a port that another program holds, and names the port if it is not
// released.
func TestAwaitPorts(t *testing.T) {
	taken, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	address := taken.Addr().String()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := awaitPorts(short, quiet(), address); err == nil || !strings.Contains(err.Error(), port) {
		t.Errorf("a taken port gave %v, want an error that names it", err)
	}
	waited := make(chan error, 1)
	go func() { waited <- awaitPorts(t.Context(), quiet(), address) }()
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Errorf("the port was given up, and still: %v", err)
	}
}
