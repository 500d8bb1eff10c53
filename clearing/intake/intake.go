package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/clearing/message"
	"citycard/clearing/registry"
	"citycard/clearing/topics"
	"citycard/ledger"
)

// Settings bound what the intake holds and how long it waits. Zero fields take
// the default.
type Settings struct {
	BatchRecords int                // records in one commit at most; 4000
	BatchWait    time.Duration      // how long a batch waits to fill; 20 ms
	QueueBytes   int                // per partition; fetching pauses above; 4 MiB
	Owner        string             // who leases the streams, for the log
	Patience     time.Duration      // how long a partition waits for an account that refuses what must be booked; 2 minutes
	Group        string             // the consumer group; citycard-clearing
	Kafka        []kgo.Opt          // what the cluster asks of a client: TLS, a user
	Topics       topics.Layout      // how safe the topics must be
	Registry     *registry.Registry // whose hospitals have topics of their own
	Zone         *time.Location     // the city's; UTC
	Signer       *message.Signer    // of what terminals follow; nil: it is not signed
	Instance     string             // this process's name in the group, kept over restarts; empty: a new member each time
}

// DefaultPatience is time enough for the accounts of a new registry to be opened.
const DefaultPatience = 2 * time.Minute

func (s Settings) filled() Settings {
	if s.BatchRecords <= 0 {
		s.BatchRecords = 4000
	}
	if s.BatchWait <= 0 {
		s.BatchWait = 20 * time.Millisecond
	}
	if s.QueueBytes <= 0 {
		s.QueueBytes = 4 << 20
	}
	if s.Patience <= 0 {
		s.Patience = DefaultPatience
	}
	if s.Group == "" {
		s.Group = "citycard-clearing"
	}
	if s.Zone == nil {
		s.Zone = time.UTC
	}
	return s
}

// Intake consumes the input topics, together with the other processes of its
// group.
type Intake struct {
	ledger   *ledger.Ledger
	rules    map[string]func() Rules
	kafka    string
	settings Settings
	metrics  *Metrics
	log      *slog.Logger

	current  atomic.Pointer[session]
	away     atomic.Pointer[error] // why there is no session
	progress progress
	refused  atomic.Pointer[RefusedHotlist]
	stated   atomic.Int64 // the version of the hotlist that this process has signed last
	modes    atomic.Int64 // the version whose service modes this process has published last
	again    atomic.Int64 // the last batch of what was judged again, as last seen
}

// New makes an intake for the brokers at kafka. rules makes the Rules for each partition of each
// input topic; a topic without one is an error.
func New(l *ledger.Ledger, kafka string, rules map[string]func() Rules, settings Settings, metrics *Metrics, log *slog.Logger) (*Intake, error) {
	for _, topic := range message.InputTopics() {
		if rules[topic] == nil {
			return nil, fmt.Errorf("intake: no rules for topic %s", topic)
		}
	}
	if settings.Registry == nil {
		return nil, errors.New("intake: no registry")
	}
	in := &Intake{ledger: l, rules: rules, kafka: kafka, settings: settings.filled(), metrics: metrics, log: log}
	metrics.lags.in.Store(in)
	return in, nil
}

// connect makes a client of the cluster.
func (in *Intake) connect(ctx context.Context, opts ...kgo.Opt) (*kgo.Client, error) {
	return broker.Connect(ctx, in.kafka, 10*time.Second, in.log, append(opts, in.settings.Kafka...)...)
}

// pauses between two sessions: a process that lost its streams does not try to get them back at
// once.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 10 * time.Second
)

// Run consumes the partitions that the group gives to this process, until ctx ends; then it
// finishes the batches under way and returns nil. A process whose stream has a newer owner drops
// all it has and joins the group again; so does one that finds database or broker away while it
// joins, and until then it is not ready. After any other error nothing is consumed any more.
func (in *Intake) Run(ctx context.Context) error {
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		begun := in.metrics.clock()
		err := in.session(ctx)
		if ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled)) {
			return nil
		}
		switch {
		case errors.Is(err, ledger.ErrFenced), errors.Is(err, ledger.ErrPosition):
			in.metrics.lost.Inc()
			in.log.Warn("a stream has a newer owner; joining the group again", "error", err)
		case passes(err):
			in.away.Store(&err)
			in.metrics.unjoined.Inc()
			in.log.Warn("the group cannot be joined, trying again", "again_in", pause, "error", err)
		default:
			return err
		}
		if in.metrics.clock().Sub(begun) > longestPause {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

// Ready says whether this process is in the group and every stream that it has is
// being consumed.
func (in *Intake) Ready(context.Context) error {
	s := in.current.Load()
	if s == nil || !s.joined.Load() {
		if why := in.away.Load(); why != nil {
			return fmt.Errorf("not in the group: %w", *why)
		}
		return errors.New("the intake is not running")
	}
	if why := s.unleased.Load(); why != nil {
		return fmt.Errorf("no streams yet: %w", *why)
	}
	for _, p := range s.owned() {
		if err := p.health(); err != nil {
			return err
		}
	}
	return nil
}

// StreamName is the ledger's name of a partition.
func StreamName(topic string, partition int32) string { return fmt.Sprintf("%s/%d", topic, partition) }
