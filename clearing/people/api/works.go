package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"citycard/language"
)

// Line is a line of the answer to an act that may take long: how far it is, a part of its result,
// or its end. A line without anything says that the act goes on.
type Line struct {
	Waiting *Waiting `json:"waiting,omitempty"`
	Judged  *Judged  `json:"judged,omitempty"`
	Sealed  *Sealed  `json:"sealed,omitempty"`
	Closed  *Closed  `json:"closed,omitempty"`
	Preview *Preview `json:"preview,omitempty"`
	Problem *Problem `json:"problem,omitempty"` // the act has failed
	Done    bool     `json:"done,omitempty"`    // the act is done
}

// lineEvery is how often a line is sent at least, and lineTimeout how long a client may take to
// receive one.
const (
	lineEvery   = 10 * time.Second
	lineTimeout = time.Minute
)

// works are the long acts that run. An act goes on when who asked for it goes away; who asks for
// the same while it runs gets its answer, too.
type works struct {
	log *slog.Logger

	mu      sync.Mutex
	running map[string]*work
	stopped bool
	ended   sync.WaitGroup
}

// work is one of them.
type work struct {
	cancel context.CancelCauseFunc
	leave  context.CancelFunc // nobody waits for the answer any more

	// All that follows is guarded by the mutex of works.
	watchers int
	lines    []Line
	waiting  *Waiting      // the newest
	news     chan struct{} // closed at the next change
	done     bool
	err      error
	gaveUp   bool // because nobody waited any more
}

// doing does a long act. attended ends when nobody waits for the answer any more; ctx does not.
type doing func(ctx, attended context.Context, say func(Line)) error

var errStops = language.Textf("citycard serve stops")

// join is the work of a name: the one that runs, or a new one. Who joins must leave.
func (a *works) join(ctx context.Context, name string, do doing) (*work, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stopped {
		return nil, errStops
	}
	w := a.running[name]
	if w == nil {
		own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
		attended, leave := context.WithCancel(own)
		w = &work{cancel: cancel, leave: leave, news: make(chan struct{})}
		if a.running == nil {
			a.running = map[string]*work{}
		}
		a.running[name] = w
		a.ended.Go(func() {
			err := safely(a.log, func() error { return do(own, attended, func(l Line) { a.say(w, l) }) })
			a.end(name, w, err, errors.Is(err, context.Canceled) && attended.Err() != nil && own.Err() == nil)
			leave()
			cancel(nil)
		})
	}
	w.watchers++
	return w, nil
}

// safely makes an error of a panic: clearing goes on beside the act.
func safely(log *slog.Logger, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			log.Error("an act has panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	return do()
}

func (a *works) say(w *work, l Line) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l.Waiting != nil {
		w.waiting = l.Waiting
	} else {
		w.lines = append(w.lines, l)
	}
	close(w.news)
	w.news = make(chan struct{})
}

func (a *works) end(name string, w *work, err error, gaveUp bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w.done, w.err, w.gaveUp = true, err, gaveUp
	if a.stopped && errors.Is(err, context.Canceled) {
		w.err = &Explained{Kind: Unavailable, What: errStops, Todo: tryAgain()}
	}
	close(w.news)
	w.news = make(chan struct{})
	delete(a.running, name)
}

// leaves is called by who has joined.
func (a *works) leaves(w *work) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if w.watchers--; w.watchers == 0 {
		w.leave()
	}
}

// stop ends all works, and waits for their ends.
func (a *works) stop() {
	a.mu.Lock()
	a.stopped = true
	for _, w := range a.running {
		w.cancel(errStops)
	}
	a.mu.Unlock()
	a.ended.Wait()
}

// reader is how far a client has read.
type reader struct {
	lines   int
	waiting *Waiting
}

// next is what a reader has not had yet, and what to wait for if that is nothing.
func (a *works) next(w *work, r *reader) (lines []Line, news <-chan struct{}, done bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	lines = w.lines[r.lines:]
	r.lines = len(w.lines)
	if w.waiting != r.waiting && !w.done {
		r.waiting = w.waiting
		lines = append(lines[:len(lines):len(lines)], Line{Waiting: w.waiting})
	}
	return lines, w.news, w.done
}

// stream does a long act, and answers with its lines in the language of who asks. The act is known
// by its name.
func (s *Server) stream(ctx context.Context, name string, do doing) (*huma.StreamResponse, error) {
	l := callerOf(ctx).language
	w, err := s.works.join(ctx, name, do)
	if err != nil {
		return nil, newProblem(l, Unavailable, err, tryAgain())
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		h.SetHeader("Content-Type", "application/jsonl")
		for w != nil {
			w = s.follow(ctx, name, w, do, h)
		}
	}}, nil
}

// follow sends the lines of a work until its end. If others have left it and it has given up, it
// gives the work that takes its place.
func (s *Server) follow(ctx context.Context, name string, w *work, do doing, h huma.Context) *work {
	defer s.works.leaves(w)
	tick := time.NewTicker(lineEvery)
	defer tick.Stop()
	read := new(reader)
	for {
		lines, news, done := s.works.next(w, read)
		if done && w.gaveUp {
			if again, err := s.works.join(ctx, name, do); err == nil {
				return again
			}
		}
		if done {
			lines = append(lines, s.last(ctx, w.err))
		}
		for _, line := range lines {
			if send(h, line.in(callerOf(ctx).language), s.s.Now().Add(lineTimeout)) != nil {
				return nil
			}
		}
		if done {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if send(h, Line{}, s.s.Now().Add(lineTimeout)) != nil {
				return nil
			}
		}
	}
}

// last is the last line of an answer.
func (s *Server) last(ctx context.Context, err error) Line {
	if err != nil {
		return Line{Problem: s.problem(ctx, err)}
	}
	return Line{Done: true}
}

func send(h huma.Context, line Line, until time.Time) error {
	w, ok := h.BodyWriter().(http.ResponseWriter)
	if !ok {
		return json.NewEncoder(h.BodyWriter()).Encode(line)
	}
	control := http.NewResponseController(w)
	_ = control.SetWriteDeadline(until) // not every writer can
	if err := json.NewEncoder(w).Encode(line); err != nil {
		return err
	}
	return control.Flush()
}
