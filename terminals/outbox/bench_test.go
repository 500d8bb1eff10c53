package outbox

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// BenchmarkForward measures how many stored records a second a lane sends to a broker on the same
// machine, each acknowledged and the position saved.
func BenchmarkForward(b *testing.B) {
	const (
		count  = 200_000
		atOnce = 500
	)
	l, err := Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	some := make([]Record, atOnce)
	for i := range some {
		some[i] = Record{Topic: "taps", Key: make([]byte, 20), Value: make([]byte, 150)}
		some[i].Key[0] = byte(i)
	}
	for range count / atOnce {
		if err := l.Append(some...); err != nil {
			b.Fatal(err)
		}
	}
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "taps"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(broker.Close)
	client, err := kgo.NewClient(ProducerOptions(broker.ListenAddrs()...)...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(client.Close)
	ctx, cancel := context.WithTimeout(b.Context(), 5*time.Minute)
	defer cancel()
	ended := make(chan error, 1)
	began := time.Now()
	go func() { ended <- l.Forward(ctx, client) }()
	if err := l.Drain(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(count)/time.Since(began).Seconds(), "terminals.forward_per_second")
	cancel()
	<-ended
}
