package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"citycard/clearing/broker"
	"citycard/clearing/message"
	"citycard/ledger"
)

// Settings bound what the intake holds and how long it waits. Zero fields take
// the default.
type Settings struct {
	BatchRecords int           // records in one commit at most; 4000
	BatchWait    time.Duration // how long a batch waits to fill; 20 ms
	QueueBytes   int           // per partition; fetching pauses above; 8 MiB
	Owner        string        // who claims the streams, for the log
}

func (s Settings) filled() Settings {
	if s.BatchRecords <= 0 {
		s.BatchRecords = 4000
	}
	if s.BatchWait <= 0 {
		s.BatchWait = 20 * time.Millisecond
	}
	if s.QueueBytes <= 0 {
		s.QueueBytes = 8 << 20
	}
	return s
}

// Intake consumes every partition of every input topic.
type Intake struct {
	ledger   *ledger.Ledger
	rules    map[string]func() Rules
	kafka    string
	settings Settings
	metrics  *Metrics
	log      *slog.Logger

	partitions []*partition
	running    atomic.Bool
	progress   progress
}

// New makes an intake for the brokers at kafka. rules makes, for each partition
// of each input topic, what is done with its records; a topic without is an error.
func New(l *ledger.Ledger, kafka string, rules map[string]func() Rules, settings Settings, metrics *Metrics, log *slog.Logger) (*Intake, error) {
	for _, topic := range message.InputTopics() {
		if rules[topic] == nil {
			return nil, fmt.Errorf("intake: no rules for topic %s", topic)
		}
	}
	return &Intake{ledger: l, rules: rules, kafka: kafka, settings: settings.filled(), metrics: metrics, log: log}, nil
}

// Run claims all streams and consumes until ctx ends, then finishes the batches
// under way and returns nil. Any other return is an error after which nothing is
// consumed any more.
func (in *Intake) Run(ctx context.Context) error {
	client, err := broker.Connect(ctx, in.kafka, 10*time.Second, in.log,
		kgo.ClientID("citycard-intake"),
		kgo.FetchMaxBytes(8<<20), kgo.FetchMaxPartitionBytes(1<<20), kgo.FetchMaxWait(200*time.Millisecond),
		kgo.MaxConcurrentFetches(1),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("intake: %w", err)
	}
	defer client.Close()
	if err := in.claim(ctx, client); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	in.running.Store(true)
	defer in.running.Store(false)

	group, inner := errgroup.WithContext(ctx)
	for _, p := range in.partitions {
		group.Go(func() error { return p.run(inner) })
	}
	group.Go(func() error { return in.pump(inner) })
	group.Go(func() error { return in.poll(inner, client) })
	err = group.Wait()
	if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// Ready says whether every stream is being consumed.
func (in *Intake) Ready(context.Context) error {
	if !in.running.Load() {
		return errors.New("the intake is not running")
	}
	for _, p := range in.partitions {
		if err := p.health(); err != nil {
			return err
		}
	}
	return nil
}

// claim takes every partition of every input topic, checked against what the
// ledger's database says of the topics.
func (in *Intake) claim(ctx context.Context, client *kgo.Client) error {
	counts, err := in.checkTopics(ctx, client)
	if err != nil {
		return err
	}
	offsets := map[string]map[int32]kgo.Offset{}
	shard := 0
	for _, topic := range message.InputTopics() {
		offsets[topic] = map[int32]kgo.Offset{}
		for number := range counts[topic] {
			claim, err := in.ledger.Claim(ctx, StreamName(topic, number), in.settings.Owner, 0)
			if err != nil {
				return fmt.Errorf("intake: claim %s: %w", StreamName(topic, number), err)
			}
			in.metrics.claims.WithLabelValues(topic).Inc()
			p := newPartition(in, client, topic, number, shard, claim)
			in.partitions = append(in.partitions, p)
			offsets[topic][number] = kgo.NewOffset().At(claim.Next)
			shard++
		}
	}
	client.AddConsumePartitions(offsets)
	return nil
}

// poll hands fetched records to their partitions.
func (in *Intake) poll(ctx context.Context, client *kgo.Client) error {
	owners := map[string]map[int32]*partition{}
	for _, p := range in.partitions {
		if owners[p.topic] == nil {
			owners[p.topic] = map[int32]*partition{}
		}
		owners[p.topic][p.number] = p
	}
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, e := range fetches.Errors() {
			if broker.Passing(e.Err) {
				in.log.Warn("fetch failed, trying again", "topic", e.Topic, "partition", e.Partition, "error", e.Err)
				continue
			}
			return fmt.Errorf("intake: fetch %s/%d: %w", e.Topic, e.Partition, e.Err)
		}
		fetches.EachPartition(func(t kgo.FetchTopicPartition) {
			if len(t.Records) > 0 {
				owners[t.Topic][t.Partition].offer(t.Records, t.HighWatermark)
			}
		})
	}
}

// StreamName is the ledger's name of a partition.
func StreamName(topic string, partition int32) string { return fmt.Sprintf("%s/%d", topic, partition) }

// Streams lists the streams that this intake owns.
func (in *Intake) Streams() []string {
	names := make([]string, len(in.partitions))
	for i, p := range in.partitions {
		names[i] = p.stream
	}
	return names
}
