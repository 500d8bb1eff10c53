// Package downlink reads what the clearing centre publishes for terminals.
package downlink

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/language"
)

// ErrNoFares: the clearing centre has published no fare table.
var ErrNoFares = language.Textf("no fare table has been published")

// Fares returns the newest fare table of the topic fares; opts are the client options that the
// brokers require. It waits for a broker, and for a table to be published, as long as ctx allows.
// It calls waiting once, with what it waits for. Errors: ErrNoFares, or what the broker says.
func Fares(ctx context.Context, brokers []string, waiting func(why error), opts ...kgo.Opt) (*message.FareTable, error) {
	pause := time.NewTicker(retryPause)
	defer pause.Stop()
	for told := false; ; told = true {
		table, err := read(ctx, brokers, opts)
		if err == nil || !passing(err) {
			return table, err
		}
		if !told {
			waiting(err)
		}
		// A terminal starts when it can, not when it is lucky.
		select {
		case <-ctx.Done():
			return nil, err
		case <-pause.C:
		}
	}
}

// passing reports an error that ends when the broker comes back or when the clearing centre, which
// makes the topic and publishes the table, has started.
func passing(err error) bool {
	var away net.Error
	return errors.As(err, &away) || errors.Is(err, ErrNoFares) || errors.Is(err, io.EOF) || kgo.IsRetryableBrokerErr(err) || kerr.IsRetriable(err)
}

// retryPause is the time between two attempts to reach a broker that is away.
const retryPause = 200 * time.Millisecond

// read reads the topic once.
func read(ctx context.Context, brokers []string, opts []kgo.Opt) (*message.FareTable, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(message.TopicFares),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), // every start reads the whole, compacted topic
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("fares: %w", err)
	}
	defer client.Close()
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, message.TopicFares)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("fares: ask for the end of topic %s: %w", message.TopicFares, err)
	}
	left := make(map[int32]int64)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	var newest *kgo.Record
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("fares: read topic %s: %w", message.TopicFares, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if len(r.Value) > 0 && (newest == nil || !r.Timestamp.Before(newest.Timestamp)) {
				newest = r
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	if newest == nil {
		return nil, ErrNoFares
	}
	table := new(message.FareTable)
	if err := proto.Unmarshal(newest.Value, table); err != nil {
		return nil, fmt.Errorf("fares: the newest record of topic %s (offset %d) is no fare table: %w", message.TopicFares, newest.Offset, err)
	}
	return table, nil
}
