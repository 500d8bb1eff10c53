package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"

	"citycard/language"
)

// An output that accepts nothing keeps no card waiting: the trace leaves out the exchanges for
// which there is no room, prints their number, and goes on.
func TestTraceNeverWaitsForItsOutput(t *testing.T) {
	r, w := io.Pipe()
	l := startLive(w, language.Language{}, slog.New(slog.DiscardHandler))
	for range maxUnprinted + 101 { // nobody reads; one line at most is under way
		l.say(spoken{arrival: "a card"})
	}
	cards, missed := 0, 0
	done := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			if lines.Text() == "a card" {
				cards++
			} else if strings.Contains(lines.Text(), "exchanges left out") {
				missed++
			}
		}
		done <- lines.Err()
	}()
	must(t, l.Close(t.Context()))
	must(t, w.Close())
	must(t, <-done)
	if cards < maxUnprinted || cards > maxUnprinted+1 || missed != 1 {
		t.Errorf("%d lines and %d notes of what was left out", cards, missed)
	}
}

// If the output fails, the trace ends for good; if the output hangs, the program does not wait for
// it.
func TestTraceEndsWithItsOutput(t *testing.T) {
	r, w := io.Pipe()
	must(t, r.CloseWithError(errors.New("no paper")))
	var log strings.Builder
	l := startLive(w, language.Chinese(), slog.New(slog.NewTextHandler(&log, nil)))
	for range 3 * maxUnprinted {
		l.say(spoken{arrival: "a card"})
	}
	must(t, l.Close(t.Context()))
	if n := strings.Count(log.String(), "no paper"); n != 1 {
		t.Errorf("the failure is logged %d times: %s", n, log.String())
	}
	_, stuck := io.Pipe()
	l = startLive(stuck, language.Language{}, slog.New(slog.DiscardHandler))
	l.say(spoken{arrival: "a card"})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Close(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a stuck output: %v", err)
	}
	must(t, stuck.Close())
}
