package reader

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ebfe/scard"

	"citycard/language"
)

// newReaders is the name under which PC/SC reports that readers come and go.
const newReaders = `\\?PnP?\Notification`

// mostNames is how many names PC/SC takes in one call, and how many readers it has room for. Where
// there are so many, no more can come.
const mostNames = 16

// Intervals of an observer.
const (
	// look is how long one call waits for a change. A change ends the call at once; the list of
	// readers is read again after every call, since a reader may come between two of them.
	look = 500 * time.Millisecond
	// askAgain is the pause until a service that is away is asked again.
	askAgain = 250 * time.Millisecond
	// stallLimit is how long a call may take beyond the time it was given.
	stallLimit = 3 * time.Second
)

// LibraryVersion is the version of the PC/SC library.
func LibraryVersion() string { return scard.Version() }

// Slot is a reader and what is in it.
type Slot struct {
	Name string
	ATR  []byte // of the card in it

	state scard.StateFlag
}

// Card says whether a card is in the reader.
func (s Slot) Card() bool { return s.state&scard.StatePresent != 0 }

// Empty says whether nothing is in the reader. While a card is powered it is neither.
func (s Slot) Empty() bool { return s.state&scard.StateEmpty != 0 }

// Mute says whether the card in the reader does not answer.
func (s Slot) Mute() bool { return s.state&scard.StateMute != 0 }

// Used says whether a program has the card open.
func (s Slot) Used() bool { return s.state&(scard.StateInuse|scard.StateExclusive) != 0 }

// counter is the part of a state that counts insertions and removals.
const counter scard.StateFlag = 0xFFFF0000

// View is what an observer sees at one moment.
type View struct {
	// Err is why the readers are not known: ErrNoService or ErrStalled.
	Err   error
	Slots []Slot

	service int // the services that there have been: each has contexts and handles of its own
}

// slot finds a reader by its full name.
func (v View) slot(name string) (Slot, bool) {
	for _, s := range v.Slots {
		if s.Name == name {
			return s, true
		}
	}
	return Slot{}, false
}

// Observer watches all readers with one call that waits for any change. It survives a service that
// ends and starts again, and says what it sees then. A program has one: the PC/SC library's
// binding is not made for two such calls that name the same reader at once.
type Observer struct {
	stop context.CancelFunc
	done chan struct{}

	mu      sync.Mutex
	looked  bool
	view    View
	changed chan struct{} // closed and replaced when the view is another
	service *scard.Context
	stuck   map[string]<-chan struct{} // by reader: closed when a call that was given up returns
	open    map[string]bool            // by reader: Open has given it out
}

// Observe begins to watch; Close ends it.
func Observe() *Observer {
	ctx, stop := context.WithCancel(context.Background())
	o := &Observer{stop: stop, done: make(chan struct{}), changed: make(chan struct{}), stuck: map[string]<-chan struct{}{}, open: map[string]bool{}}
	go o.run(ctx)
	return o
}

// Close ends the watch. A call that does not return is left behind.
func (o *Observer) Close() error {
	o.stop()
	o.mu.Lock()
	if o.service != nil {
		_ = o.service.Cancel() // else the call returns a moment later
	}
	o.mu.Unlock()
	<-o.done
	return nil
}

// View returns what is seen now, and a channel that is closed when it is something else. It waits
// for the first look.
func (o *Observer) View(ctx context.Context) (View, <-chan struct{}, error) {
	for {
		o.mu.Lock()
		looked, view, changed := o.looked, o.view, o.changed
		o.mu.Unlock()
		if looked {
			return view, changed, nil
		}
		select {
		case <-ctx.Done():
			return View{}, nil, ctx.Err()
		case <-changed:
		}
	}
}

func (o *Observer) run(ctx context.Context) {
	defer close(o.done)
	for services := 1; ctx.Err() == nil; services++ {
		if err := o.watch(ctx, services); err != nil && ctx.Err() == nil {
			o.see(View{Err: err, service: services})
		}
		select {
		case <-ctx.Done():
		case <-time.After(askAgain):
		}
	}
}

func (o *Observer) see(v View) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.view, o.looked = v, true
	close(o.changed)
	o.changed = make(chan struct{})
}

func (o *Observer) hold(service *scard.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.service = service
}

