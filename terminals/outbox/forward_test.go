package outbox

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"citycard/broker/kafkatest"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// broker is a kfake cluster on a fixed port with its log in a directory, so
// that it can go away and come back.
type broker struct {
	t    *testing.T
	port int
	dir  string
	c    *kfake.Cluster
}

func newBroker(t *testing.T) *broker {
	return &broker{t: t, port: kafkatest.FreePort(t), dir: t.TempDir()}
}

func (b *broker) address() string {
	return (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: b.port}).String()
}

func (b *broker) start() {
	b.t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(b.port), kfake.DataDir(b.dir), kfake.SyncWrites(), kfake.SeedTopics(3, "taps"))
	must(b.t, err)
	b.c = c
}

func (b *broker) stop() { b.c.Close() }

// values reads n records of the topic from the beginning.
func (b *broker) values(n int) map[string]int {
	b.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.address()), kgo.ConsumeTopics("taps"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	must(b.t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	seen := make(map[string]int)
	for total := 0; total < n; {
		fetches := client.PollFetches(ctx)
		must(b.t, ctx.Err())
		fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++; total++ })
	}
	return seen
}

// A record without a value has none in Kafka: an empty one would keep its key in a compacted topic.
func TestNoValueIsSentAsNone(t *testing.T) {
	b := newBroker(t)
	b.start()
	defer b.stop()
	l, err := open(t.TempDir(), unsynced(), 1024)
	must(t, err)
	must(t, l.Append(Record{Topic: "taps", Key: []byte("a")}))
	f := forward(t, l, b.address())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(t, l.Drain(ctx))
	f.cancel()
	<-f.done
	f.client.Close()
	client, err := kgo.NewClient(kgo.SeedBrokers(b.address()), kgo.ConsumeTopics("taps"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	must(t, err)
	defer client.Close()
	if records := client.PollFetches(ctx).Records(); len(records) != 1 || records[0].Value != nil {
		t.Errorf("records %+v", records)
	}
	must(t, l.Close())
}

type forwarding struct {
	cancel context.CancelFunc
	client *kgo.Client
	done   chan error
}

func forward(t *testing.T, l *Log, address string) *forwarding {
	t.Helper()
	client, err := kgo.NewClient(append(ProducerOptions(address), kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }))...)
	must(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	f := &forwarding{cancel: cancel, client: client, done: make(chan error, 1)}
	go func() { f.done <- l.Forward(ctx, client) }()
	return f
}

func (f *forwarding) stop(t *testing.T) {
	t.Helper()
	f.cancel()
	if err := <-f.done; !errors.Is(err, context.Canceled) {
		t.Errorf("Forward: %v, want it cancelled", err)
	}
	f.client.Close()
}

func drain(t *testing.T, l *Log) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	must(t, l.Drain(ctx))
}

// The broker is away at first, comes, goes and comes back; the terminal is
// restarted in between. Every record arrives; segments that were sent go away.
func TestForwardOutlivesTheBroker(t *testing.T) {
	b := newBroker(t)
	dir := t.TempDir()
	l, err := open(dir, unsynced(), 2048)
	must(t, err)
	count := 0
	add := func(n int) {
		for range n {
			must(t, l.Append(testRecord(count)))
			count++
		}
	}
	add(50)
	f := forward(t, l, b.address())
	b.start()
	drain(t, l)
	if err := l.Forward(context.Background(), f.client); !errors.Is(err, errForwarding) {
		t.Errorf("second Forward: %v", err)
	}
	b.stop()
	add(50)
	f.stop(t)
	must(t, l.Close())

	l, err = open(dir, unsynced(), 2048)
	must(t, err)
	if s := l.Status(); s.Position != 50 || s.Next != 100 {
		t.Fatalf("after the restart %+v, want position 50 of 100", s)
	}
	add(20)
	f = forward(t, l, b.address())
	b.start()
	drain(t, l)
	f.stop(t)
	if s := l.Status(); s.Segments > 2 || s.Waiting() != 0 {
		t.Errorf("after everything was sent: %+v", s)
	}
	must(t, l.Close())
	seen := b.values(count)
	for i := range count {
		if n := seen[string(testRecord(i).Value)]; n != 1 {
			t.Errorf("record %d arrived %d times", i, n)
		}
	}
	b.stop()
}

// A record that no broker will ever accept stops Forward with the broker's error, and the position
// stays before it.
func TestForwardTellsWhatTheBrokerRefuses(t *testing.T) {
	b := newBroker(t)
	b.start()
	defer b.stop()
	l, err := Open(t.TempDir())
	must(t, err)
	must(t, l.Append(Record{Topic: "no-such-topic", Value: []byte("x")}))
	client, err := kgo.NewClient(append(ProducerOptions(b.address()), kgo.UnknownTopicRetries(0))...)
	must(t, err)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := l.Forward(ctx, client); err == nil || ctx.Err() != nil {
		t.Errorf("Forward: %v, want the broker's refusal", err)
	}
	if s := l.Status(); s.Position != 0 || s.Waiting() != 1 {
		t.Errorf("%+v, want the record still waiting", s)
	}
	must(t, l.Close())
}
