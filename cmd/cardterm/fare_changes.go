package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/terminals/tariff"
)

// fareState is what a lane charges by at a moment; nil for none.
type fareState struct {
	table, next *tariff.Table
	zone        *time.Location
}

func (f *fares) state() fareState {
	now := f.now()
	s := fareState{zone: now.Location()}
	s.table, _ = f.At(now)
	s.next, _ = f.Next(now)
	return s
}

// attrs are the state as attributes of a log line.
func (s fareState) attrs() (list []any) {
	if s.table != nil {
		list = append(list, "version", s.table.Version(), "since", s.begins(s.table))
	}
	if s.next != nil {
		list = append(list, "next", s.next.Version(), "from", s.begins(s.next))
	}
	return list
}

func (s fareState) begins(t *tariff.Table) string { return t.Begins(s.zone).Format(time.DateTime) }

// version names a table; nil has none.
func version(t *tariff.Table) string {
	if t == nil {
		return ""
	}
	return t.Version()
}

// watch logs when the fares change, by the clock or by a publication, until ctx ends.
func (f *fares) watch(ctx context.Context, last fareState) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	priced := map[string]bool{} // versions of which it is known that they have prices here, or said that they have none
	f.checkPlace(last, priced)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-f.news:
		}
		state := f.state()
		f.say(last, state)
		f.checkPlace(state, priced)
		last = state
	}
}

// say logs what has changed.
func (f *fares) say(last, state fareState) {
	before := version(last.table)
	switch now := version(state.table); {
	case now == before:
	case state.table == nil:
		f.log.Error("no fare table holds any more; no card is served", "before", before)
	default:
		f.log.Info("the fares have changed", "version", now, "since", state.begins(state.table), "before", before)
	}
	switch next := version(state.next); {
	case next == version(last.next):
	case state.next != nil:
		f.log.Info("new fares are known", "next", next, "from", state.begins(state.next))
	case version(last.next) != version(state.table):
		f.log.Warn("the fares that were to come are withdrawn", "version", version(last.next))
	}
}

// checkPlace says once of each table that it has no prices for the place of the lane.
func (f *fares) checkPlace(state fareState, checked map[string]bool) {
	for _, t := range []*tariff.Table{state.table, state.next} {
		if t == nil || checked[t.Version()] {
			continue
		}
		checked[t.Version()] = true
		if err := f.place(t); err != nil {
			f.log.Error("these fares have no price for this place; while they hold, no card is served", "version", t.Version(), "from", state.begins(t), logged(err))
		}
	}
}

// ready says whether there are fares to charge.
func (f *fares) ready(context.Context) error {
	table, err := f.At(f.now())
	if err != nil {
		return err
	}
	return f.place(table)
}

// fareGauges show the fares of a lane on the pages.
type fareGauges struct {
	fares               *fares
	version, next, read *prometheus.Desc
}

func newFareGauges(f *fares) *fareGauges {
	return &fareGauges{
		fares:   f,
		version: prometheus.NewDesc("cardterm_fares_info", "The fare table that the terminal charges by, by version; always 1.", []string{"version"}, nil),
		next:    prometheus.NewDesc("cardterm_fares_next_timestamp_seconds", "When the next fare table that the terminal knows begins, by its version.", []string{"version"}, nil),
		read:    prometheus.NewDesc("cardterm_fares_read_timestamp_seconds", "When the terminal last knew all that topic fares has, 0 for not since its start.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (g *fareGauges) Describe(out chan<- *prometheus.Desc) {
	out <- g.version
	out <- g.next
	out <- g.read
}

// Collect implements prometheus.Collector.
func (g *fareGauges) Collect(out chan<- prometheus.Metric) {
	state := g.fares.state()
	if t := state.table; t != nil {
		out <- prometheus.MustNewConstMetric(g.version, prometheus.GaugeValue, 1, t.Version())
	}
	if t := state.next; t != nil {
		out <- prometheus.MustNewConstMetric(g.next, prometheus.GaugeValue, float64(t.Begins(state.zone).Unix()), t.Version())
	}
	out <- prometheus.MustNewConstMetric(g.read, prometheus.GaugeValue, float64(g.fares.read.Load()))
}
