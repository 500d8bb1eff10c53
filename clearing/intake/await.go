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

// Await returns once every stream has passed the offset at which its partition
// ends now: whatever a producer had acknowledged before the call is in the books.
// progress, where not nil, is told how many of how many records are through.
func Await(ctx context.Context, client *kgo.Client, l *ledger.Ledger, progress func(done, total int64)) error {
	return await(ctx, client, l, progress, message.InputTopics()...)
}

// AwaitBefore does so for what brokers took before a moment. Where that is still to
// come, it is Await.
func AwaitBefore(ctx context.Context, client *kgo.Client, l *ledger.Ledger, moment time.Time, progress func(done, total int64)) error {
	positions, err := kadm.NewClient(client).ListOffsetsAfterMilli(ctx, moment.UnixMilli(), message.InputTopics()...)
	if err == nil {
		err = positions.Error()
	}
	if err != nil {
		return fmt.Errorf("positions of the topics at %s: %w", moment.Format(time.RFC3339), err)
	}
	return awaitPassed(ctx, l, progress, positions)
}

func await(ctx context.Context, client *kgo.Client, l *ledger.Ledger, progress func(done, total int64), topics ...string) error {
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("ends of the topics: %w", err)
	}
	return awaitPassed(ctx, l, progress, ends)
}

func awaitPassed(ctx context.Context, l *ledger.Ledger, progress func(done, total int64), ends kadm.ListedOffsets) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		done, total, err := passed(ctx, l, ends)
		if err != nil {
			return err
		}
		if progress != nil {
			progress(done, total)
		}
		if done == total {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func passed(ctx context.Context, l *ledger.Ledger, ends kadm.ListedOffsets) (done, total int64, err error) {
	ends.Each(func(end kadm.ListedOffset) {
		if err != nil {
			return
		}
		total += end.Offset
		stream, streamErr := l.Stream(ctx, StreamName(end.Topic, end.Partition))
		if errors.Is(streamErr, ledger.ErrNoStream) {
			return
		}
		err = streamErr
		done += min(stream.Next, end.Offset)
	})
	return done, total, err
}
