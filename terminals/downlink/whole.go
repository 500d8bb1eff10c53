package downlink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
)

// Watch is what a follower needs and whom it tells. Its functions are called by Follow, one at a
// time, and have to be set.
type Watch struct {
	// Trust is whose publications count, and Now the time in the city's zone. Without Trust
	// everything counts, of any writer.
	Trust *Trust
	Now   func() time.Time
	// Read is called whenever the terminal is known to have what is published: at the end of the
	// topic, and every few seconds while nothing comes.
	Read func()
	// Refused is called once for each thing that a terminal cannot use.
	Refused func(why error)
	// Unsaved is called when the content cannot be kept on disk, once until it is.
	Unsaved func(why error)
}

// content is what a topic holds, of which a terminal that trusts takes all or nothing.
type content interface {
	// begin forgets what was read.
	begin()
	// take takes one record of content, or the publication.
	take(r *kgo.Record)
	// empty reports whether nothing was read.
	empty() bool
	// held reports whether the terminal has something.
	held() bool
	// replace puts what was read in the place of what the terminal has, if it is what was signed.
	replace(t *Trust, at time.Time) (*message.Publication, error)
	// unsigned takes one record of content that nobody has signed.
	unsigned(r *kgo.Record) error
	// save keeps what the terminal has on disk.
	save() error
}

// WholeFollower keeps the content of one topic up to date at a terminal: the hotlist
// (FollowHotlist) or the service modes (FollowModes).
type WholeFollower struct {
	Watch
	topic   string
	name    string // that begins errors
	content content

	refused told
	unsaved error
	taken   bool  // the terminal has what was read
	next    int64 // offset to be read next
}

// Follow keeps the content up to date until ctx ends. It saves it to its file whenever it reaches
// the end of the topic. It reads the whole, compacted topic at every start, and waits for a broker
// that is away. A record that cannot be used changes nothing, and content that cannot be saved
// counts. opts are the client options that the brokers require. It returns ctx's error, or one
// after which the caller follows again.
func (f *WholeFollower) Follow(ctx context.Context, brokers []string, opts ...kgo.Opt) error {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(f.topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
	}, opts...)...)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	defer client.Close()
	f.begin()
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

// begin begins at the start of the topic.
func (f *WholeFollower) begin() {
	f.content.begin()
	f.taken, f.next = false, 0
}

// atEnd asks whether everything that has been published was read.
func (f *WholeFollower) atEnd(ctx context.Context, client *kgo.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	ends, err := kadm.NewClient(client).ListCommittedOffsets(ctx, f.topic)
	if err != nil || ends.Error() != nil {
		return false
	}
	end, found := ends.Lookup(f.topic, 0)
	return found && end.Offset <= f.next
}

// settle gives the terminal what the topic has, if it is what was signed and within the bounds, and
// reports whether the terminal has what the topic has. What it refuses it says once; that the
// content is another one than was signed it says only when nothing more comes.
func (f *WholeFollower) settle(ended, idle bool) bool {
	empty := f.content.empty()
	if f.taken || !ended && !idle || empty {
		return f.taken || empty && !f.content.held()
	}
	p, err := f.content.replace(f.Trust, f.Now())
	if err != nil {
		if idle || !errors.Is(err, errDiffers) && !errors.Is(err, message.ErrUnsigned) {
			f.refused.once(f.Refused, fmt.Errorf("%s: %w", f.name, err))
		}
		return false
	}
	f.refused = nil // what is refused from now on is news
	if err := f.Trust.took(f.topic, p.GetVersion()); err != nil {
		f.refused.once(f.Unsaved, err)
	}
	f.taken = true
	f.save()
	return true
}

// poll takes what comes next, and reports whether it reached the end of the topic, or whether
// nothing came for a while.
func (f *WholeFollower) poll(ctx context.Context, client *kgo.Client) (ended, idle bool, err error) {
	waiting, cancel := context.WithTimeout(ctx, askEvery)
	defer cancel()
	fetches := client.PollFetches(waiting)
	if ctx.Err() != nil {
		return false, false, ctx.Err()
	}
	var away net.Error // or nothing came
	if err := fetches.Err(); err != nil && !errors.As(err, &away) && !kgo.IsRetryableBrokerErr(err) {
		return false, false, fmt.Errorf("%s: read topic %s: %w", f.name, f.topic, err)
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
func (f *WholeFollower) take(r *kgo.Record) {
	switch {
	case r.Attrs.IsControl():
	case f.Trust != nil:
		f.trusted(r)
	case len(r.Value) > 0 && !message.OfPublication(r.Key):
		if err := f.content.unsigned(r); err != nil {
			f.refused.once(f.Refused, fmt.Errorf("%s: the record at offset %d: %w", f.name, r.Offset, err))
		}
	}
}

// trusted takes one record of a topic that is signed.
func (f *WholeFollower) trusted(r *kgo.Record) {
	f.taken = false
	if !message.IsSuccessor(r.Key) {
		f.content.take(r)
	} else if err := f.Trust.succeed(r.Value); err != nil {
		f.refused.once(f.Unsaved, err)
	}
}

// save keeps the content on disk.
func (f *WholeFollower) save() {
	err := f.content.save()
	if err != nil && f.unsaved == nil {
		f.Unsaved(err)
	}
	f.unsaved = err
}
