package intake

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/clearing/docket"
)

// Metrics of the intake.
type Metrics struct {
	clock func() time.Time

	records      *prometheus.CounterVec
	fen          *prometheus.CounterVec
	flagged      prometheus.Counter
	batches      *prometheus.CounterVec
	abandoned    *prometheus.CounterVec
	phases       *prometheus.HistogramVec
	positions    *prometheus.GaugeVec
	pumpFailures prometheus.Counter
}

// NewMetrics registers the metrics. clock times the phases.
func NewMetrics(registry prometheus.Registerer, clock func() time.Time) *Metrics {
	m := &Metrics{
		clock: clock,
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "citycard_rulings_total", Help: "Items ruled on, by verdict, reason and purpose.",
		}, []string{"verdict", "reason", "purpose"}),
		fen: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "citycard_rulings_fen_total", Help: "Money of the items ruled on, in fen, by verdict and purpose.",
		}, []string{"verdict", "purpose"}),
		flagged: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "citycard_fare_mismatches_total", Help: "Cleared taps whose fare is not the fare table's.",
		}),
		batches: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "citycard_batches_total", Help: "Batches committed, by topic.",
		}, []string{"topic"}),
		abandoned: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "citycard_batches_abandoned_total", Help: "Attempts at a batch that were not committed and are tried again, by topic.",
		}, []string{"topic"}),
		phases: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "citycard_batch_phase_seconds", Help: "Time a batch spends being judged and being committed.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14),
		}, []string{"phase"}),
		positions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "citycard_stream_position", Help: "Next offset of each stream, as committed.",
		}, []string{"stream"}),
		pumpFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "citycard_pump_failures_total", Help: "Attempts to send committed messages to Kafka that failed and are tried again.",
		}),
	}
	registry.MustRegister(m.records, m.fen, m.flagged, m.batches, m.abandoned, m.phases, m.positions, m.pumpFailures)
	return m
}

// batch counts a committed batch.
func (m *Metrics) batch(topic, stream string, next int64, d *docket.Docket, judge, commit time.Duration) {
	lines, flagged := d.Tally()
	for _, line := range lines {
		m.records.WithLabelValues(line.Verdict, string(line.Reason), line.Purpose).Add(float64(line.Count))
		m.fen.WithLabelValues(line.Verdict, line.Purpose).Add(float64(line.Fen))
	}
	m.flagged.Add(float64(flagged))
	m.batches.WithLabelValues(topic).Inc()
	m.phases.WithLabelValues("judge").Observe(judge.Seconds())
	m.phases.WithLabelValues("commit").Observe(commit.Seconds())
	m.positions.WithLabelValues(stream).Set(float64(next))
}
