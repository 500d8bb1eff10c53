package service

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// readyMetrics are what /readyz says, as gauges. The checks are asked at every scrape.
type readyMetrics struct {
	ops          *Ops
	ready, check *prometheus.Desc
}

func newReadyMetrics(program string, ops *Ops) *readyMetrics {
	return &readyMetrics{
		ops:   ops,
		ready: prometheus.NewDesc(program+"_ready", "1 while every check of readiness passes, else 0.", nil, nil),
		check: prometheus.NewDesc(program+"_ready_check", "1 while the check of readiness passes, else 0; /readyz says why.", []string{"check"}, nil),
	}
}

// Describe names the gauges.
func (m *readyMetrics) Describe(out chan<- *prometheus.Desc) {
	out <- m.ready
	out <- m.check
}

// Collect asks the checks.
func (m *readyMetrics) Collect(out chan<- prometheus.Metric) {
	answer := m.ops.readiness(context.Background())
	gauge := func(desc *prometheus.Desc, holds bool, labels ...string) {
		value := 0.0
		if holds {
			value = 1
		}
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	gauge(m.ready, answer.Ready)
	for name, said := range answer.Checks {
		gauge(m.check, said == passes, name)
	}
}
