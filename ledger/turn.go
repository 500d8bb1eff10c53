package ledger

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// InTurn claims a stream and has post book in it. Another process that does the same at the same time takes the stream away; each tries
// again after a while of chance, so that they do not keep doing so. What post books must have keys that make repeating it harmless.
func (l *Ledger) InTurn(ctx context.Context, stream, owner string, post func(*Claim) error) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		claim, err := l.Claim(ctx, stream, owner, 0)
		if err != nil {
			return err
		}
		err = post(&claim)
		if !errors.Is(err, ErrFenced) && !errors.Is(err, ErrDayMoved) && !errors.Is(err, ErrDaySealed) {
			return err
		}
		timer := time.NewTimer(rand.N(wait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}
