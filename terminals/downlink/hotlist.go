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

// HotlistFollower keeps the hotlist of a terminal up to date with topic hotlist. Its functions are
// called by Follow, one at a time, and have to be set.
type HotlistFollower struct {
	List *hotlist.List
	// Read is called whenever the end of the topic is reached.
	Read func()
	// Refused is called once for each record that is no entry which a terminal can use.
	Refused func(why error)
	// Unsaved is called when the list cannot be kept on disk, once until it is.
	Unsaved func(why error)

	refused told
	unsaved error
}

// Follow keeps the list up to date until ctx ends. It saves the list to its file whenever it
// reaches the end of the topic. It reads the whole, compacted topic at every start, and waits for a
// broker that is away. A record that is no entry changes nothing, and a list that cannot be saved
// counts. opts are the client options that the brokers require. It returns ctx's error, or one
// after which the caller follows again.
func (f *HotlistFollower) Follow(ctx context.Context, brokers []string, opts ...kgo.Opt) error {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(message.TopicHotlist), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
	}, opts...)...)
	if err != nil {
		return fmt.Errorf("hotlist: %w", err)
	}
	defer client.Close()
	for {
		ended, err := f.poll(ctx, client)
		if err != nil {
			return err
		}
		if ended || f.unsaved != nil {
			f.save()
		}
		if ended {
			f.Read()
		}
	}
}

// poll takes what comes next, and reports whether it reached the end of the topic. It returns after
// a while if nothing comes.
func (f *HotlistFollower) poll(ctx context.Context, client *kgo.Client) (ended bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, askEvery)
	defer cancel()
	fetches := client.PollFetches(waiting)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	var away net.Error // or nothing came
	if err := fetches.Err(); err != nil && !errors.As(err, &away) && !kgo.IsRetryableBrokerErr(err) {
		return false, fmt.Errorf("hotlist: read topic %s: %w", message.TopicHotlist, err)
	}
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		for _, r := range p.Records {
			f.take(r)
			ended = r.Offset+1 >= p.LastStableOffset
		}
	})
	return ended, nil
}

// take takes one record.
func (f *HotlistFollower) take(r *kgo.Record) {
	if r.Attrs.IsControl() || len(r.Value) == 0 {
		return
	}
	entry := new(message.HotlistEntry)
	if err := proto.Unmarshal(r.Value, entry); err != nil {
		f.refused.once(f.Refused, fmt.Errorf("hotlist: the record at offset %d is no entry: %w", r.Offset, err))
	} else if err := f.List.Apply(entry); err != nil {
		f.refused.once(f.Refused, fmt.Errorf("hotlist: the record at offset %d: %w", r.Offset, err))
	}
}

// save keeps the list on disk.
func (f *HotlistFollower) save() {
	err := f.List.Save()
	if err != nil && f.unsaved == nil {
		f.Unsaved(err)
	}
	f.unsaved = err
}
