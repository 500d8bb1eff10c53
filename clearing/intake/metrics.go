package intake

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
)

// Metrics of the intake.
type Metrics struct {
	clock func() time.Time

	records      *prometheus.CounterVec
	fen          *prometheus.CounterVec
	operators    *prometheus.CounterVec
	flags        flagCounters
	batches      *prometheus.CounterVec
	abandoned    *prometheus.CounterVec
	phases       *prometheus.HistogramVec
	sizes        *prometheus.HistogramVec
	leases       *prometheus.CounterVec
	lost         prometheus.Counter
	unjoined     prometheus.Counter
	positions    *prometheus.GaugeVec
	lags         *lags
	pumped       *prometheus.CounterVec
	pumpLag      *prometheus.GaugeVec
	pumpFailures prometheus.Counter
	pumpRefused  *prometheus.CounterVec
	published    prometheus.Gauge
	hotlist      hotlistGauges
	modes        prometheus.Gauge
}

// NewMetrics registers the metrics. clock times the phases.
func NewMetrics(registry prometheus.Registerer, clock func() time.Time) *Metrics {
	m := &Metrics{
		clock: clock, flags: newFlagCounters(),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "citycard_rulings_total", Help: "Items ruled on, by verdict, reason and purpose.",
		}, []string{"verdict", "reason", "purpose"}),
		fen: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "citycard_rulings_fen_total", Help: "Money of the items ruled on, in fen, by verdict and purpose.",
		}, []string{"verdict", "purpose"}),
		operators: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "citycard_operator_taps_total", Help: "Taps by operator of their terminal ((unknown): not registered) and verdict; rejected are those with a wrong TAC.",
		}, []string{"operator", "verdict"}),
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
		sizes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "citycard_batch_records", Help: "Records in a committed batch, by topic.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 8),
		}, []string{"topic"}),
		leases: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "citycard_stream_claims_total", Help: "Leases of streams by this process, by topic.",
		}, []string{"topic"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "citycard_sessions_lost_total", Help: "Times this process found a newer owner of a stream and joined the group again.",
		}),
		unjoined: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "citycard_joins_failed_total", Help: "Times this process could not join the group because database or broker were away, and tried again.",
		}),
		lags: newLags(clock),
		pumped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "citycard_pump_messages_total", Help: "Committed messages sent to Kafka and acknowledged, by topic.",
		}, []string{"topic"}),
		pumpLag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "citycard_pump_lag_batches", Help: "Batches between a stream's last one and the last one that the pump has dealt with.",
		}, []string{"stream"}),
		positions: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "citycard_stream_position", Help: "Next offset of each stream, as committed.",
		}, []string{"stream"}),
		published: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "citycard_registry_published_version", Help: "Version of the registry that the topic registry holds, as last seen by the process that publishes it.",
		}),
		hotlist: newHotlistGauges(), modes: newModesGauge(),
		pumpRefused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "citycard_pump_refused_total", Help: "Committed messages that the broker refused for good and that were set aside, by topic.",
		}, []string{"topic"}),
		pumpFailures: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "citycard_pump_failures_total", Help: "Attempts to send committed messages to Kafka that failed and are tried again.",
		}),
	}
	registry.MustRegister(m.records, m.fen, m.operators, m.flags.flagged, m.flags.misplaced, m.flags.wrongMode, m.flags.marked, m.batches, m.abandoned, m.phases, m.sizes, m.leases, m.lost, m.unjoined, m.positions, m.lags,
		m.pumped, m.pumpLag, m.pumpFailures, m.pumpRefused, m.published, m.hotlist.published, m.hotlist.refused, m.modes)
	m.begin()
	return m
}

// begin sets the counters that alerts watch to zero. A counter that appeared only with its first
// event would show no increase for it.
func (m *Metrics) begin() {
	for _, topic := range message.InputTopics() {
		m.abandoned.WithLabelValues(topic)
	}
	for _, topic := range message.OutputTopics() {
		m.pumpRefused.WithLabelValues(topic)
	}
	m.records.WithLabelValues(verdict.Rejected.String(), string(verdict.BadTAC), "tap")
}

// forget drops the gauges of a stream that another process has now.
func (m *Metrics) forget(stream string) {
	m.positions.DeleteLabelValues(stream)
	m.pumpLag.DeleteLabelValues(stream)
}

// batch counts a committed batch of so many records.
func (m *Metrics) batch(topic, stream string, next int64, records int, d *docket.Docket, judge, commit time.Duration) {
	lines, flags := d.Tally()
	for _, line := range lines {
		m.records.WithLabelValues(line.Verdict, string(line.Reason), line.Purpose).Add(float64(line.Count))
		m.fen.WithLabelValues(line.Verdict, line.Purpose).Add(float64(max(0, line.Fen)))
	}
	for of, count := range d.Operators() {
		m.operators.WithLabelValues(of.Operator, of.Verdict.String()).Add(float64(count))
	}
	m.flags.add(flags)
	m.batches.WithLabelValues(topic).Inc()
	m.sizes.WithLabelValues(topic).Observe(float64(records))
	m.phases.WithLabelValues("judge").Observe(judge.Seconds())
	m.phases.WithLabelValues("commit").Observe(commit.Seconds())
	m.positions.WithLabelValues(stream).Set(float64(next))
}
