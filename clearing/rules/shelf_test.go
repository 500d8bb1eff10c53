package rules_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"citycard/clearing/rules"
)

// watched is a shelf that is followed by a clock, and what it publishes.
type watched struct {
	*office
	*rules.Shelf
	clock atomic.Pointer[time.Time]
}

// watch makes a shelf with the edition in force.
func (o *office) watch() *watched {
	o.Helper()
	set, err := o.store.InForce(o.Context())
	o.must(err)
	w := &watched{office: o}
	w.clock.Store(&o.now)
	w.Shelf = rules.Timed(set, o.now, func() time.Time { return *w.clock.Load() })
	return w
}

// follow follows the store until stop is called.
func (w *watched) follow(publish func(context.Context, *rules.Set) error) (stop func()) {
	ctx, cancel := context.WithCancel(w.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		w.Follow(ctx, w.store, time.Millisecond, publish, slog.New(slog.DiscardHandler))
	}()
	return func() {
		cancel()
		<-ended
	}
}

// pass moves the clock.
func (w *watched) pass(d time.Duration) {
	now := w.clock.Load().Add(d)
	w.clock.Store(&now)
}

// until waits for something that the shelf comes to.
func (w *watched) until(what string, done func() bool) {
	w.Helper()
	for limit := time.After(20 * time.Second); !done(); {
		select {
		case <-limit:
			w.Fatalf("it does not come to this: %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

// adopt puts fares in force that are dearer from a day on.
func (o *office) adopt(from string) {
	o.Helper()
	number := o.proposed(from)
	o.must(o.store.Approve(o.Context(), number, o.two()))
}

// TestPublishingHangs publishes through brokers that never answer. The shelf looks, and takes up
// editions, all the same; that nothing is published is said.
func TestPublishingHangs(t *testing.T) {
	o := newOffice(t)
	o.found()
	w := o.watch()
	o.adopt("20260106")
	hanging := make(chan bool, 100)
	stop := w.follow(func(ctx context.Context, _ *rules.Set) error {
		_, limited := ctx.Deadline()
		hanging <- limited
		<-ctx.Done()
		return ctx.Err()
	})
	defer stop()
	if !<-hanging {
		t.Error("it would be published for ever")
	}
	o.adopt("20260107")
	w.pass(time.Minute)
	w.until("edition 3 is known to be in force", func() bool { return w.Current().Edition.Number == 3 && w.Fresh() == nil })
	if err := w.Check(t.Context()); err == nil {
		t.Error("prices that were never published are not missed")
	}
}

// TestPublished publishes each edition that is in force: at first, when one is approved, when it
// has failed, and from time to time, since somebody else may have published an older one.
func TestPublished(t *testing.T) {
	o := newOffice(t)
	o.found()
	w := o.watch()
	o.adopt("20260106") // while this process stood still
	sets, answers := make(chan *rules.Set), make(chan error)
	stop := w.follow(func(ctx context.Context, set *rules.Set) error {
		select {
		case sets <- set:
			return <-answers
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	defer stop()
	publishes := func(edition int64, answer error) {
		t.Helper()
		limit := time.After(20 * time.Second)
		select {
		case set := <-sets:
			if set.Edition.Number != edition {
				t.Errorf("edition %s is published, want %d", set.Edition, edition)
			}
			answers <- answer
		case <-limit:
			t.Fatalf("edition %d is not published", edition)
		}
		w.until("it says whether that worked", func() bool { return errors.Is(w.Check(t.Context()), answer) })
	}
	away := errors.New("the broker is away")
	publishes(2, away)
	publishes(2, nil)
	o.adopt("20260107")
	publishes(3, nil)
	w.pass(time.Minute)
	publishes(3, away)
	publishes(3, nil)
	select {
	case set := <-sets:
		t.Errorf("edition %s is published once more", set.Edition)
	default:
	}
}
