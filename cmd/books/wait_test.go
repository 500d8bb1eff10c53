package books

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/cmd/service"
)

// station is a data directory and the messages of a wait for it.
type station struct {
	*testing.T
	dir  string
	said chan string // what serve was doing, at each message of the wait
	held *service.DataDir
}

func newStation(t *testing.T) *station {
	return &station{T: t, dir: filepath.Join(t.TempDir(), "data"), said: make(chan string, 1000)}
}

// Handle is the log of a wait.
func (s *station) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "waiting for serve to be ready" {
		s.Errorf("it says %q", r.Message)
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "serve" {
			s.said <- a.Value.String()
		}
		return true
	})
	return nil
}

func (s *station) Enabled(context.Context, slog.Level) bool { return true }
func (s *station) WithAttrs([]slog.Attr) slog.Handler       { return s }
func (s *station) WithGroup(string) slog.Handler            { return s }

// take acts as a process that takes the directory.
func (s *station) take() {
	s.Helper()
	var err error
	if s.held, err = service.OpenDataDir(s.dir, DataPurpose); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = s.held.Close() })
}

// leave is its end.
func (s *station) leave() {
	s.Helper()
	if err := s.held.Close(); err != nil {
		s.Fatal(err)
	}
}

func (s *station) word(r Running) {
	s.Helper()
	if err := r.Write(s.dir); err != nil {
		s.Fatal(err)
	}
}

type found struct {
	serving Running
	ok      bool
	err     error
}

// wait begins a wait that logs a message every millisecond.
func (s *station) wait(p Patience) <-chan found {
	p.Say, p.Log = time.Millisecond, slog.New(s)
	result := make(chan found, 1)
	go func() {
		r, ok, err := p.Serving(s.Context(), s.dir)
		result <- found{r, ok, err}
	}()
	return result
}

// TestStartIsAwaited waits for a process that starts until it serves.
func TestStartIsAwaited(t *testing.T) {
	s := newStation(t)
	s.take()
	s.word(Running{Doing: "opening the books"})
	result := s.wait(Patience{Step: time.Minute})
	if said := <-s.said; said != "opening the books" {
		t.Errorf("first it says %q", said)
	}
	s.word(Running{Look: "postgres://here", Kafka: "127.0.0.1:1"})
	if f := <-result; f.err != nil || !f.ok || f.serving.Look != "postgres://here" {
		t.Errorf("it found %+v", f)
	}
}

// TestLongStep: a step whose time depends on the size of the city has no time limit.
func TestLongStep(t *testing.T) {
	s := newStation(t)
	s.take()
	s.word(Running{Doing: "founding the registry", Long: true})
	result := s.wait(Patience{Step: time.Nanosecond})
	for range 3 {
		if said := <-s.said; said != "founding the registry" {
			t.Errorf("it says %q", said)
		}
	}
	s.word(Running{Doing: "opening the message log"})
	f := <-result
	if f.err == nil || f.ok || !strings.Contains(f.err.Error(), "is still opening the message log after") {
		t.Errorf("it stood at a step that is not long: %+v", f)
	}
}

// TestStartFails: the wait ends when the process ends before it is ready.
func TestStartFails(t *testing.T) {
	s := newStation(t)
	s.take()
	s.word(Running{Doing: "opening the books"})
	result := s.wait(Patience{Step: time.Minute})
	<-s.said
	if err := RemoveRunning(s.dir); err != nil {
		t.Fatal(err)
	}
	s.leave()
	if f := <-result; f.err == nil || !strings.Contains(f.err.Error(), "ended before it was ready") {
		t.Errorf("it found %+v", f)
	}
}

// TestNobodyServes: without a process there is no wait, and nothing is created.
func TestNobodyServes(t *testing.T) {
	s := newStation(t)
	look := func(what string, ok bool) {
		t.Helper()
		if f := <-s.wait(Patience{Step: time.Minute}); f.err != nil || f.ok != ok {
			t.Errorf("%s: it found %+v", what, f)
		}
	}
	look("no directory", false)
	if _, err := os.Stat(s.dir); err == nil {
		t.Error("the directory was made")
	}
	s.take()
	s.leave()
	look("an unused directory", false)
	s.word(Running{Doing: "opening the books"})
	look("killed while it started", false)
	s.word(Running{Look: "postgres://here"})
	look("killed while it served", true)
	s.take()
	if err := RemoveRunning(s.dir); err != nil {
		t.Fatal(err)
	}
	look("in use by another command", false)
	if len(s.said) > 0 {
		t.Errorf("it waits for %q", <-s.said)
	}
}

// TestServeAppears: with Appear the wait includes a process that has not taken the directory yet,
// and ignores the file of a killed one.
func TestServeAppears(t *testing.T) {
	s := newStation(t)
	if f := <-s.wait(Patience{Appear: time.Nanosecond, Step: time.Minute}); f.ok || f.err != nil {
		t.Errorf("it found %+v", f)
	}
	s.take()
	s.leave()
	s.word(Running{Look: "postgres://killed"})
	result := s.wait(Patience{Appear: time.Minute, Step: time.Minute})
	if said := <-s.said; said != "not there yet" {
		t.Errorf("it says %q", said)
	}
	s.word(Running{Look: "postgres://here"})
	s.take()
	if f := <-result; f.err != nil || !f.ok || f.serving.Look != "postgres://here" {
		t.Errorf("it found %+v", f)
	}
}

// TestAskingTurnsNobodyAway checks continuously whether a directory is in use while a process takes
// it.
func TestAskingTurnsNobodyAway(t *testing.T) {
	s := newStation(t)
	s.take()
	s.leave()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			service.InUse(s.dir)
		}
	}()
	for range 200 {
		s.take()
		if !service.InUse(s.dir) {
			t.Error("a directory that was taken is not in use")
		}
		s.leave()
	}
	cancel()
	<-ended
}

// TestWaitIsInterrupted: a signal ends a wait.
func TestWaitIsInterrupted(t *testing.T) {
	s := newStation(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("stop")
	cancel(stop)
	p := Patience{Appear: time.Minute, Step: time.Minute, Say: time.Minute, Log: slog.New(s)}
	if _, ok, err := p.Serving(ctx, s.dir); ok || !errors.Is(err, stop) {
		t.Errorf("%v, %v", ok, err)
	}
}
