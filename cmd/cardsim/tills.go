package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"citycard/language"
	"citycard/simulators/city"
)

// tills has things done at counters by the program that reads this one's output.
type tills struct {
	out *progress

	mu    sync.Mutex
	asked int
	wait  map[int]chan doneLine
	gone  chan struct{} // closed once nobody answers any more
}

// tillLine asks for something to be done at a counter.
type tillLine struct {
	Till city.Ask `json:"till"`
	ID   int      `json:"id"`
}

// doneLine says what became of it.
type doneLine struct {
	ID    int    `json:"id"`
	Error string `json:"error,omitempty"`
}

// newTills listens to what was done.
func newTills(out *progress, in io.Reader) *tills {
	t := &tills{out: out, wait: map[int]chan doneLine{}, gone: make(chan struct{})}
	go func() {
		defer close(t.gone)
		t.listen(in)
	}()
	return t
}

// listen hands each answer to who waits for it, until something else comes or nothing more.
func (t *tills) listen(in io.Reader) {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var done doneLine
		if err := json.Unmarshal(lines.Bytes(), &done); err != nil {
			return
		}
		t.mu.Lock()
		wait := t.wait[done.ID]
		delete(t.wait, done.ID)
		t.mu.Unlock()
		if wait != nil {
			wait <- done
		}
	}
}

// serve asks, and waits for the answer.
func (t *tills) serve(ctx context.Context, ask city.Ask) error {
	answer := make(chan doneLine, 1)
	t.mu.Lock()
	t.asked++
	id := t.asked
	t.wait[id] = answer
	t.mu.Unlock()
	if err := t.out.till(tillLine{ask, id}); err != nil {
		return err
	}
	select {
	case done := <-answer:
		if done.Error != "" {
			return errors.New(done.Error)
		}
		return nil
	case <-t.gone:
		return language.Textf("nobody serves at the counters any more")
	case <-ctx.Done():
		return ctx.Err()
	}
}
