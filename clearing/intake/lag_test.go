package intake_test

import (
	"context"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/docket"
	"citycard/clearing/intake"
	"citycard/clearing/message"
)

// gauges are the metrics of an intake whose clock is put forward.
type gauges struct {
	*house
	registry *prometheus.Registry
	ahead    atomic.Int64
}

func (h *house) watch() *gauges {
	g := &gauges{house: h, registry: prometheus.NewRegistry()}
	h.metrics = intake.NewMetrics(g.registry, func() time.Time { return time.Now().Add(time.Duration(g.ahead.Load())) })
	return g
}

// read gives a gauge by stream.
func (g *gauges) read(name string) map[string]float64 {
	g.Helper()
	families, err := g.registry.Gather()
	g.must(err)
	values := map[string]float64{}
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, metric := range family.GetMetric() {
			values[metric.GetLabel()[0].GetValue()] = metric.GetGauge().GetValue()
		}
	}
	return values
}

// until waits until the lag in records is as wanted.
func (g *gauges) until(want map[string]float64) {
	g.Helper()
	deadline := time.Now().Add(awaitLimit)
	for got := g.read("citycard_stream_lag_records"); !maps.Equal(got, want); got = g.read("citycard_stream_lag_records") {
		if time.Now().After(deadline) {
			g.Fatalf("records that streams are behind: %v, want %v", got, want)
		}
	}
}

// wantAges puts the clock ten minutes ahead and looks at which streams grew so much older.
func (g *gauges) wantAges(old ...string) {
	g.Helper()
	g.ahead.Add(int64(10 * time.Minute))
	var aged []string
	for stream, seconds := range g.read("citycard_stream_lag_seconds") {
		if seconds >= 600 {
			aged = append(aged, stream)
		} else if seconds != 0 {
			g.Errorf("%s is %g s behind, want 0 or ten minutes", stream, seconds)
		}
	}
	slices.Sort(aged)
	if !slices.Equal(aged, old) {
		g.Errorf("behind by ten minutes: %v, want %v", aged, old)
	}
}

// streams are all streams, each with nothing to book.
func streams() map[string]float64 {
	all := map[string]float64{}
	for _, topic := range message.InputTopics() {
		for n := range partitions {
			all[intake.StreamName(topic, n)] = 0
		}
	}
	return all
}

// TestLagWithoutTraffic: all streams show their lag before anything was fetched, also after a
// restart, and show nothing once another process has them.
func TestLagWithoutTraffic(t *testing.T) {
	h := newHouse(t)
	h.send(tap(h.ride(1)))
	h.clear()
	g := h.watch()
	_, stop := h.run(h.intake("test"))
	g.until(streams())
	g.wantAges()
	stop()
	g.until(map[string]float64{})
}

// TestLagOfWhatStands: a stream whose batch cannot be booked gets older by the clock, and so does
// one that the process has never fetched anything of.
func TestLagOfWhatStands(t *testing.T) {
	h := newHouse(t)
	packed, err := kgo.NewClient(kgo.SeedBrokers(h.kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.ZstdCompression()), kgo.ProducerBatchMaxBytes(64<<20), kgo.MaxBufferedBytes(256<<20))
	h.must(err)
	defer packed.Close()
	h.must(packed.ProduceSync(t.Context(), &kgo.Record{Topic: message.TopicTaps, Value: make([]byte, 20<<20)}).FirstErr())
	stuck := make(chan struct{})
	h.spoil = func(all map[string]func() intake.Rules) {
		make := all[message.TopicLoads]
		all[message.TopicLoads] = func() intake.Rules {
			r := make()
			r.Rule = func(ctx context.Context, _ []docket.Record, _ *docket.Docket) (intake.Judged, error) {
				close(stuck)
				<-ctx.Done()
				return intake.Judged{}, ctx.Err()
			}
			return r
		}
	}
	g := h.watch()
	_, stop := h.run(h.intake("test"))
	want := streams()
	want["taps/0"] = 1
	g.until(want)
	h.send(sent{message.TopicLoads, 2, []byte("x")})
	<-stuck
	want["loads/2"] = 1
	g.until(want)
	g.wantAges("loads/2", "taps/0")
	stop()
}
