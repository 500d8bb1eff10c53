package rules

import (
	"context"
	"errors"
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

	now   func() time.Time          // nil: nobody follows
	known atomic.Pointer[time.Time] // when the current edition was last known to be that in force

	published Edition // the last for which Follow's publish has worked
}

// ErrOutdated: the rules in force could not be looked up for so long that others may have begun.
var ErrOutdated = errors.New("it is not known which rules are in force: the last look is too long ago")

// NewShelf is a shelf with a set.
func NewShelf(s *Set) *Shelf {
	shelf := &Shelf{published: s.Edition}
	shelf.current.Store(s)
	return shelf
}

// Timed is a shelf with a set that was in force at a time, to be followed by a clock.
func Timed(s *Set, at time.Time, now func() time.Time) *Shelf {
	shelf := NewShelf(s)
	shelf.now = now
	shelf.known.Store(&at)
	return shelf
}

// lookLimit is how long a look is good for. An approval is stored at least half of Lead before
// anything in it begins; the rest is for clocks that differ.
const lookLimit = Lead / 3

// Fresh is nil if every edition with something that has begun is on the shelf. Otherwise it is
// ErrOutdated: something may have begun of which the shelf does not know.
func (s *Shelf) Fresh() error {
	// Clocks on the wall, since others stand still while the machine sleeps.
	if s.now != nil && s.now().Round(0).Sub(s.known.Load().Round(0)) >= lookLimit {
		return ErrOutdated
	}
	return nil
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

// Follow looks every so often whether the store has a newer edition, takes it up and publishes its
// prices for the terminals, until ctx ends. While one of these fails, the failure is logged, and it
// is tried again.
func (s *Shelf) Follow(ctx context.Context, store *Store, every time.Duration, publish func(context.Context, *Set) error, log *slog.Logger) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := s.update(ctx, store)
		if err == nil && s.published != s.Current().Edition {
			// Judges do not wait for it: what is approved counts.
			if err = publish(ctx, s.Current()); err == nil {
				s.published = s.Current().Edition
			}
		}
		s.failure.Store(&err)
		if err != nil && ctx.Err() == nil {
			log.Error("the rules cannot be followed", "edition", s.Current().Edition.String(), "error", err)
		}
	}
}

// update takes up the edition in force.
func (s *Shelf) update(ctx context.Context, store *Store) error {
	ctx, cancel := context.WithTimeout(ctx, Lead/2) // a database that has gone does not always say so
	defer cancel()
	var at time.Time
	if s.now != nil {
		at = s.now()
	}
	last, err := store.edition(ctx)
	if err != nil {
		return err
	}
	if last != s.Current().Edition {
		newer, err := store.At(ctx, last.Number)
		if err != nil {
			return err
		}
		s.current.Store(newer)
	}
	s.known.Store(&at)
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
