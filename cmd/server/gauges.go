package server

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"citycard/clearing/counters"
	"citycard/clearing/rulefile"
)

// gauges are the gauges of the registry and of the keys in use.
type gauges struct {
	*Server
	registry *prometheus.Desc
	version  *prometheus.Desc
	hotlist  *prometheus.Desc
	modes    *prometheus.Desc
	cards    *prometheus.Desc
	test     *prometheus.Desc
	rules    *prometheus.Desc
	fares    *prometheus.Desc
	calendar *prometheus.Desc
}

func newGauges(c *Server) *gauges {
	return &gauges{
		Server: c,
		registry: prometheus.NewDesc("citycard_registry_info", "The registry in use, by version; always 1.",
			[]string{"version"}, nil),
		version: prometheus.NewDesc("citycard_registry_version", "Number of the registry's version in use.", nil, nil),
		modes:   prometheus.NewDesc("citycard_modes_version", "Number of the registry's version that last changed what terminals are told of service modes and issuers, 0 for none.", nil, nil),
		hotlist: prometheus.NewDesc("citycard_hotlist_version", "Number of the registry's version that last changed the hotlist, 0 where none did.", nil, nil),
		cards:   prometheus.NewDesc("citycard_hotlist_cards", "Cards that the hotlist has rows of, those included that are free again.", nil, nil),
		rules:   prometheus.NewDesc("citycard_rules_info", "The edition of the rules in use; always 1.", []string{"edition"}, nil),
		fares:   prometheus.NewDesc("citycard_fares_info", "The fare table in force, by version; always 1.", []string{"version"}, nil),
		calendar: prometheus.NewDesc("citycard_calendar_last_day_timestamp_seconds",
			"Midnight at which the last day begins that the calendar has, Unix time.", nil, nil),
		test: prometheus.NewDesc("citycard_test_masters", "1 where the key store holds TEST masters, which anybody can make, else 0.", nil, nil),
	}
}

// Describe names the gauges.
func (g *gauges) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{g.registry, g.version, g.hotlist, g.modes, g.cards, g.test, g.rules, g.fares, g.calendar} {
		out <- desc
	}
}

// Collect shows the values that were read last, so that an alert on them continues; another gauge
// has their age.
func (g *gauges) Collect(out chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	edition := g.Registry.Current()
	gauge(g.registry, 1, edition.Version())
	gauge(g.version, float64(edition.Number()))
	gauge(g.hotlist, float64(edition.HotlistNumber()))
	gauge(g.modes, float64(edition.ModesNumber()))
	gauge(g.calendar, float64(g.Server.Rules.Current().Calendar.Last().Time(g.Server.zone).Unix()))
	gauge(g.rules, 1, g.Server.Rules.Current().Edition.String())
	gauge(g.fares, 1, g.Server.Rules.Current().Tables.At(rulefile.MomentOf(time.Now().In(g.Server.zone))).Version())
	gauge(g.cards, float64(edition.Counts()["hotlist"]))
	test := 0.0
	if g.Server.tacs.Held().Test() {
		test = 1
	}
	gauge(g.test, test)
}

// bookGauges are the gauges whose values come from the books.
type bookGauges struct {
	glance   *glance
	zone     *time.Location
	read     *prometheus.Desc
	account  *prometheus.Desc
	day      *prometheus.Desc
	notZero  *prometheus.Desc
	progress *prometheus.Desc
	findings *prometheus.Desc
	alone    *prometheus.Desc
	unsealed *prometheus.Desc
	without  *prometheus.Desc
	oldest   *prometheus.Desc
}

func newBookGauges(g *glance, zone *time.Location) *bookGauges {
	return &bookGauges{
		glance: g, zone: zone,
		read: prometheus.NewDesc("citycard_books_read_timestamp_seconds",
			"When the gauges of accounts, days and closes were last read from the books, Unix time; until then, when the program began.", nil, nil),
		account: prometheus.NewDesc("citycard_account_fen", "What a control account holds, credits less debits, in fen.", []string{"account"}, nil),
		day:     prometheus.NewDesc("citycard_clearing_day_start_seconds", "Midnight at which the open clearing day began, Unix time.", nil, nil),
		notZero: prometheus.NewDesc("citycard_accounts_not_at_zero", "Accounts with something left at the end of the last closed day that its close should have brought to zero, by kind.",
			[]string{"kind"}, nil),
		progress: prometheus.NewDesc("citycard_close_progress_ratio",
			"Share of the rows of a closing day that the pass over its cards has dealt with, 0 to 1; absent while no day is closing.", []string{"day"}, nil),
		findings: prometheus.NewDesc("citycard_close_findings",
			"What the pass over the cards and SAMs of the last closed day found, by kind.", []string{"kind"}, nil),
		alone: prometheus.NewDesc("citycard_quarantined_records",
			"Records that could not be booked, are kept alone and were not judged again yet.", nil, nil),
		without: prometheus.NewDesc("citycard_unconfirmed_taps", "Taps of which no TAC came, and about which nobody has decided yet.", nil, nil),
		oldest: prometheus.NewDesc("citycard_unconfirmed_oldest_day_start_seconds",
			"Midnight at which the clearing day began on which the oldest of them was kept, Unix time; without any, the open one.", nil, nil),
		unsealed: prometheus.NewDesc("citycard_days_unsealed", "Days that are closed and not sealed yet.", nil, nil),
	}
}

// Describe names the gauges.
func (g *bookGauges) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{g.read, g.account, g.day, g.notZero, g.progress, g.findings, g.alone, g.unsealed, g.without, g.oldest} {
		out <- desc
	}
}

// Collect shows what was read last.
func (g *bookGauges) Collect(out chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	v := g.glance.view()
	gauge(g.read, float64(v.read.Unix()))
	if v.day == 0 {
		return // nothing was read yet
	}
	gauge(g.day, float64(v.day.Time(g.zone).Unix()))
	gauge(g.alone, float64(v.alone))
	gauge(g.unsealed, float64(v.unsealed))
	gauge(g.without, float64(v.unproved.Count))
	oldest := v.day
	if v.unproved.Count > 0 {
		oldest = v.unproved.Since
	}
	gauge(g.oldest, float64(oldest.Time(g.zone).Unix()))
	for code, held := range v.held {
		gauge(g.account, float64(held), code)
	}
	for kind, count := range v.notZero {
		gauge(g.notZero, float64(count), kind)
	}
	for day, ratio := range v.progress {
		gauge(g.progress, ratio, day.String())
	}
	if v.findings == nil {
		return
	}
	for _, k := range counters.Kinds() {
		gauge(g.findings, float64(v.findings[k.String()]), k.String())
	}
}
