package downlink

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
)

// IntentFollower tells a lane of the payments that other lanes have open. Its functions are called
// by Follow, one at a time, and have to be set.
type IntentFollower struct {
	// Begin is called before the topic is read from its start: what was heard before may be over.
	Begin func()
	// Heard is called for each record, without a value where an intent is over. An error means that
	// it is no intent.
	Heard func(key, value []byte) error
	// Read is called whenever the end of the topic is reached.
	Read func()
	// Refused is called once for each kind of record that is no intent.
	Refused func(why error)

	refused told
}

// Follow tells of all records until ctx ends. It reads the whole, compacted topic first, and waits
// for a broker that is away. opts are the client options that the brokers require. It returns ctx's
// error, or one after which the caller follows again.
//
// A follower that was away for more than a day may miss that an intent is over. That does no harm:
// the card tells the same again, and clearing counts it once.
func (f *IntentFollower) Follow(ctx context.Context, brokers []string, opts ...kgo.Opt) error {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(message.TopicIntents), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
	}, opts...)...)
	if err != nil {
		return fmt.Errorf("intents: %w", err)
	}
	defer client.Close()
	f.Begin()
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var away net.Error
		if err := fetches.Err(); err != nil && !errors.As(err, &away) && !kgo.IsRetryableBrokerErr(err) {
			return fmt.Errorf("intents: read topic %s: %w", message.TopicIntents, err)
		}
		f.take(fetches)
	}
}

// take tells of what came.
func (f *IntentFollower) take(fetches kgo.Fetches) {
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		for _, r := range p.Records {
			if r.Attrs.IsControl() {
				continue
			}
			if err := f.Heard(r.Key, r.Value); err != nil {
				f.refused.once(f.Refused, fmt.Errorf("intents: a record of topic %s is refused: %w", message.TopicIntents, err))
			}
		}
		if n := len(p.Records); n > 0 && p.Records[n-1].Offset+1 >= p.LastStableOffset {
			f.Read()
		}
	})
}