// watch watches until ctx ends or the service is gone.
func (o *Observer) watch(ctx context.Context, services int) error {
	service, err := call(ctx, o, stallLimit, scard.EstablishContext)
	if err != nil {
		return sorted(language.Textf("reach PC/SC"), err)
	}
	o.hold(service)
	last := map[string]Slot{}
	for {
		states, err := call(ctx, o, look+stallLimit, func() ([]scard.ReaderState, error) { return step(service, last) })
		if errors.Is(err, ErrStalled) && ctx.Err() != nil {
			return err // the call still has the context
		}
		if err != nil || ctx.Err() != nil {
			o.hold(nil)
			_ = service.Release() // fails where the service has gone
			return sortedAdmitted(language.Textf("watch the readers"), err)
		}
		if states == nil {
			continue // a reader went while it was asked for
		}
		if seen, news := taken(states, last); news || !o.sees(services) {
			o.see(View{Slots: seen, service: services})
		}
	}
}

// sees says whether the view is of this service.
func (o *Observer) sees(service int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.looked && o.view.Err == nil && o.view.service == service
}

// step lists the readers and waits for a change of any. The first time it returns at once.
func step(service *scard.Context, last map[string]Slot) ([]scard.ReaderState, error) {
	names, err := service.ListReaders()
	if err != nil && !errors.Is(err, scard.ErrNoReadersAvailable) {
		return nil, err
	}
	var states []scard.ReaderState
	if len(names) < mostNames {
		states = append(states, scard.ReaderState{Reader: newReaders, CurrentState: last[newReaders].state})
	}
	for _, name := range names {
		states = append(states, scard.ReaderState{Reader: name, CurrentState: last[name].state})
	}
	err = service.GetStatusChange(states, look)
	switch {
	case err == nil, errors.Is(err, scard.ErrTimeout), errors.Is(err, scard.ErrCancelled):
		for i := range states {
			if states[i].EventState&scard.StateChanged == 0 { // the library need not say how it is
				before := last[states[i].Reader]
				states[i].EventState, states[i].Atr = before.state, before.ATR
			}
		}
	case errors.Is(err, scard.ErrUnknownReader), errors.Is(err, scard.ErrReaderUnavailable), errors.Is(err, scard.ErrNoReadersAvailable):
		time.Sleep(askAgain / 10) // it went between the two calls
		return nil, nil
	default:
		return nil, err
	}
	return states, nil
}

// taken keeps the states for the next call, and returns the readers that are there. news is false
// if everything is as it was.
func taken(states []scard.ReaderState, last map[string]Slot) (slots []Slot, news bool) {
	there := map[string]bool{}
	for _, s := range states {
		slot := Slot{Name: s.Reader, ATR: append([]byte(nil), s.Atr...), state: s.EventState &^ scard.StateChanged}
		if s.Reader != newReaders && slot.state&(scard.StateUnavailable|scard.StateUnknown|scard.StateIgnore) != 0 {
			continue
		}
		before, known := last[s.Reader]
		last[s.Reader], there[s.Reader] = slot, true
		if s.Reader != newReaders {
			news = news || !known || before.state != slot.state
			slots = append(slots, slot)
		}
	}
	for name := range last {
		if !there[name] {
			delete(last, name)
			news = news || name != newReaders
		}
	}
	return slots, news
}

// answer is what a call returns.
type answer[T any] struct {
	value T
	err   error
}

// call runs a call of the library, and gives it up after a limit. After that it waits until the
// call returns, since the next one would not do better.
func call[T any](ctx context.Context, o *Observer, limit time.Duration, run func() (T, error)) (T, error) {
	ended := make(chan answer[T], 1)
	go func() {
		value, err := run()
		ended <- answer[T]{value, err}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case a := <-ended:
		return a.value, a.err
	case <-timer.C:
	}
	o.see(View{Err: ErrStalled})
	select {
	case <-ended:
	case <-ctx.Done():
	}
	var none T
	return none, ErrStalled
}

// gaveUp notes that a call to the driver of a reader has not returned.
func (o *Observer) gaveUp(name string, returned <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stuck[name] = returned
}

// stalls says whether the driver of a reader is still busy with a call that was given up: another
// one would wait too.
func (o *Observer) stalls(name string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	returned, there := o.stuck[name]
	if !there {
		return false
	}
	select {
	case <-returned:
		delete(o.stuck, name)
		return false
	default:
		return true
	}
}

// Readers returns what is seen of the readers. Errors: ErrNoService, ErrStalled, ErrNoReader.
func (o *Observer) Readers(ctx context.Context) ([]Slot, error) {
	view, _, err := o.View(ctx)
	switch {
	case err != nil:
		return nil, err
	case view.Err != nil:
		return nil, view.Err
	case len(view.Slots) == 0:
		return nil, ErrNoReader
	}
	return view.Slots, nil
}
