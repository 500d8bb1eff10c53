package reader

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/ebfe/scard"

	"citycard/language"
)

// look is how long one call to the daemon may block before the context is checked. A change of
// state ends the call at once.
const look = 200 * time.Millisecond

// List returns the names of the readers. Errors: ErrNoService, ErrNoReader.
func List() ([]string, error) {
	ctx, err := scard.EstablishContext()
	if err != nil {
		return nil, sorted(language.Textf("list the readers"), err)
	}
	defer ctx.Release() //nolint:errcheck // nothing to be done about it
	return list(ctx)
}

func list(ctx *scard.Context) ([]string, error) {
	names, err := ctx.ListReaders()
	if err != nil {
		return nil, sorted(language.Textf("list the readers"), err)
	}
	if len(names) == 0 {
		return nil, ErrNoReader
	}
	return names, nil
}

// Reader is one open reader. One goroutine at a time uses it.
type Reader struct {
	name    string
	context *scard.Context // nil once closed
	state   scard.StateFlag
	// insertion is pcscd's count of insertions and removals (the upper half of the state) when the
	// last card was returned. It tells one card from the next.
	insertion scard.StateFlag
	given     bool
}

// Open opens the reader whose name contains name; the empty name means the
// first one. Errors: ErrNoService, ErrNoReader.
func Open(name string) (*Reader, error) {
	ctx, err := scard.EstablishContext()
	if err != nil {
		return nil, sorted(language.Textf("reach PC/SC"), err)
	}
	names, err := list(ctx)
	if err != nil {
		return nil, errors.Join(err, ctx.Release())
	}
	i := slices.IndexFunc(names, func(n string) bool { return strings.Contains(n, name) })
	if i < 0 {
		return nil, errors.Join(&unknownReader{name, names}, ctx.Release())
	}
	return &Reader{name: names[i], context: ctx, state: scard.StateUnaware}, nil
}

// Name is the reader's full name.
func (r *Reader) Name() string { return r.name }

// Close releases the reader.
func (r *Reader) Close() error {
	if r.context == nil {
		return nil
	}
	ctx := r.context
	r.context = nil
	return sorted(language.Textf("release PC/SC"), ctx.Release())
}

// counter is the part of a state that counts insertions and removals.
const counter scard.StateFlag = 0xFFFF0000

// WaitCard waits until a card is in the reader and opens it. A card that is already there counts,
// except the one that was returned last, which has to be taken out and put in again. When ctx ends
// first the error is ErrNoCard together with ctx's.
func (r *Reader) WaitCard(ctx context.Context) (*Card, error) {
	for {
		err := r.wait(ctx, func(state scard.StateFlag) (bool, error) {
			if r.given && state&counter == r.insertion {
				return false, nil
			}
			if state&scard.StateMute != 0 {
				return false, language.Textf("%w (reader %s)", ErrUnresponsive, r.name)
			}
			return state&scard.StatePresent != 0, nil
		})
		if err != nil {
			if ctx.Err() != nil {
				err = &noCard{language.Textf("%w (reader %s)", ErrNoCard, r.name), ctx.Err()}
			}
			return nil, err
		}
		r.insertion, r.given = r.state&counter, true
		card, err := r.connect()
		if err == nil {
			return card, nil
		}
		// The card went away before it could be opened: wait for the next one.
		if !errors.Is(err, ErrNoCard) && !errors.Is(err, ErrCardGone) {
			return nil, err
		}
	}
}

// WaitEmpty waits until the card that was returned last is taken out; another card may already be
// in.
func (r *Reader) WaitEmpty(ctx context.Context) error {
	return r.wait(ctx, func(state scard.StateFlag) (bool, error) {
		return state&scard.StateEmpty != 0 || r.given && state&counter != r.insertion, nil
	})
}

// wait reads the reader's state until enough returns true for it. The first read returns at once.
func (r *Reader) wait(ctx context.Context, enough func(scard.StateFlag) (bool, error)) error {
	r.state = scard.StateUnaware
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if r.context == nil {
			return language.Textf("%w (reader %s was closed)", ErrNoReader, r.name)
		}
		states := []scard.ReaderState{{Reader: r.name, CurrentState: r.state}}
		err := r.context.GetStatusChange(states, look)
		if errors.Is(err, scard.ErrTimeout) {
			continue
		}
		if err != nil {
			return sortedAdmitted(language.Textf("watch the reader %s", r.name), err)
		}
		// The state that was seen is passed to the next call; else that call returns at once.
		r.state = states[0].EventState &^ scard.StateChanged
		if r.state&(scard.StateUnavailable|scard.StateUnknown|scard.StateIgnore) != 0 {
			return language.Textf("%w (%s was unplugged)", ErrNoReader, r.name)
		}
		if ok, err := enough(r.state); ok || err != nil {
			return err
		}
	}
}

func (r *Reader) connect() (*Card, error) {
	handle, err := r.context.Connect(r.name, scard.ShareExclusive, scard.ProtocolAny)
	if err != nil {
		return nil, sorted(language.Textf("open the card in %s", r.name), err)
	}
	status, err := handle.Status()
	if err != nil {
		return nil, errors.Join(sorted(language.Textf("ask for the card's state"), err), handle.Disconnect(scard.ResetCard))
	}
	return newCard(handle, status.Atr), nil
}
