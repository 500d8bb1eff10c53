package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/terminals/outbox"
)

// TestLeftOutboxBreaks: the outbox of a lane that is not in the settings breaks, and is opened
// again while the agent runs; so is one that could not be opened.
func TestLeftOutboxBreaks(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	dir, err := service.OpenDataDir(data, "agent")
	must(t, err)
	log := slog.New(slog.DiscardHandler)
	stack := service.NewStack(log, 30*time.Second)
	defer func() { must(t, stack.Close()) }()
	stack.Push("data directory", func(context.Context) error { return dir.Close() })
	home := filepath.Join(data, "lanes", "gone", "outbox")
	out, err := outbox.Open(home)
	must(t, err)
	must(t, out.Close())
	common := &shared{
		log: log, dir: dir, intents: newNeighbours(log, time.UTC, time.Hour, nil),
		forward: startForwarder(t.Context(), stack, log, uplink{brokers: []string{"127.0.0.1:1"}}, prometheus.NewRegistry()),
	}
	left, err := (&agent{Common: service.Common{Data: data}}).openLeft(t.Context(), stack, common, nil)
	must(t, err)
	if len(left) != 1 {
		t.Fatalf("%d outboxes have no lane, want 1", len(left))
	}
	l, record := left[0], outbox.Record{Topic: message.TopicTaps, Key: []byte("card"), Value: []byte("tap")}
	first, _ := l.box()
	must(t, first.Append(record))
	l.renew(t.Context(), common)
	if again, _ := l.box(); again != first {
		t.Error("one that takes records is opened again")
	}
	unwritable(t, home)
	if err := first.Append(record); !errors.Is(err, outbox.ErrBroken) {
		t.Fatalf("it does not break: %v", err)
	}
	must(t, os.Rename(home, home+"-away"))
	must(t, os.WriteFile(home, nil, 0o600)) // no folder
	l.renew(t.Context(), common)
	if out, _ := l.box(); out != nil {
		t.Fatal("one that is not there is open")
	}
	must(t, errors.Join(os.Remove(home), os.Rename(home+"-away", home)))
	l.renew(t.Context(), common)
	second, _ := l.box()
	if second == nil || second == first {
		t.Fatal("it is not opened again")
	}
	must(t, second.Append(record))
	if n := second.Status().Waiting(); n < 2 {
		t.Errorf("%d records wait", n)
	}
}

// unwritable makes the segments of an outbox that this process has open fail to be written to.
func unwritable(t *testing.T, home string) {
	t.Helper()
	null, err := os.Open(os.DevNull) // to read alone
	must(t, err)
	defer func() { must(t, null.Close()) }()
	files, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	found := false
	for _, f := range files {
		target, err := os.Readlink(filepath.Join("/proc/self/fd", f.Name()))
		if err != nil || !strings.HasPrefix(target, home) || !strings.HasSuffix(target, ".log") {
			continue
		}
		number, err := strconv.Atoi(f.Name())
		must(t, err)
		must(t, syscall.Dup3(int(null.Fd()), number, syscall.O_CLOEXEC))
		found = true
	}
	if !found {
		t.Fatalf("no segment of %s is open", home)
	}
}
