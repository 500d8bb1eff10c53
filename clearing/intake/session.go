package intake

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"citycard/broker"
	"citycard/clearing/message"
)

// How long the group waits for a silent process. A killed process's partitions are idle for that
// long, unless it comes back under its name.
const (
	sessionTimeout    = 10 * time.Second
	rebalanceTimeout  = 20 * time.Second
	heartbeatInterval = 2 * time.Second
)

// session is one membership of the consumer group: from joining to leaving it.
type session struct {
	in     *Intake
	client *kgo.Client
	ready  chan struct{} // closed once client is set, or never will be
	ctx    context.Context
	joined atomic.Bool
	// unleased is why partitions that the group gave could not be leased.
	unleased atomic.Pointer[error]

	counts map[string]int32 // partitions of each topic
	failed chan error       // the first error of a partition

	mu         sync.Mutex
	partitions map[string]*running
	ends       map[string]int64 // of the partitions of all input topics, by stream
}

// running is a partition with its goroutine.
type running struct {
	*partition
	stop context.CancelFunc
	done chan struct{}
}

// session joins the group and consumes until ctx ends or something fails.
func (in *Intake) session(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &session{in: in, ready: make(chan struct{}), ctx: inner, failed: make(chan error, 1), partitions: map[string]*running{}, ends: map[string]int64{}}
	if err := s.join(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("intake: %w", err)
	}
	defer s.client.CloseAllowingRebalance()
	in.current.Store(s)
	in.away.Store(nil)
	defer in.current.Store(nil)

	group, running := errgroup.WithContext(inner)
	group.Go(func() error {
		select {
		case err := <-s.failed:
			return err
		case <-running.Done():
			return running.Err()
		}
	})
	group.Go(func() error { return in.pump(running, s) })
	group.Go(func() error { return in.publish(running, s) })
	group.Go(func() error { return s.lookForEnds(running) })
	group.Go(func() error { return s.poll(running) })
	err := group.Wait()
	cancel()
	s.dropAll()
	return err
}

// join makes the client. The topics are read from the broker before the group is joined, so that
// topics other than those that the ledger knows are refused.
func (s *session) join(ctx context.Context) error {
	defer close(s.ready)
	admin, err := s.in.connect(ctx)
	if err != nil {
		return err
	}
	if s.counts, err = s.in.checkTopics(ctx, admin); err == nil {
		s.askForEnds(ctx, admin)
	}
	admin.Close()
	if err != nil {
		return err
	}
	options := []kgo.Opt{
		kgo.ClientID("citycard-intake"),
		kgo.ConsumerGroup(s.in.settings.Group), kgo.ConsumeTopics(message.InputTopics()...),
		kgo.DisableAutoCommit(), kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(sessionTimeout), kgo.RebalanceTimeout(rebalanceTimeout), kgo.HeartbeatInterval(heartbeatInterval),
		kgo.OnPartitionsAssigned(s.assigned),
		kgo.AdjustFetchOffsetsFn(s.take),
		kgo.OnPartitionsRevoked(s.drop), kgo.OnPartitionsLost(s.drop),
		kgo.FetchMaxBytes(4 << 20), kgo.FetchMaxPartitionBytes(256 << 10), kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.MaxConcurrentFetches(1), kgo.MaxDecompressBatchBytes(maxBatchBytes),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		// Records of an aborted transaction count as never sent; its markers are kept, since they
		// have offsets.
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		// A partition must not be revoked between a poll and the delivery of its records.
		kgo.BlockRebalanceOnPoll(),
	}
	if s.in.settings.Instance != "" {
		options = append(options, kgo.InstanceID(s.in.settings.Instance))
	}
	s.client, err = s.in.connect(ctx, options...)
	return err
}

// errLeasing says that the group gave streams that are being leased.
var errLeasing = errors.New("they are being leased")

// assigned is told before take what the group gave; nothing, where nothing is to be leased.
// The process is not ready until take has leased it.
func (s *session) assigned(_ context.Context, _ *kgo.Client, given map[string][]int32) {
	if len(given) == 0 {
		s.unleased.Store(nil)
	} else {
		s.unleased.CompareAndSwap(nil, &errLeasing) // one that met an error goes on saying it
	}
	s.joined.Store(true)
}

