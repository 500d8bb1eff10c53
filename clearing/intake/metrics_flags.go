package intake

import (
	"github.com/prometheus/client_golang/prometheus"

	"citycard/clearing/docket"
)

// flagCounters count the faults of records that were booked all the same.
type flagCounters struct{ flagged, misplaced, wrongMode, marked prometheus.Counter }

func newFlagCounters() flagCounters {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return flagCounters{
		flagged:   counter("citycard_fare_mismatches_total", "Cleared and pending taps whose fare is not the fare table's."),
		misplaced: counter("citycard_place_mismatches_total", "Cleared and pending taps whose line or vehicle is not the registered one."),
		wrongMode: counter("citycard_mode_mismatches_total", "Cleared and pending taps that claim a service mode which was not in force at their terminal."),
		marked:    counter("citycard_marked_taps_total", "Cleared and pending taps that a terminal took under a fault: an old hotlist, a clock that may be wrong."),
	}
}

func (c *flagCounters) add(flags docket.Flags) {
	c.flagged.Add(float64(flags.Flagged))
	c.misplaced.Add(float64(flags.Misplaced))
	c.wrongMode.Add(float64(flags.WrongMode))
	c.marked.Add(float64(flags.Marked))
}
