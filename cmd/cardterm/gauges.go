package main

import (
	"github.com/prometheus/client_golang/prometheus"
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
	serving, last, waiting *prometheus.Desc
	intents                *prometheus.Desc
}

func newLaneGauges(lanes []*lane) *laneGauges {
	return &laneGauges{
		lanes:   lanes,
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
			gauge(g.waiting, float64(box.Status().Waiting()), l.settings.name)
			c := l.intents.counts(l.settings.name)
			gauge(g.intents, float64(c.Open), l.settings.name, "open")
			gauge(g.intents, float64(c.Unconfirmed), l.settings.name, "unconfirmed")
			gauge(g.intents, float64(c.Doubted), l.settings.name, "doubted")
			gauge(g.intents, float64(c.Others), l.settings.name, "neighbours")
		}
	}
}
