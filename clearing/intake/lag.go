package intake

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/message"
)

// lag is how far a partition is behind. Fetched records have their own time. Of records at the
// broker that cannot be fetched, only the partition's end is known, and since when they wait.
type lag struct {
	end     int64     // of the partition, the newest that is known
	at      int64     // the stream's position at the last look
	waiting time.Time // since when it has been there with records still to be read; zero: there were none
}

// look takes the partition's end into account, as it is at a moment.
func (g *lag) look(position, end int64, now time.Time) {
	g.end = max(g.end, end)
	switch {
	case position >= g.end:
		g.waiting = time.Time{}
	case g.waiting.IsZero() || g.at != position:
		g.waiting = now
	}
	g.at = position
}

// read returns how many records are not booked, and the age of the oldest: since it was appended if
// it was fetched, else since it is known to wait. oldest is zero if none was fetched.
func (g *lag) read(position int64, oldest, now time.Time) (records int64, age time.Duration) {
	if position >= g.end {
		return 0, 0
	}
	since := oldest
	if since.IsZero() && g.at == position {
		since = g.waiting
	}
	if since.IsZero() {
		return g.end - position, 0
	}
	return g.end - position, max(0, now.Sub(since))
}

// lags shows how far behind this process's streams are, at the time of each query. So the lag of a
// stream that makes no progress grows, whether it fails to commit or fetches nothing.
type lags struct {
	clock            func() time.Time
	records, seconds *prometheus.Desc
	in               atomic.Pointer[Intake]
}

func newLags(clock func() time.Time) *lags {
	label := []string{"stream"}
	return &lags{
		clock:   clock,
		records: prometheus.NewDesc("citycard_stream_lag_records", "Records between a stream's position and its partition's end.", label, nil),
		seconds: prometheus.NewDesc("citycard_stream_lag_seconds",
			"Age of the oldest record that is not committed: since it was appended, or for one that was not fetched since it is known to wait; 0 where there is none.", label, nil),
	}
}

// Describe names the gauges.
func (l *lags) Describe(out chan<- *prometheus.Desc) {
	out <- l.records
	out <- l.seconds
}

// Collect reads the partitions.
func (l *lags) Collect(out chan<- prometheus.Metric) {
	in := l.in.Load()
	if in == nil {
		return
	}
	s := in.current.Load()
	if s == nil {
		return
	}
	for _, p := range s.owned() {
		records, age := p.behind(l.clock())
		out <- prometheus.MustNewConstMetric(l.records, prometheus.GaugeValue, float64(records), p.stream)
		out <- prometheus.MustNewConstMetric(l.seconds, prometheus.GaugeValue, age.Seconds(), p.stream)
	}
}

// endsEvery is how often the broker is asked for the ends of the partitions. A fetch tells them as
// well, but there is none for a partition that cannot be read.
const endsEvery = 10 * time.Second

// lookForEnds asks again and again.
func (s *session) lookForEnds(ctx context.Context) error {
	tick := time.NewTicker(endsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
			s.askForEnds(ctx, s.client)
		}
	}
}

// askForEnds asks the broker once. If the broker does not answer, other code reports it.
func (s *session) askForEnds(ctx context.Context, client *kgo.Client) {
	if ends, err := kadm.NewClient(client).ListEndOffsets(ctx, message.InputTopics()...); err == nil {
		s.reached(ends)
	}
}

// reached notes the ends of the partitions, also of those that may be given to this process later.
func (s *session) reached(ends kadm.ListedOffsets) {
	s.mu.Lock()
	ends.Each(func(end kadm.ListedOffset) {
		if end.Err == nil {
			s.ends[StreamName(end.Topic, end.Partition)] = end.Offset
		}
	})
	s.mu.Unlock()
	for _, r := range s.owned() {
		r.measure()
	}
}

// measure compares the partition's position with its end.
func (p *partition) measure() {
	end := p.ends()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lag.look(p.position.Load(), end, p.in.metrics.clock())
}

// behind says how far the partition is behind now.
func (p *partition) behind(now time.Time) (records int64, age time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	oldest := p.underway
	if oldest.IsZero() && len(p.queue) > 0 {
		oldest = p.queue[0].Timestamp
	}
	return p.lag.read(p.position.Load(), oldest, now)
}
