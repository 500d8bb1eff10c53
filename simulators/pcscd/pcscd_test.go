package pcscd

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// A real pcscd answers after Ensure, has virtual readers, belongs to one program
// at a time, and one of ours is gone after Close.
func TestEnsure(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	d, err := Ensure(ctx, quiet())
	if err != nil {
		t.Fatal(err)
	}
	names, err := Readers(ctx, Socket)
	if err != nil || !slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, virtualReader) }) {
		t.Errorf("readers %q, %v", names, err)
	}
	short, stop := context.WithTimeout(ctx, 200*time.Millisecond)
	defer stop()
	if second, err := Ensure(short, quiet()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second program: %v, %v; want it to wait", second, err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if d.Ours() && Ping(ctx, Socket) == nil {
		t.Error("our pcscd answers after Close")
	}
	if err := d.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}

// What listens at the socket but is no pcscd is not taken for one.
func TestPingRefuses(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	if err := Ping(t.Context(), socket); err == nil {
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
		if err := Ping(t.Context(), socket); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// TestAwaitPorts waits for a port that another program holds, and names it where
// it is not given up.
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
