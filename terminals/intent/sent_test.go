package intent_test

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
	"citycard/terminals/outbox"
)

// broker is a broker of the lane's own.
func (l *lane) broker() []string {
	l.Helper()
	if l.brokers == nil {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, message.TopicTaps, message.TopicTapsUnconfirmed, message.TopicIntents))
		must(l.T, err)
		l.Cleanup(cluster.Close)
		l.brokers = cluster.ListenAddrs()
	}
	return l.brokers
}

// sent sends what waits in the outbox, and returns all that was ever sent.
func (l *lane) sent() (records []*kgo.Record) {
	l.Helper()
	ctx, cancel := context.WithTimeout(l.Context(), time.Minute)
	defer cancel()
	forwarding, stop := context.WithCancel(ctx)
	client, err := kgo.NewClient(outbox.ProducerOptions(l.broker()...)...)
	must(l.T, err)
	ended := make(chan error)
	go func() { ended <- l.out.Forward(forwarding, client) }()
	must(l.T, l.out.Drain(ctx))
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		l.Fatal(err)
	}
	client.Close()
	reader, err := kgo.NewClient(kgo.SeedBrokers(l.broker()...), kgo.ConsumeTopics(message.TopicTaps, message.TopicTapsUnconfirmed, message.TopicIntents))
	must(l.T, err)
	defer reader.Close()
	for uint64(len(records)) < l.out.Status().Next {
		fetches := reader.PollFetches(ctx)
		must(l.T, fetches.Err())
		records = append(records, fetches.Records()...)
	}
	return records
}
