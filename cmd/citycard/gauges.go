package main

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/clearing/chart"
	"citycard/ledger"
)

// gauges reads the books when metrics are asked for: what the control accounts
// hold, and which day is open.
type gauges struct {
	*center
	log      *slog.Logger
	account  *prometheus.Desc
	day      *prometheus.Desc
	registry *prometheus.Desc
	version  *prometheus.Desc
	hotlist  *prometheus.Desc
	cards    *prometheus.Desc
	notZero  *prometheus.Desc
	test     *prometheus.Desc
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
		version: prometheus.NewDesc("citycard_registry_version", "Number of the registry's version in use.", nil, nil),
		hotlist: prometheus.NewDesc("citycard_hotlist_version", "Number of the registry's version that last changed the hotlist, 0 where none did.", nil, nil),
		cards:   prometheus.NewDesc("citycard_hotlist_cards", "Cards that the hotlist has rows of, those included that are free again.", nil, nil),
		notZero: prometheus.NewDesc("citycard_accounts_not_at_zero", "Accounts with something left at the end of the last closed day that its close should have brought to zero, by kind.",
			[]string{"kind"}, nil),
		test: prometheus.NewDesc("citycard_test_masters", "1 where the key store holds TEST masters, which anybody can make, else 0.", nil, nil),
	}
}

// Describe names the gauges.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{g.account, g.day, g.registry, g.version, g.hotlist, g.cards, g.notZero, g.test} {
		out <- desc
	}
}

// Collect reads them. What cannot be read in time is left out and logged: a gap
// in a curve says more than an old value.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gaugeLimit)
	defer cancel()
	test := 0.0
	if g.keys.Store().Test() {
		test = 1
	}
	out <- prometheus.MustNewConstMetric(g.test, prometheus.GaugeValue, test)
	edition := g.center.registry.Current()
	out <- prometheus.MustNewConstMetric(g.registry, prometheus.GaugeValue, 1, edition.Version())
	out <- prometheus.MustNewConstMetric(g.version, prometheus.GaugeValue, float64(edition.Number()))
	out <- prometheus.MustNewConstMetric(g.hotlist, prometheus.GaugeValue, float64(edition.HotlistNumber()))
	out <- prometheus.MustNewConstMetric(g.cards, prometheus.GaugeValue, float64(edition.Counts()["hotlist"]))
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
	for kind, count := range notAtZero(trial) {
		out <- prometheus.MustNewConstMetric(g.notZero, prometheus.GaugeValue, float64(count), kind)
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

// notAtZero counts, by kind, the accounts that must return to zero, and of them those
// where something was left before the day of a trial balance.
func notAtZero(trial []ledger.TrialRow) map[string]int {
	counts := map[string]int{}
	for _, row := range trial {
		if row.Account.Flags&ledger.MustReturnToZero == 0 {
			continue
		}
		left := 0
		if row.Before.CreditBalance() != 0 {
			left = 1
		}
		counts[chart.KindOf(row.Account.Code)] += left
	}
	return counts
}

func isControl(code string) bool {
	return slices.Contains([]string{
		"reserve", "float", "deposits", "passes", "fees", "unwritten", "centre", "channel", "operator", "pending", "hospital", "suspense", "bank", "fund", "pension",
	}, chart.KindOf(code))
}
