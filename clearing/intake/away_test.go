package intake_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// awaitReady waits until an intake is ready, or not ready because of a fault.
func (h *house) awaitReady(in *intake.Intake, ended <-chan error, fault string) {
	h.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	var err error
	for {
		select {
		case err := <-ended:
			h.Fatalf("the intake ended: %v", err)
		case <-limit.C:
			h.Fatalf("the intake is %v, want %q", err, fault)
		case <-tick.C:
		}
		err = in.Ready(h.Context())
		if fault == "" && err == nil || fault != "" && err != nil && strings.Contains(err.Error(), fault) {
			return
		}
	}
}

// run runs an intake.
func (h *house) run(in *intake.Intake) (ended <-chan error, stop func()) {
	ctx, cancel := context.WithCancel(h.Context())
	result := make(chan error, 1)
	go func() { result <- in.Run(ctx) }()
	return result, func() {
		h.Helper()
		cancel()
		h.must(<-result)
	}
}

// TestDatabaseAwayWhileJoining breaks the line to the database around a statement of the joining
// and keeps it broken: the intake is not ready and says why, goes on once the line is repaired, and
// books the records that came meanwhile once.
func TestDatabaseAwayWhileJoining(t *testing.T) {
	for _, test := range []struct {
		name, statement string
		answered        bool
		topics          int // recorded when the line has broken
		says            string
	}{
		{"first sight of a topic, not stored", "INSERT INTO topics", false, 0, "not in the group: intake: record topic"},
		{"first sight of a topic, stored", "commit", true, 1, "not in the group: intake: record topic"},
		{"lease", "UPDATE streams SET epoch", false, len(message.InputTopics()), "no streams yet: lease"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			l, through := newLine(t, h.url, "", test.answered)
			far := *h
			far.ledger = ledgertest.Connect(t, through, 8, ledger.WithRetries(2), ledger.WithBackoff(time.Millisecond, time.Millisecond))
			in := far.intake("test")
			l.arm(test.statement, test.answered)
			ended, stop := h.run(in)
			<-l.broken
			var topics int
			h.must(h.ledger.Pool().QueryRow(t.Context(), "SELECT count(*) FROM topics").Scan(&topics))
			if topics != test.topics {
				t.Errorf("%d topics are recorded, want %d: the line broke elsewhere", topics, test.topics)
			}
			h.awaitReady(in, ended, test.says)
			h.send(tap(h.ride(1)))
			l.mend()
			h.awaitReady(in, ended, "")
			h.cleared()
			stop()
			h.wantBalances(map[string]ledger.Fen{"operator:bus": 80})
		})
	}
}

// TestNotReadyBeforeLeases has the database give no answer to the first lease: the intake has
// joined the group, and is not ready as long as nobody knows whether it has its streams.
func TestNotReadyBeforeLeases(t *testing.T) {
	h := newHouse(t)
	l, through := newLine(t, h.url, "", false)
	l.quiet = true
	pool, dialect, err := ledger.Connect(t.Context(), through, 8, ledger.Patience(time.Second))
	h.must(err)
	t.Cleanup(pool.Close)
	far := *h
	far.ledger = ledger.New(pool, dialect)
	in := far.intake("test")
	l.arm("UPDATE streams SET epoch", false)
	ended, stop := h.run(in)
	<-l.broken
	if err := in.Ready(t.Context()); err == nil {
		t.Error("the intake is ready while its first lease has no answer")
	}
	h.awaitReady(in, ended, "no streams yet: lease")
	l.mend()
	h.awaitReady(in, ended, "")
	stop()
}

// TestBrokerAwayWhileJoining starts an intake while its broker is away.
func TestBrokerAwayWhileJoining(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kafka")
	c := newCluster(t, dir, 0)
	addr := c.ListenAddrs()[0]
	h := furnish(t, addr, nil)
	h.send(tap(h.ride(1)))
	c.Close()
	in := h.intake("test")
	ended, stop := h.run(in)
	h.awaitReady(in, ended, "does not answer")
	newCluster(t, dir, portOf(t, addr))
	h.awaitReady(in, ended, "")
	h.cleared()
	stop()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80})
}
