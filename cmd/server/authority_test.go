package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"citycard/cmd/books/bookstest"
	"citycard/cmd/service"
	"citycard/ledger"
)

// TestAuthorityEnds takes the load authority's address away: a process that answers no channel
// ends, and says why.
func TestAuthorityEnds(t *testing.T) {
	a, err := listen(t.Context(), &APISettings{Address: "127.0.0.1:0", Connections: 10})
	if err != nil {
		t.Fatal(err)
	}
	stack := service.NewStack(slog.New(slog.DiscardHandler), time.Minute)
	c := &Server{Base: &Base{failed: make(chan error, 1)}}
	a.serve(stack, c.fail, slog.New(slog.DiscardHandler))
	if err := a.listener.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-c.Failed():
		if !errors.Is(err, net.ErrClosed) || !strings.Contains(err.Error(), "load authority") {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Error("the process went on without its load authority")
	}
	if err := stack.Close(); err != nil {
		t.Error(err)
	}
}

// TestInstanceTwice takes a serving process's stream away, as a second process with
// its --instance does: the first one ends and says why.
func TestInstanceTwice(t *testing.T) {
	b, _ := bookstest.New(t)
	if err := b.OpenDay(t.Context(), 20260105); err != nil {
		t.Fatal(err)
	}
	poster, err := b.NewGatherer(t.Context(), "authorised/one", "first", 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer poster.Close()
	c := &Server{Base: &Base{failed: make(chan error, 1)}, instance: "one"}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go c.watchPoster(ctx, poster, time.Millisecond)
	if _, err := b.Lease(t.Context(), "authorised/one", "second", 0); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-c.failed:
		if !errors.Is(err, ledger.ErrFenced) || !strings.Contains(err.Error(), `--instance "one"`) {
			t.Errorf("ended with %v, want ErrFenced and the instance's name", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the process that lost its stream went on")
	}
}
