package main

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/clearing/chart"
)

// gauges reads the books when metrics are asked for: what the control accounts
// hold, and which day is open.
type gauges struct {
	*center
	log      *slog.Logger
	account  *prometheus.Desc
	day      *prometheus.Desc
	registry *prometheus.Desc
}

const gaugeLimit = 2 * time.Second

func newGauges(c *center, log *slog.Logger) *gauges {
	return &gauges{
		center:  c,
		log:     log,
		account: prometheus.NewDesc("citycard_account_fen", "What a control account holds, credits less debits, in fen.", []string{"account"}, nil),
		day:     prometheus.NewDesc("citycard_clearing_day_start_seconds", "Midnight at which the open clearing day began, Unix time.", nil, nil),
		registry: prometheus.NewDesc("citycard_registry_info", "The registry in use, by version; always 1.",
			[]string{"version"}, nil),
	}
}

// Describe names the gauges.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	out <- g.account
	out <- g.day
	out <- g.registry
}

// Collect reads them. What cannot be read in time is left out and logged: a gap
// in a curve says more than an old value.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gaugeLimit)
	defer cancel()
	out <- prometheus.MustNewConstMetric(g.registry, prometheus.GaugeValue, 1, g.center.registry.Version())
	day, err := g.books.CurrentDay(ctx)
	if err != nil {
		g.log.Warn("the open day cannot be read for metrics", "error", err)
		return
	}
	out <- prometheus.MustNewConstMetric(g.day, prometheus.GaugeValue, float64(day.Time(g.zone).Unix()))
	trial, err := g.books.Trial(ctx, day)
	if err != nil {
		g.log.Warn("accounts cannot be read for metrics", "error", err)
		return
	}
	for _, row := range trial {
		// Personal accounts are many, and nobody's business here.
		if !isControl(row.Account.Code) {
			continue
		}
		held := row.Before.Credits + row.Day.Credits - row.Before.Debits - row.Day.Debits
		out <- prometheus.MustNewConstMetric(g.account, prometheus.GaugeValue, float64(held), row.Account.Code)
	}
}

func isControl(code string) bool {
	return slices.Contains([]string{
		"reserve", "float", "unwritten", "centre", "channel", "operator", "pending", "hospital", "suspense", "bank", "fund", "pension",
	}, chart.KindOf(code))
}
