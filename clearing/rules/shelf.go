package rules

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"citycard/clearing/medical"
	"citycard/clearing/pension"
	"citycard/clearing/transit"
	"citycard/clearing/transit/load"
)

// Shelf has the edition in force for running code, which takes one set for all that it judges
// together.
type Shelf struct {
	current atomic.Pointer[Set]
	failure atomic.Pointer[error] // why a newer edition is not taken up
}

// NewShelf is a shelf with a set.
func NewShelf(s *Set) *Shelf {
	shelf := &Shelf{}
	shelf.current.Store(s)
	return shelf
}

// Current is the edition in force.
func (s *Shelf) Current() *Set { return s.current.Load() }

// Check returns why the edition in force could not be taken up, or not be asked for; nil if it is
// current.
func (s *Shelf) Check(context.Context) error {
	if err := s.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Follow looks every so often whether the store has a newer edition, and takes it up, until ctx
// ends. Before that it calls adopt, so that terminals have its prices. While adopt or the database
// fails, the edition stays, and the failure is logged.
func (s *Shelf) Follow(ctx context.Context, store *Store, every time.Duration, adopt func(context.Context, *Set) error, log *slog.Logger) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := s.update(ctx, store, adopt)
		s.failure.Store(&err)
		if err != nil && ctx.Err() == nil {
			log.Error("the rules stay at their edition", "edition", s.Current().Edition.String(), "error", err)
		}
	}
}

func (s *Shelf) update(ctx context.Context, store *Store, adopt func(context.Context, *Set) error) error {
	last, err := store.edition(ctx)
	if err != nil || last == s.Current().Edition {
		return err
	}
	newer, err := store.At(ctx, last.Number)
	if err != nil {
		return err
	}
	if err := adopt(ctx, newer); err != nil {
		return err
	}
	s.current.Store(newer)
	return nil
}

// Transit are the rules of taps in force, and their edition.
func (s *Shelf) Transit() (transit.Rules, string) {
	set := s.Current()
	return transit.Rules{Fares: set.Tables, Purses: set.Loads}, set.Edition.String()
}

// Loads are the rules of loads in force, and their edition.
func (s *Shelf) Loads() (*load.Rules, string) {
	set := s.Current()
	return set.Loads, set.Edition.String()
}

// Medical are the rules of claims in force, and their edition.
func (s *Shelf) Medical() (*medical.Rules, string) {
	set := s.Current()
	return set.Medical, set.Edition.String()
}

// Pension are the bounds of lists in force, and their edition.
func (s *Shelf) Pension() (*pension.Rules, string) {
	set := s.Current()
	return set.Pension, set.Edition.String()
}
