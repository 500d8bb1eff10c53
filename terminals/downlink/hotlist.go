package downlink

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/hotlist"
)

// HotlistFollower keeps the hotlist of a terminal up to date with topic hotlist. Its functions are
// called by Follow, one at a time, and have to be set.
type HotlistFollower struct {
	List *hotlist.List
	// Trust is whose publications count, and Now the time in the city's zone. Without Trust every
	// entry counts, of any writer.
	Trust *Trust
	Now   func() time.Time
	// Read is called whenever the list is known to be the published one: at the end of the topic,
	// and every few seconds while nothing comes.
	Read func()
	// Refused is called once for each record that is no entry which a terminal can use.
	Refused func(why error)
	// Unsaved is called when the list cannot be kept on disk, once until it is.
	Unsaved func(why error)

	refused told
	unsaved error
	listing *listing // with Trust, what the topic has
	taken   bool     // it is in the list
	next    int64    // offset to be read next
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
	f.listing, f.taken, f.next = newListing(), false, 0
	for {
		ended, idle, err := f.poll(ctx, client)
		if err != nil {
			return err
		}
		if f.Trust != nil && !f.settle(ended, idle) {
			continue
		}
		if ended || f.unsaved != nil {
			f.save()
		}
		if ended || idle && f.atEnd(ctx, client) {
			f.Read()
		}
	}
}

// atEnd asks whether everything that has been published was read.
func (f *HotlistFollower) atEnd(ctx context.Context, client *kgo.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	ends, err := kadm.NewClient(client).ListCommittedOffsets(ctx, message.TopicHotlist)
	if err != nil || ends.Error() != nil {
		return false
	}
	end, found := ends.Lookup(message.TopicHotlist, 0)
	return found && end.Offset <= f.next
}

// settle puts what the topic has into the list, if it is what was signed and within the bounds, and
// reports whether the list is the topic's. What it refuses it says once; that the content is
// another one than was signed it says only when nothing more comes.
func (f *HotlistFollower) settle(ended, idle bool) bool {
	empty := len(f.listing.cards) == 0 && len(f.listing.odd) == 0 && f.listing.said == nil
	if f.taken || !ended && !idle || empty {
		return f.taken || empty && f.List.Cards() == 0
	}
	p, err := f.listing.judge(f.Trust, f.List, f.Now())
	if err != nil {
		if idle || !errors.Is(err, errDiffers) && !errors.Is(err, message.ErrUnsigned) {
			f.refused.once(f.Refused, fmt.Errorf("hotlist: %w", err))
		}
		return false
	}
	f.refused = nil // what is refused from now on is news
	f.List.Replace(p.GetVersion(), maps.Clone(f.listing.cards))
	if err := f.Trust.took(message.TopicHotlist, p.GetVersion()); err != nil {
		f.refused.once(f.Unsaved, err)
	}
	f.taken = true
	f.save()
	return true
}

// poll takes what comes next, and reports whether it reached the end of the topic, or whether
// nothing came for a while.
func (f *HotlistFollower) poll(ctx context.Context, client *kgo.Client) (ended, idle bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, askEvery)
	defer cancel()
	fetches := client.PollFetches(waiting)
	if ctx.Err() != nil {
		return false, false, ctx.Err()
	}
	var away net.Error // or nothing came
	if err := fetches.Err(); err != nil && !errors.As(err, &away) && !kgo.IsRetryableBrokerErr(err) {
		return false, false, fmt.Errorf("hotlist: read topic %s: %w", message.TopicHotlist, err)
	}
	idle = errors.Is(fetches.Err(), context.DeadlineExceeded)
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		for _, r := range p.Records {
			f.take(r)
			f.next = r.Offset + 1
			ended = r.Offset+1 >= p.LastStableOffset
		}
	})
	return ended, idle, nil
}

// take takes one record.
func (f *HotlistFollower) take(r *kgo.Record) {
	switch {
	case r.Attrs.IsControl():
		return
	case f.Trust != nil:
		f.listed(r)
		return
	case len(r.Value) == 0:
		return
	case message.OfPublication(r.Key):
		return
	}
	entry := new(message.HotlistEntry)
	if err := proto.Unmarshal(r.Value, entry); err != nil {
		f.refused.once(f.Refused, fmt.Errorf("hotlist: the record at offset %d is no entry: %w", r.Offset, err))
	} else if err := f.List.Apply(entry); err != nil {
		f.refused.once(f.Refused, fmt.Errorf("hotlist: the record at offset %d: %w", r.Offset, err))
	}
}

// listed takes one record of a topic that is signed.
func (f *HotlistFollower) listed(r *kgo.Record) {
	f.taken = false
	if !message.IsSuccessor(r.Key) {
		f.listing.take(r)
	} else if err := f.Trust.succeed(r.Value); err != nil {
		f.refused.once(f.Unsaved, err)
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
