package downlink

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/hotlist"
)

// Hotlist keeps a list up to date with the topic hotlist until ctx ends. It saves the list to its
// file whenever it reaches the end of the topic. It reads the whole, compacted topic at every
// start, and waits for a broker that is away. opts are the client options that the brokers require.
// After any error but ctx's the topic is no longer followed.
func Hotlist(ctx context.Context, list *hotlist.List, brokers []string, opts ...kgo.Opt) error {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(message.TopicHotlist), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
	}, opts...)...)
	if err != nil {
		return fmt.Errorf("hotlist: %w", err)
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var away net.Error
		if err := fetches.Err(); err != nil && !errors.As(err, &away) && !kgo.IsRetryableBrokerErr(err) {
			return fmt.Errorf("hotlist: read topic %s: %w", message.TopicHotlist, err)
		}
		ended := false
		for _, p := range partitions(fetches) {
			for _, r := range p.Records {
				if ended = r.Offset+1 >= p.LastStableOffset; r.Attrs.IsControl() || len(r.Value) == 0 {
					continue
				}
				entry := new(message.HotlistEntry)
				if err := proto.Unmarshal(r.Value, entry); err != nil {
					return fmt.Errorf("hotlist: the record at offset %d is no entry: %w", r.Offset, err)
				}
				if err := list.Apply(entry); err != nil {
					return fmt.Errorf("hotlist: the record at offset %d: %w", r.Offset, err)
				}
			}
		}
		if ended {
			if err := list.Save(); err != nil {
				return err
			}
		}
	}
}

func partitions(fetches kgo.Fetches) (list []kgo.FetchPartition) {
	fetches.EachPartition(func(p kgo.FetchTopicPartition) { list = append(list, p.FetchPartition) })
	return list
}
