package intake

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
	"citycard/ledger"
)

// Cut is how far each stream must have come before something is done: the ends of the partitions at
// a moment. Every record that was acknowledged before that moment is in the books then.
type Cut struct{ ends kadm.ListedOffsets }

// CutNow is where the input topics end now.
func CutNow(ctx context.Context, client *kgo.Client) (Cut, error) {
	return cutNow(ctx, client, message.InputTopics()...)
}

func cutNow(ctx context.Context, client *kgo.Client, topics ...string) (Cut, error) {
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return Cut{}, fmt.Errorf("ends of the topics: %w", err)
	}
	return Cut{ends}, nil
}

// CutBefore is where the input topics ended at a moment, by the broker's time of each record. If
// the moment is in the future, it is CutNow.
func CutBefore(ctx context.Context, client *kgo.Client, moment time.Time) (Cut, error) {
	positions, err := kadm.NewClient(client).ListOffsetsAfterMilli(ctx, moment.UnixMilli(), message.InputTopics()...)
	if err == nil {
		err = positions.Error()
	}
	if err != nil {
		return Cut{}, fmt.Errorf("positions of the topics at %s: %w", moment.Format(time.RFC3339), err)
	}
	return Cut{positions}, nil
}

// Standing is a stream that has not reached the cut.
type Standing struct {
	Topic   string
	Stream  string
	At, End int64 // its position, and where it must come
}

// Through is how far clearing has come on its way to a cut.
type Through struct {
	Done, Total int64 // records
	Behind      []Standing
}

// Await returns once every stream has reached the cut, except those that without names, if it is
// not nil. progress, if not nil, is called with how far clearing is.
func (c Cut) Await(ctx context.Context, l *ledger.Ledger, without func(Standing) bool, progress func(Through)) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var last Through
	for {
		through, err := c.Through(ctx, l, without)
		switch {
		case err != nil && ctx.Err() != nil && len(last.Behind) > 0:
			return last.stopped(ctx)
		case err != nil:
			return err
		}
		if last = through; progress != nil {
			progress(through)
		}
		if len(through.Behind) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return last.stopped(ctx)
		case <-tick.C:
		}
	}
}

// stopped says for which streams Await was waiting when it gave up.
func (t Through) stopped(ctx context.Context) error {
	first := t.Behind[0]
	return fmt.Errorf("%s stands at %d of %d: %w", first.Stream, first.At, first.End, ctx.Err())
}

// Through returns how far the streams are, except those that without names, if it is not nil.
func (c Cut) Through(ctx context.Context, l *ledger.Ledger, without func(Standing) bool) (Through, error) {
	var through Through
	for _, end := range c.ends.Offsets().Sorted() {
		s := Standing{Topic: end.Topic, Stream: StreamName(end.Topic, end.Partition), End: end.At}
		if without != nil && without(s) {
			continue
		}
		stream, err := l.Stream(ctx, s.Stream)
		if err != nil && !errors.Is(err, ledger.ErrNoStream) {
			return through, err
		}
		s.At = min(stream.Next, s.End)
		through.Done, through.Total = through.Done+s.At, through.Total+s.End
		if s.At < s.End {
			through.Behind = append(through.Behind, s)
		}
	}
	return through, nil
}

// Await returns once every stream has passed the offset at which its partition ends now.
// progress, where not nil, is told how far it is.
func Await(ctx context.Context, client *kgo.Client, l *ledger.Ledger, progress func(Through)) error {
	cut, err := CutNow(ctx, client)
	if err != nil {
		return err
	}
	return cut.Await(ctx, l, nil, progress)
}
