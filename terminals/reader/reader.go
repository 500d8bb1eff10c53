package reader

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ebfe/scard"

	"citycard/language"
)

// connectLimit is how long a driver may take to power a card. A contact card may take a second.
const connectLimit = 5 * time.Second

// Reader is one open reader. One goroutine at a time uses it, except that WaitEmpty may run beside
// other calls.
type Reader struct {
	name     string
	observer *Observer
	service  int // of the observer's count
	calls    calls
	context  *scard.Context // nil once closed
	// insertion is pcscd's count of insertions and removals (the upper half of the state) when the
	// last card was returned. It tells one card from the next.
	insertion scard.StateFlag
	given     bool
}

// calls are those of one context of the library. The library serves one at a time: after one that
// does not return there can be no other.
type calls struct {
	mu    sync.Mutex
	stuck <-chan struct{} // closed when the call that was given up returns
}

// run runs a call and returns true, or gives it up when ctx ends and returns false.
func (c *calls) run(ctx context.Context, call func()) bool {
	if ctx.Done() == nil {
		call()
		return true
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		call()
	}()
	select {
	case <-ended:
		return true
	case <-ctx.Done():
	}
	select {
	case <-ended: // both at once: the answer counts
		return true
	default:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stuck = ended
	return false
}

// givenUp is closed when the call returns that was given up; it is nil if there was none.
func (c *calls) givenUp() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stuck
}

// Name is the reader's full name.
func (r *Reader) Name() string { return r.name }

// Stalled says whether a call was given up. The reader is then of no more use: close it.
func (r *Reader) Stalled() bool { return r.calls.givenUp() != nil }

// reach opens a context of the reader's own.
func (r *Reader) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stallLimit)
	defer cancel()
	var context *scard.Context
	var err error
	if !r.calls.run(ctx, func() { context, err = scard.EstablishContext() }) {
		r.observer.gaveUp(r.name, r.calls.givenUp())
		return r.stalled()
	}
	if err != nil {
		return sorted(language.Textf("reach PC/SC"), err)
	}
	r.context = context
	return nil
}

func (r *Reader) stalled() error { return language.Textf("%w (reader %s)", ErrStalled, r.name) }

// Close releases the reader.
func (r *Reader) Close() error {
	if r.context == nil {
		return nil
	}
	ctx := r.context
	r.context = nil
	defer r.observer.giveBack(r.name)
	if returned := r.calls.givenUp(); returned != nil {
		r.observer.gaveUp(r.name, returned)
		go func() { // until then the call has the context
			<-returned
			_ = ctx.Release()
		}()
		return nil
	}
	return sorted(language.Textf("release PC/SC"), ctx.Release())
}

// WaitCard waits until a card is in the reader and opens it. A card that is already there counts,
// except the one that was returned last, which has to be taken out and put in again. When ctx ends
// first the error is ErrNoCard together with ctx's. After ErrBusy the same card can be opened once
// the other program has let it go.
func (r *Reader) WaitCard(ctx context.Context) (*Card, error) {
	for {
		var seen Slot
		err := r.wait(ctx, func(s Slot) (bool, error) {
			seen = s
			if r.given && s.state&counter == r.insertion {
				return false, nil
			}
			if s.Mute() {
				return false, language.Textf("%w (reader %s)", ErrUnresponsive, r.name)
			}
			return s.Card(), nil
		})
		if err != nil {
			if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
				err = &noCard{language.Textf("%w (reader %s)", ErrNoCard, r.name), ctx.Err()}
			}
			return nil, err
		}
		card, err := r.connect(ctx)
		if errors.Is(err, ErrBusy) {
			return nil, err
		}
		r.insertion, r.given = seen.state&counter, true
		if err == nil {
			return card, nil
		}
		// The card went away before it could be opened: wait for the next one.
		if !errors.Is(err, ErrNoCard) && !errors.Is(err, ErrCardGone) {
			return nil, err
		}
	}
}

// Again lets the card that was returned last count for WaitCard once more, without being taken out.
func (r *Reader) Again() { r.given = false }

// WaitEmpty waits until the card that was returned last is taken out; another card may already be
// in.
func (r *Reader) WaitEmpty(ctx context.Context) error {
	return r.wait(ctx, func(s Slot) (bool, error) {
		return s.Empty() || r.given && s.state&counter != r.insertion, nil
	})
}

// WaitFree waits until no program has the card open, or it is taken out.
func (r *Reader) WaitFree(ctx context.Context) error {
	return r.wait(ctx, func(s Slot) (bool, error) { return s.Empty() || !s.Used(), nil })
}

// wait watches the reader until enough returns true for it.
func (r *Reader) wait(ctx context.Context, enough func(Slot) (bool, error)) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.context == nil {
			return language.Textf("%w (reader %s was closed)", ErrNoReader, r.name)
		}
		view, changed, err := r.observer.View(ctx)
		if err != nil {
			return err
		}
		if view.Err != nil {
			return view.Err
		}
		if view.service != r.service {
			return language.Textf("%w (it was started again)", ErrNoService)
		}
		slot, there := view.slot(r.name)
		if !there {
			return language.Textf("%w (%s was unplugged)", ErrNoReader, r.name)
		}
		if ok, err := enough(slot); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// connect opens the card. The end of ctx does not interrupt it.
func (r *Reader) connect(ctx context.Context) (*Card, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectLimit)
	defer cancel()
	var card *Card
	var err error
	if !r.calls.run(ctx, func() { card, err = r.power() }) {
		return nil, r.stalled()
	}
	return card, err
}

func (r *Reader) power() (*Card, error) {
	handle, err := r.context.Connect(r.name, scard.ShareExclusive, scard.ProtocolAny)
	if err != nil {
		return nil, sorted(language.Textf("open the card in %s", r.name), err)
	}
	status, err := handle.Status()
	if err != nil {
		return nil, errors.Join(sorted(language.Textf("ask for the card's state"), err), handle.Disconnect(scard.ResetCard))
	}
	return newCard(handle, status.Atr, &r.calls), nil
}
