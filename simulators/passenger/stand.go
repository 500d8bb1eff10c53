package passenger

import (
	"context"
	"errors"
	"time"

	"citycard/cardos/chip"
	"citycard/language"
	"citycard/simulators/vcard"
)

// noticed is a little longer than pcscd's interval between two polls of its readers: it sees that a
// card has gone before the next one comes.
const noticed = 450 * time.Millisecond

const (
	// placings is how often a card is put in until its reader has seen it.
	placings = 5
	// unseen is how long that may take each time.
	unseen = 2 * time.Second
)

// ErrNotServed: no terminal talked to the card in time.
var ErrNotServed = language.Textf("no terminal talks to the card")

// Stand is a place at a reader. It is safe for concurrent use; cards wait for each other.
type Stand struct {
	slot *vcard.Slot
	turn chan struct{}
}

// NewStand returns the place at a slot of the virtual reader at an address.
func NewStand(address string) *Stand {
	return &Stand{slot: vcard.NewSlot(address), turn: make(chan struct{}, 1)}
}

// Free says whether no card is held there, nor was a moment ago. It may be taken the next moment.
func (s *Stand) Free() bool { return len(s.turn) == 0 }

// Place puts a card into the reader and leaves it there, once the reader has seen it; remove takes
// it out again, which may have lost its power meanwhile. Errors: ErrNotServed if the reader does
// not see it, or those of the slot.
func (s *Stand) Place(ctx context.Context, c *Card) (remove func() error, err error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for range placings {
		before := c.powers()
		if err = s.slot.Insert(ctx, c); err != nil {
			break
		}
		if err = c.seen(ctx, before); err == nil {
			return func() error {
				defer s.leave()
				return s.takeOut()
			}, nil
		}
		if failed := s.takeOut(); failed != nil || ctx.Err() != nil {
			err = errors.Join(err, failed)
			break
		}
		pause(ctx, noticed)
	}
	s.leave()
	return nil, err
}

func (s *Stand) takeOut() error {
	if err := s.slot.Remove(); !errors.Is(err, chip.ErrPowerLost) {
		return err
	}
	return nil
}

// leave lets the next card come, once pcscd has seen that this one has gone.
func (s *Stand) leave() { time.AfterFunc(noticed, func() { <-s.turn }) }

// Pass holds a card to the reader until a terminal has talked to it and let it go, or until the
// card has lost its power, and takes it away. Errors: ErrNotServed after the time limit, or those
// of the slot.
func (s *Stand) Pass(ctx context.Context, c *Card, limit time.Duration) error {
	return s.hold(ctx, c, limit, func() {}, func() bool { return true })
}

// Wait is Pass for a card that somebody works on: it stays until it has paid once more. in is
// called once it is in the reader.
func (s *Stand) Wait(ctx context.Context, c *Card, limit time.Duration, in func()) error {
	before := len(c.Debits())
	return s.hold(ctx, c, limit, in, func() bool { return len(c.Debits()) > before })
}

// hold holds a card to the reader until it is let go and that is enough.
func (s *Stand) hold(ctx context.Context, c *Card, limit time.Duration, in func(), enough func() bool) (err error) {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer s.leave()
	left := c.leaves()
	if err := s.slot.Insert(ctx, c); err != nil {
		return err
	}
	gone := s.slot.Done()
	in()
	wait := time.NewTimer(limit)
	defer wait.Stop()
	for over := false; !over; {
		over = true
		select {
		case <-left:
			over, left = enough(), c.leaves()
		case <-gone:
		case <-wait.C:
			err = ErrNotServed
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	return errors.Join(err, s.takeOut())
}
