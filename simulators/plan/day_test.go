package plan_test

import (
	"maps"
	"strings"
	"testing"
	"time"

	"citycard/clearing/message"
	"citycard/simulators/document"
	"citycard/simulators/network"
	"citycard/simulators/plan"
	"citycard/simulators/plan/plantest"
)

// later is the built-in city with fares that begin at 04:00 of 24 November 2026.
func later(t *testing.T) *plan.Town {
	t.Helper()
	documents := maps.Clone(plantest.Documents(t, "../.."))
	text := string(documents["fares.json"])
	version := text[strings.Index(text, "    {\n      \"version\""):strings.LastIndex(text, "\n  ]")]
	dearer := strings.NewReplacer("zz-2013", "zz-2026", `"20131223"`, `"2026-11-24T04:00"`, `"base_fen": 200`, `"base_fen": 250`).Replace(version)
	documents["fares.json"] = []byte(strings.Replace(text, version, version+",\n"+dearer, 1))
	town, err := plan.NewTown(network.ZhengzhouCity(), documents)
	if err != nil {
		t.Fatal(err)
	}
	return town
}

// TestPeriods cuts the days that taps can be signed in where fares become others, and refuses a
// table that is not the truth's own at any time, or that is missing.
func TestPeriods(t *testing.T) {
	day := plan.Day{Town: later(t), Date: time.Date(2026, 11, 24, 0, 0, 0, 0, time.FixedZone("", 8*3600))}
	day.Fares = plantest.Fares(t, day.Town, document.Midnight(20200101), nil)
	periods, err := day.Periods()
	if err != nil {
		t.Fatal(err)
	}
	for second, want := range map[int]string{-1: "test", 0: "test", 4*3600 - 1: "test", 4 * 3600: "v20261124040000", 86_399: "v20261124040000"} {
		if got := periods.At(day.At(second)).Table.Version(); got != want {
			t.Errorf("second %d has the fares %s, want %s", second, got, want)
		}
	}
	if got := periods.At(day.SlowAt(5 * 3600)).Table.Version(); got != "test" {
		t.Errorf("a slow clock has the fares %s", got)
	}
	if costly, err := periods.Costly(); costly != 750 || err != nil { // 250 + 500 for 39850 m
		t.Errorf("the dearest ride costs %d, %v", costly, err)
	}
	refused := func(want string) {
		t.Helper()
		if _, err := day.Periods(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	// The table of before goes on past four o'clock, as if the new one had not been published.
	day.Fares = plantest.Fares(t, plantest.Town(t, "../.."), document.Midnight(20200101), nil)
	refused("the fares of 20261124040000 are not those of this city")
	day.Fares = plantest.Fares(t, day.Town, document.Midnight(20200101), func(m *message.FareTable) { m.MetroLimitMinutes++ })
	refused("limit of 181 minutes, want 180")
	day.Fares = plantest.Fares(t, day.Town, 20261124_00_00_01, nil)
	refused("at 20261124000000: no fare table has been published that has begun")
}
