package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"citycard/terminals/intent"
	"citycard/terminals/outbox"
)

// newTapCounter counts the cards served, by lane and outcome.
func newTapCounter(registry *prometheus.Registry) *prometheus.CounterVec {
	taps := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cardterm_taps_total", Help: "Cards held to the reader of a lane, by outcome.",
	}, []string{"lane", "outcome"})
	registry.MustRegister(taps)
	return taps
}

// laneGauges show the lanes on the pages.
type laneGauges struct {
	lanes                  []*lane
	leftLanes              []*leftLane
	serving, last, waiting *prometheus.Desc
	intents, left          *prometheus.Desc
}

func newLaneGauges(lanes []*lane, left []*leftLane) *laneGauges {
	return &laneGauges{
		lanes: lanes, leftLanes: left,
		left:    prometheus.NewDesc("cardterm_lane_left", "1 for each lane that is not in the settings and has an outbox, which is sent.", []string{"lane"}, nil),
		serving: prometheus.NewDesc("cardterm_lane_serving", "1 while the lane serves cards, else 0; /readyz says why.", []string{"lane"}, nil),
		last:    prometheus.NewDesc("cardterm_lane_card_timestamp_seconds", "When the lane last served a card; its start, if it has served none since.", []string{"lane"}, nil),
		waiting: prometheus.NewDesc("cardterm_outbox_waiting", "Records of the lane that the broker has not acknowledged.", []string{"lane"}, nil),
		intents: prometheus.NewDesc("cardterm_intents", "Payments whose outcome is not known: of the lane (open), of the lane and the clearing centre was told (unconfirmed), of the lane and of cards whose proof is wrong (doubted), of its neighbours (neighbours).", []string{"lane", "state"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (g *laneGauges) Describe(out chan<- *prometheus.Desc) {
	out <- g.serving
	out <- g.last
	out <- g.waiting
	out <- g.intents
	out <- g.left
}

// Collect implements prometheus.Collector.
func (g *laneGauges) Collect(out chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, l := range g.lanes {
		serving := 0.0
		if l.trouble.Load() == nil {
			serving = 1
		}
		gauge(g.serving, serving, l.settings.name)
		gauge(g.last, float64(l.last.Load()), l.settings.name)
		if box := l.box.Load(); box != nil {
			g.box(gauge, l.settings.name, box, l.intents.counts(l.settings.name))
		}
	}
	for _, l := range g.leftLanes {
		gauge(g.left, 1, l.name)
		if out, counts := l.box(); out != nil {
			g.box(gauge, l.name, out, counts)
		}
	}
}

// box shows what is in an outbox.
func (g *laneGauges) box(gauge func(desc *prometheus.Desc, value float64, labels ...string), lane string, box *outbox.Log, c intent.Counts) {
	gauge(g.waiting, float64(box.Status().Waiting()), lane)
	gauge(g.intents, float64(c.Open), lane, "open")
	gauge(g.intents, float64(c.Unconfirmed), lane, "unconfirmed")
	gauge(g.intents, float64(c.Doubted), lane, "doubted")
	gauge(g.intents, float64(c.Others), lane, "neighbours")
}
