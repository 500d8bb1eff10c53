package ledger

import (
	"context"
	"errors"
	"fmt"

	"citycard/language"
)

// PostOnce posts one batch in a stream of the caller's own, whose positions count its batches. It
// leases the stream (day is for a new one, as with Lease), has build fill the batch, and posts it.
// Where build leaves the batch without rows and without Prepare, nothing is posted and the outcome
// is nil.
//
// Another process that does the same at the same time takes the stream away, or posts in it while
// this ledger rehearses, whose lease nobody sees; and a day may end meanwhile. Then all of it is
// tried again after a pause, as often as a transaction is (WithRetries): what build reads may have
// changed. In the end it is ErrBusy. What build posts must have keys that make repeating it
// harmless.
func (l *Ledger) PostOnce(ctx context.Context, stream, owner string, day Day, build func(*Batch) error) (*Outcome, error) {
	for tries := 1; ; tries++ {
		lease, err := l.Lease(ctx, stream, owner, day)
		if err != nil {
			return nil, err
		}
		b := &Batch{Stream: stream, Epoch: lease.Epoch, From: lease.Next, Next: lease.Next + 1, Day: lease.Day}
		if err := build(b); err != nil || len(b.Transfers)+len(b.Memos) == 0 && b.Prepare == nil {
			return nil, err
		}
		out, err := l.Post(ctx, b)
		if !errors.Is(err, ErrFenced) && !errors.Is(err, ErrPosition) && !errors.Is(err, ErrDayMoved) && !errors.Is(err, ErrDaySealed) {
			return out, err
		}
		if tries > l.retries {
			return nil, language.Textf("%w (%d attempts): %w", ErrBusy, tries, err)
		}
		l.onRetry("stream taken")
		if ended := l.pause(ctx, &again{}, tries); ended != nil {
			return nil, fmt.Errorf("%w: %w", ended, err)
		}
	}
}
