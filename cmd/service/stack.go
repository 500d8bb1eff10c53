package service

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"citycard/language"
)

// Stack stops the parts of a program in the reverse of the order in which they were started, each
// within a time limit. A part that does not end in time is named in the error and not waited for,
// so that one stuck part cannot block the others.
type Stack struct {
	log   *slog.Logger
	limit time.Duration

	mu    sync.Mutex
	parts []part
}

type part struct {
	name string
	stop func(ctx context.Context) error
}

// NewStack makes an empty stack; limit is the time that each part may take.
func NewStack(log *slog.Logger, limit time.Duration) *Stack {
	return &Stack{log: log, limit: limit}
}

// Push adds a part that has been started. Its context ends at the time limit.
func (s *Stack) Push(name string, stop func(ctx context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = append(s.parts, part{name, stop})
}

// Go starts a part that works until it is stopped: then its context ends, and it is waited for. The
// end of ctx alone does not stop it.
func (s *Stack) Go(ctx context.Context, name string, work func(ctx context.Context)) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		work(running)
	}()
	s.Push(name, func(context.Context) error {
		cancel()
		<-ended
		return nil
	})
}

// Close stops all parts, the last one pushed first, and joins their errors. It
// may be called again: what was stopped is not stopped twice.
func (s *Stack) Close() error {
	var errs []error
	for {
		next, ok := s.pop()
		if !ok {
			return errors.Join(errs...)
		}
		if err := s.stop(next); err != nil {
			errs = append(errs, language.Textf("stopping %s: %w", next.name, err))
		}
	}
}

func (s *Stack) pop() (part, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.parts) == 0 {
		return part{}, false
	}
	last := s.parts[len(s.parts)-1]
	s.parts = s.parts[:len(s.parts)-1]
	return last, true
}

func (s *Stack) stop(p part) error {
	// Not the command's context: it is already cancelled when the parts are stopped.
	ctx, cancel := context.WithTimeout(context.Background(), s.limit)
	defer cancel()
	s.log.Debug("stopping", "part", p.name)
	done := make(chan error, 1)
	go func() { done <- p.stop(ctx) }()
	return await(ctx, done, language.Textf("not stopped within %v, left behind", s.limit))
}

// await returns the result if it comes before ctx ends, else an error with the text late. If both
// are there, it returns the result.
func await(ctx context.Context, result <-chan error, late error) error {
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-result:
		return err
	default:
		return late
	}
}
