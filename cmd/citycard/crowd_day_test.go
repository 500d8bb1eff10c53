package main

import (
	"maps"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"citycard/ledger"
)

// TestCrowdDay clears a day of a city without chips: undisturbed, through kills and restarts, with
// a process that is stopped, in another order, and over two clearing days. Each time the books
// agree with the truth, and every account and card ends with the same balance. With DAY_RECORDS the
// runs come one after the other, so that their figures can be compared. Otherwise they run in
// parallel, since they wait most of the time.
func TestCrowdDay(t *testing.T) {
	p := build(t, "citycard", "cardsim")
	runs := []struct {
		name string
		run  func(*crowdDay) map[string]ledger.Fen
	}{
		{"undisturbed", undisturbed},
		{"in another order", inAnotherOrder},
		{"over two clearing days", overTwoDays},
		{"through faults", throughFaults},
		{"overtaken", overtaken},
	}
	balances := make([]map[string]ledger.Fen, len(runs))
	// Once the runs have ended, parallel ones too.
	t.Cleanup(func() {
		for i, got := range balances[1:] {
			compareBalances(t, runs[0].name, runs[i+1].name, balances[0], got)
		}
	})
	for i, r := range runs {
		t.Run(r.name, func(t *testing.T) {
			if os.Getenv("DAY_RECORDS") == "" {
				t.Parallel()
			}
			balances[i] = r.run(newCrowdDay(t, p))
		})
	}
}

// compareBalances names the first balances that differ; a run that was not selected has none.
func compareBalances(t *testing.T, first, second string, want, got map[string]ledger.Fen) {
	if want == nil || got == nil || maps.Equal(want, got) {
		return
	}
	t.Errorf("%s has %d balances, %s %d", first, len(want), second, len(got))
	named := 0
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] && named < 20 {
			named++
			t.Errorf("%s: %s %d fen, %s %d", name, first, want[name], second, got[name])
		}
	}
}

// undisturbed sends the day whole.
func undisturbed(d *crowdDay) map[string]ledger.Fen {
	d.serve()
	begun := time.Now()
	d.send(1, 1)()
	d.Logf("sent in %.1f s", time.Since(begun).Seconds())
	owed := d.closes(testDay)
	d.findsGaps()
	return d.agrees(owed)
}

// inAnotherOrder shuffles it.
func inAnotherOrder(d *crowdDay) map[string]ledger.Fen {
	d.serve()
	d.send(1, 1, "--order-seed", "5")()
	return d.agrees(d.closes(testDay))
}

// overTwoDays sends the day in another order and closes the clearing day when two thirds have
// arrived; the rest belongs to the next day.
func overTwoDays(d *crowdDay) map[string]ledger.Fen {
	d.serve()
	for n := range 2 {
		d.send(n+1, 3, "--order-seed", "6")()
	}
	owed := d.closes(testDay)
	d.send(3, 3, "--order-seed", "6")()
	for operator, fen := range d.closes("20260106") {
		if owed[operator] += fen; fen == owed[operator] {
			d.Errorf("%s is owed nothing for one of the days", operator)
		}
	}
	return d.agrees(owed)
}

// throughFaults has two processes that share a real Kafka and a database, while each
// of these happens: one process is killed, the other, both, the broker, the database;
// and a third process starts, takes partitions, and is killed.
func throughFaults(d *crowdDay) map[string]ledger.Fen {
	d.share()
	one, other := d.serve(), d.serve()
	kill := func(servers ...*process) func() {
		return func() {
			for _, s := range servers {
				s.signal(syscall.SIGKILL)
			}
			for _, s := range servers {
				s.start()
			}
		}
	}
	happenings := []struct {
		name string
		so   func()
	}{
		{"one process killed", kill(one)},
		{"the other killed", kill(other)},
		{"both killed", kill(one, other)},
		{"the broker killed", func() { d.kafka.Kill(); d.kafka.Run() }},
		{"the database cut off and restarted", func() {
			if err := d.database.Restart(d.Context()); err != nil {
				d.Fatal(err)
			}
		}},
		{"a third process takes partitions and is killed", func() {
			third := d.serve()
			third.until(time.Minute, "given partitions", func() bool { return third.streams() > 0 })
			third.signal(syscall.SIGKILL)
			d.servers = d.servers[:2]
		}},
	}
	for i, h := range happenings {
		begun := time.Now()
		d.during(i+1, len(happenings)+1, h.so)
		d.Logf("%s, %d records in the books after %.1f s", h.name, d.booked(), time.Since(begun).Seconds())
	}
	d.send(len(happenings)+1, len(happenings)+1)()
	return d.agrees(d.closes(testDay))
}

// overtaken stops (SIGSTOP) a process in the middle of its work until the other has taken all its
// partitions, and then lets it continue with its old state.
func overtaken(d *crowdDay) map[string]ledger.Fen {
	d.share()
	one, other := d.serve(), d.serve()
	d.during(1, 2, func() {
		begun := time.Now()
		one.overtakes(other)
		d.Logf("overtaken in %.1f s, %d records in the books", time.Since(begun).Seconds(), d.booked())
	})
	d.during(2, 2, func() {})
	other.until(time.Minute, "given partitions again", func() bool { return other.streams() > 0 })
	return d.agrees(d.closes(testDay))
}
