package city

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
)

// ErrNoFares says that the topic holds no fare table.
var ErrNoFares = errors.New("no fare table has been published")

// FetchFares reads the last fare table of the topic fares, as a terminal does
// before it opens. It waits as long as ctx allows for a broker, and answers
// ErrNoFares at once where the topic is empty.
func FetchFares(ctx context.Context, brokers []string) (*message.FareTable, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(message.TopicFares), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
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
	left := map[int32]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			left[o.Partition] = o.Offset
		}
	})
	var last *kgo.Record
	for len(left) > 0 {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("fares: read topic %s: %w", message.TopicFares, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if last == nil || !r.Timestamp.Before(last.Timestamp) {
				last = r
			}
			if r.Offset+1 >= left[r.Partition] {
				delete(left, r.Partition)
			}
		})
	}
	if last == nil || len(last.Value) == 0 {
		return nil, ErrNoFares
	}
	table := new(message.FareTable)
	if err := proto.Unmarshal(last.Value, table); err != nil {
		return nil, fmt.Errorf("fares: the last record of topic %s (offset %d) is no fare table: %w", message.TopicFares, last.Offset, err)
	}
	return table, nil
}
