package service

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// TestNotifyAlive: the service manager hears from a process while that is alive, and not any more
// when it is not; without a watchdog it hears nothing.
func TestNotifyAlive(t *testing.T) {
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "n"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close() //nolint:errcheck // the test ends
	t.Setenv("NOTIFY_SOCKET", manager.LocalAddr().String())
	log := slog.New(slog.DiscardHandler)
	NotifyAlive(t.Context(), log, func() bool {
		t.Error("it is asked without a watchdog")
		return true
	})
	t.Setenv("WATCHDOG_USEC", fmt.Sprint((30 * time.Millisecond).Microseconds()))
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	ctx, cancel := context.WithCancel(t.Context())
	var told atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		NotifyAlive(ctx, log, func() bool {
			if told.Add(1) > 10 {
				cancel()
			}
			return told.Load() <= 2
		})
	}()
	<-ended
	heard := 0
	for b := make([]byte, 64); ; heard++ {
		if err := manager.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := manager.Read(b)
		if err != nil {
			break
		}
		if string(b[:n]) != "WATCHDOG=1" {
			t.Errorf("heard %q", b[:n])
		}
	}
	if heard != 2 {
		t.Errorf("heard %d times, want 2", heard)
	}
}
