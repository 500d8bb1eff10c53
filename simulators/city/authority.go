package city

import (
	"context"
	"errors"
	"fmt"
	"time"

	"citycard/clearing/message"
	"citycard/terminals/counter"
)

// Persistent repeats the same request to a load authority while no answer comes. A counter has to
// do so when it does not know whether its order was booked.
type Persistent struct {
	Authority counter.LoadAuthority
	Tries     int           // at least 1
	First     time.Duration // pause before the second try; it doubles up to Longest
	Longest   time.Duration
}

// AuthoriseLoad returns the first answer; after the last try it returns that try's error.
func (p Persistent) AuthoriseLoad(ctx context.Context, request *message.LoadRequest) (*message.LoadAnswer, error) {
	pause := p.First
	for try := 1; ; try++ {
		answer, err := p.Authority.AuthoriseLoad(ctx, request)
		if err == nil {
			return answer, nil
		}
		if try >= p.Tries {
			return nil, fmt.Errorf("no answer after %d tries: %w", try, err)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, errors.Join(ctx.Err(), err)
		case <-timer.C:
		}
		pause = min(2*pause, p.Longest)
	}
}
