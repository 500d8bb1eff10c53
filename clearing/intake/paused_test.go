package intake_test

import (
	"context"
	"testing"
	"time"

	"citycard/clearing/message"
	"citycard/ledger/ledgertest"
)

// TestTakenWhilePaused takes partitions from a process that had paused fetching them,
// gives them back, and finds that they are fetched again. The process is held up by a
// lock on its streams, which the leases of the other end.
func TestTakenWhilePaused(t *testing.T) {
	h := newHouse(t)
	h.queue = 2
	const each = 200
	ride := func(n int32) sent { return sent{message.TopicTaps, n % partitions, tap(h.ride(uint32(n))).value} }
	h.send(ride(0), ride(1), ride(2))
	stop := h.start("one")
	h.cleared()
	conn, err := h.ledger.Pool().Acquire(t.Context())
	h.must(err)
	defer conn.Release()
	tx, err := conn.Begin(t.Context())
	h.must(err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	_, err = tx.Exec(t.Context(), "UPDATE streams SET head = head WHERE stream LIKE 'taps/%'")
	h.must(err)
	var taps []sent
	for i := range each * partitions {
		taps = append(taps, ride(3+i))
	}
	h.send(taps...)
	count := func(query string) (n int) {
		h.must(h.ledger.Pool().QueryRow(t.Context(), query).Scan(&n))
		return n
	}
	await := func(what string, so func() bool) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.Now().Add(30 * time.Second); !so(); <-tick.C {
			if time.Now().After(deadline) {
				t.Fatalf("not %s within 30 s", what)
			}
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	h.must(ledgertest.AwaitWaiting(ctx, h.url, int(partitions)))
	stopOther := h.start("other")
	await("taken over", func() bool {
		return count("SELECT count(*) FROM streams WHERE stream LIKE 'taps/%' AND owner LIKE 'other%'") > 0
	})
	h.must(stopOther())
	const last = 3 + each*partitions
	h.send(ride(last), ride(last+1), ride(last+2))
	h.cleared()
	h.must(stop())
}
