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
	defer func() { time.AfterFunc(noticed, func() { <-s.turn }) }()
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
	if failed := s.slot.Remove(); failed != nil && !errors.Is(failed, chip.ErrPowerLost) {
		err = errors.Join(err, failed)
	}
	return err
}
