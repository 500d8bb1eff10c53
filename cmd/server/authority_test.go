package server

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"citycard/cmd/books/bookstest"
	"citycard/ledger"
)

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
	if _, err := b.Claim(t.Context(), "authorised/one", "second", 0); err != nil {
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
