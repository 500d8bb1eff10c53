package rules

import (
	"context"
	"errors"
	"log/slog"
	"sync"
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
	current     atomic.Pointer[Set]
	failure     atomic.Pointer[error] // why a newer edition is not taken up
	unpublished atomic.Pointer[error] // why terminals may not have the prices

	now   func() time.Time          // nil: nobody follows
	known atomic.Pointer[time.Time] // when the current edition was last known to be that in force
}

// ErrOutdated: the rules in force could not be looked up for so long that others may have begun.
var ErrOutdated = errors.New("it is not known which rules are in force: the last look is too long ago")

// errUnpublished is what Check says until prices are published for the first time.
var errUnpublished = errors.New("the fares in force are not published for the terminals yet")

// NewShelf is a shelf with a set.
func NewShelf(s *Set) *Shelf {
	shelf := new(Shelf)
	shelf.current.Store(s)
	return shelf
}

// Timed is a shelf with a set that was in force at a time, to be followed by a clock.
func Timed(s *Set, at time.Time, now func() time.Time) *Shelf {
	shelf := NewShelf(s)
	shelf.now = now
	shelf.known.Store(&at)
	shelf.unpublished.Store(&errUnpublished)
	return shelf
}

// lookLimit is how long a look is good for. An approval is stored at least half of Lead before
// anything in it begins, by the database's clock; the rest is for clocks that differ from it.
const lookLimit = Lead / 3

// Fresh is nil if every edition with something that has begun is on the shelf. Otherwise it is
// ErrOutdated: something may have begun of which the shelf does not know.
func (s *Shelf) Fresh() error {
	if s.now == nil {
		return nil
	}
	// A clock on the wall may be set back. The other one may stand still while the machine sleeps.
	now, known := s.now(), *s.known.Load()
	if max(now.Sub(known), now.Round(0).Sub(known.Round(0))) >= lookLimit {
		return ErrOutdated
	}
	return nil
}

// Current is the edition in force.
func (s *Shelf) Current() *Set { return s.current.Load() }

// Check returns why the edition in force could not be taken up, not be asked for, or not be
// published; nil if it is current.
func (s *Shelf) Check(context.Context) error {
	for _, failure := range []*atomic.Pointer[error]{&s.failure, &s.unpublished} {
		if err := failure.Load(); err != nil && *err != nil {
			return *err
		}
	}
	return nil
}

// Follow looks every so often whether the store has a newer edition, takes it up and publishes its
// prices for the terminals, until ctx ends. While one of these fails, the failure is logged, and it
// is tried again. Judges do not wait for what is published: what is approved counts.
func (s *Shelf) Follow(ctx context.Context, store *Store, every time.Duration, publish func(context.Context, *Set) error, log *slog.Logger) {
	var publishing sync.WaitGroup
	defer publishing.Wait()
	publishing.Go(func() { s.publish(ctx, store, every, publish, log) })
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := s.update(ctx, store)
		s.failure.Store(&err)
		if err != nil && ctx.Err() == nil {
			log.Error("the rules cannot be followed", "edition", s.Current().Edition.String(), "error", err)
		}
	}
}

const (
	// publishLimit is how long publishing may take: brokers that have gone do not always say so.
	publishLimit = 10 * time.Second
	// publishAgain is the time after which prices are published again. Another process may have
	// stood still while it published an older edition, and have ended before it saw the newer one.
	publishAgain = time.Minute
)

// publish publishes each edition that the shelf takes up, and the last one from time to time.
func (s *Shelf) publish(ctx context.Context, store *Store, every time.Duration, publish func(context.Context, *Set) error, log *slog.Logger) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var done Edition // the last that was published
	var at time.Time
	for {
		set, now := s.Current(), s.time()
		if done != set.Edition || now.Sub(at) >= publishAgain {
			published, err := publishInForce(ctx, store, set, publish)
			if published {
				done, at = set.Edition, now
			}
			if published || err != nil {
				s.unpublished.Store(&err)
			}
			if err != nil && ctx.Err() == nil {
				log.Error("the fares cannot be published", "edition", set.Edition.String(), "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// publishInForce publishes a set, unless a newer one is in force. A process that stood still takes
// that one up first.
func publishInForce(ctx context.Context, store *Store, set *Set, publish func(context.Context, *Set) error) (published bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, publishLimit)
	defer cancel()
	last, err := store.Edition(ctx)
	if err != nil || last != set.Edition {
		return false, err
	}
	err = publish(ctx, set)
	return err == nil, err
}

// time is the time by the shelf's clock; zero if nobody follows.
func (s *Shelf) time() (now time.Time) {
	if s.now != nil {
		now = s.now()
	}
	return now
}

// update takes up the edition in force.
func (s *Shelf) update(ctx context.Context, store *Store) error {
	ctx, cancel := context.WithTimeout(ctx, Lead/2) // a database that has gone does not always say so
	defer cancel()
	at := s.time()
	last, err := store.Edition(ctx)
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

// Contracts are those in force with top-up channels.
func (s *Shelf) Contracts() *load.Contracts { return s.Current().Contracts }

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