// take leases the partitions that the group gave to this process and says where
// to begin: at the position in the ledger's database, whatever Kafka thinks.
func (s *session) take(ctx context.Context, given map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	// The group may answer before the constructor has returned the client.
	select {
	case <-s.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.client == nil {
		return nil, errors.New("the client was not made")
	}
	begin := make(map[string]map[int32]kgo.Offset, len(given))
	_, generation := s.client.GroupMetadata()
	owner := fmt.Sprintf("%s, generation %d", s.in.settings.Owner, generation)
	for topic, partitions := range given {
		begin[topic] = make(map[int32]kgo.Offset, len(partitions))
		for number := range partitions {
			lease, err := s.in.ledger.Lease(ctx, StreamName(topic, number), owner, 0)
			if err != nil {
				// The group gives the partitions out again; until then readiness fails.
				err = fmt.Errorf("lease %s: %w", StreamName(topic, number), err)
				s.unleased.Store(&err)
				return nil, err
			}
			s.in.metrics.leases.WithLabelValues(topic).Inc()
			s.in.metrics.positions.WithLabelValues(lease.Stream).Set(float64(lease.Next))
			s.start(newPartition(s.in, s.client, topic, number, s.shard(topic, number), lease, func() int64 { return s.end(lease.Stream) }))
			begin[topic][number] = kgo.NewOffset().At(lease.Next).WithEpoch(-1)
		}
	}
	s.unleased.Store(nil)
	return begin, nil
}

// shard gives every partition of every topic a number of its own, the same in
// all processes.
func (s *session) shard(topic string, number int32) int {
	shard := int(number)
	for _, t := range message.InputTopics() {
		if t == topic {
			break
		}
		shard += int(s.counts[t])
	}
	return shard
}

// end is where a stream's partition ends, as far as the broker has said so.
func (s *session) end(stream string) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ends[stream]
}

func (s *session) start(p *partition) {
	ctx, stop := context.WithCancel(s.ctx)
	r := &running{partition: p, stop: stop, done: make(chan struct{})}
	s.mu.Lock()
	old := s.partitions[p.stream]
	s.partitions[p.stream] = r
	s.mu.Unlock()
	// The pump may have looked before this stream was ours. Messages that the last owner did not
	// send must not wait for the next commit.
	s.in.progress.signal()
	old.end()
	go func() {
		defer close(r.done)
		if err := p.run(ctx); ctx.Err() == nil {
			select {
			case s.failed <- err:
			default:
			}
		}
	}()
}

// end stops the partition's goroutine and waits for it. The client keeps a partition paused even
// after it was revoked; if the partition came back, it would never be fetched.
func (r *running) end() {
	if r != nil {
		r.stop()
		<-r.done
		r.client.ResumeFetchPartitions(map[string][]int32{r.topic: {r.number}})
	}
}

// drop gives up partitions that the group takes away: queued records are dropped, a batch under way
// ends or is cut off, and the next owner finds out from the database which.
func (s *session) drop(_ context.Context, _ *kgo.Client, taken map[string][]int32) {
	for topic, numbers := range taken {
		for _, number := range numbers {
			name := StreamName(topic, number)
			s.mu.Lock()
			r := s.partitions[name]
			delete(s.partitions, name)
			s.mu.Unlock()
			r.end()
			s.in.metrics.forget(name)
			if name == StreamName(message.TopicTaps, 0) {
				s.in.metrics.forget(streamAgain)
			}
		}
	}
}

func (s *session) dropAll() {
	for _, r := range s.owned() {
		r.end()
	}
}

// owns reports whether this process has a stream now.
func (s *session) owns(stream string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.partitions[stream] != nil
}

// owned lists the partitions that this process has now.
func (s *session) owned() []*running {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*running, 0, len(s.partitions))
	for _, r := range s.partitions {
		list = append(list, r)
	}
	return list
}

// outgoing is a stream whose messages are to be sent: its name, and its latest batch.
type outgoing struct {
	stream   string
	sequence *atomic.Int64
}

// outgoing lists the streams whose messages this process sends: its partitions, and StreamAgain if
// it has the first partition of taps.
func (s *session) outgoing() (list []outgoing) {
	for _, r := range s.owned() {
		list = append(list, outgoing{r.stream, &r.sequence})
	}
	if s.owns(StreamName(message.TopicTaps, 0)) && s.in.again.Load() > 0 {
		list = append(list, outgoing{streamAgain, &s.in.again})
	}
	return list
}

// poll hands fetched records to their partitions. Records of a partition that
// was taken away meanwhile are for its new owner.
func (s *session) poll(ctx context.Context) error {
	for {
		s.client.AllowRebalance()
		fetches := s.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, e := range fetches.Errors() {
			if s.unreadable(e) {
				continue
			}
			var group *kgo.ErrGroupSession
			if broker.Passing(e.Err) || errors.As(e.Err, &group) {
				s.in.log.Warn("fetch failed, trying again", "topic", e.Topic, "partition", e.Partition, "error", e.Err)
				continue
			}
			return fmt.Errorf("intake: fetch %s/%d: %w", e.Topic, e.Partition, e.Err)
		}
		fetches.EachPartition(func(t kgo.FetchTopicPartition) {
			s.mu.Lock()
			r := s.partitions[StreamName(t.Topic, t.Partition)]
			s.mu.Unlock()
			if r != nil && len(t.Records) > 0 {
				r.offer(t.Records, t.HighWatermark)
			}
		})
	}
}
