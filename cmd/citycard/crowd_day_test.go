package main

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// TestCrowdDay clears a day of a city without chips: undisturbed, through kills and
// restarts, with a process that is stopped, in another order, and over two clearing
// days. Each time the books are the truth's. One after the other with DAY_RECORDS,
// for its figures, else side by side: they wait most of the time.
func TestCrowdDay(t *testing.T) {
	p := build(t, "citycard", "cardsim")
	for name, test := range map[string]func(*crowdDay){
		"undisturbed": undisturbed, "through faults": throughFaults, "overtaken": overtaken,
	} {
		t.Run(name, func(t *testing.T) {
			if os.Getenv("DAY_RECORDS") == "" {
				t.Parallel()
			}
			test(newCrowdDay(t, p))
		})
	}
}

// undisturbed sends the day whole.
func undisturbed(d *crowdDay) {
	d.serve()
	begun := time.Now()
	d.send(1, 1)()
	d.Logf("sent in %.1f s", time.Since(begun).Seconds())
	d.agrees(d.closes(testDay))
}

// throughFaults has two processes that share a real Kafka and a database, while each
// of these happens: one process is killed, the other, both, the broker, the database;
// and a third process comes, takes partitions, and is killed.
func throughFaults(d *crowdDay) {
	d.share()
	one, other := d.serve(), d.serve()
	kill := func(servers ...*server) func() {
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
	d.agrees(d.closes(testDay))
}

// overtaken stops (SIGSTOP) a process in the middle of its work until
// the other has taken all its partitions, and then lets it go on with what it held.
func overtaken(d *crowdDay) {
	d.share()
	one, other := d.serve(), d.serve()
	d.during(1, 2, func() {
		begun := time.Now()
		one.overtakes(other)
		d.Logf("overtaken in %.1f s, %d records in the books", time.Since(begun).Seconds(), d.booked())
	})
	d.during(2, 2, func() {})
	other.until(time.Minute, "given partitions again", func() bool { return other.streams() > 0 })
	d.agrees(d.closes(testDay))
}
