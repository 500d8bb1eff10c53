package main

import (
	"context"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/clearing/history"
	"citycard/clearing/quarantine"
	"citycard/ledger"
)

// closeGauges reads, when metrics are asked for, how far the close of a day is,
// whichever process closes it, what the last one found, and what is kept alone.
type closeGauges struct {
	books    *books
	log      *slog.Logger
	progress *prometheus.Desc
	findings *prometheus.Desc
	alone    *prometheus.Desc
}

func newCloseGauges(b *books, log *slog.Logger) *closeGauges {
	return &closeGauges{
		books: b, log: log,
		progress: prometheus.NewDesc("citycard_close_progress_ratio",
			"Share of the rows of a closing day that the pass over its cards has dealt with, 0 to 1; absent while no day is closing.", []string{"day"}, nil),
		findings: prometheus.NewDesc("citycard_close_findings",
			"What the pass over the cards and SAMs of the last closed day found, by kind.", []string{"kind"}, nil),
		alone: prometheus.NewDesc("citycard_quarantined_records",
			"Records that could not be booked, are kept alone and were not judged again yet.", nil, nil),
	}
}

// Describe names the gauges.
func (g *closeGauges) Describe(out chan<- *prometheus.Desc) {
	out <- g.progress
	out <- g.findings
	out <- g.alone
}

// Collect reads them; what cannot be read in time is left out and logged.
func (g *closeGauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gaugeLimit)
	defer cancel()
	if err := g.collect(ctx, out); err != nil {
		g.log.Warn("the close of days cannot be read for metrics", "error", err)
	}
}

func (g *closeGauges) collect(ctx context.Context, out chan<- prometheus.Metric) error {
	open, err := quarantine.Open(ctx, g.books.Ledger)
	if err != nil {
		return err
	}
	out <- prometheus.MustNewConstMetric(g.alone, prometheus.GaugeValue, float64(open))
	days, err := g.books.Days(ctx)
	if err != nil {
		return err
	}
	archive := history.Archive{Ledger: g.books.Ledger}
	var closed ledger.Day
	for _, d := range days {
		if d.State == ledger.DayClosed || d.State == ledger.DaySealed {
			closed = max(closed, d.Day)
		}
		if d.State != ledger.DayClosing {
			continue
		}
		total, err := g.books.BookedRows(ctx, d.Day)
		if err != nil {
			return err
		}
		done, err := archive.Progress(ctx, d.Day)
		if err != nil {
			return err
		}
		out <- prometheus.MustNewConstMetric(g.progress, prometheus.GaugeValue, float64(min(done, total))/float64(max(total, 1)), d.Day.String())
	}
	if closed == 0 {
		return nil
	}
	summary, found, err := archive.Of(ctx, closed)
	if err != nil || !found {
		return err
	}
	for _, k := range history.Kinds() {
		out <- prometheus.MustNewConstMetric(g.findings, prometheus.GaugeValue, float64(summary.Found[k.String()]), k.String())
	}
	return nil
}
