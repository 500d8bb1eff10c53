package intake_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"citycard/clearing/intake"
)

// TestAwaitBefore waits for what arrived before a moment and not for what came later.
func TestAwaitBefore(t *testing.T) {
	h := newHouse(t)
	h.send(tap(h.ride(1)))
	h.clear()
	moment := time.Now()
	h.send(tap(h.ride(2)))

	h.must(intake.AwaitBefore(t.Context(), h.client, h.ledger, moment, nil))
	for name, later := range map[string]time.Time{"now": time.Now().Add(time.Millisecond), "tomorrow": moment.AddDate(0, 0, 1)} {
		waiting, cancel := context.WithCancel(t.Context())
		err := intake.AwaitBefore(waiting, h.client, h.ledger, later, func(done, total int64) {
			if done != 1 || total != 2 {
				t.Errorf("%s: %d of %d are through, want 1 of 2", name, done, total)
			}
			cancel()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: waiting ended with %v", name, err)
		}
	}
	h.clear()
	h.must(intake.AwaitBefore(t.Context(), h.client, h.ledger, time.Now().AddDate(0, 0, 1), nil))
}
