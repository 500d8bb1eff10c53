package intake_test

import (
	"context"
	"errors"
	"slices"
	"strings"
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

	before := func(moment time.Time) intake.Cut {
		cut, err := intake.CutBefore(t.Context(), h.client, moment)
		h.must(err)
		return cut
	}
	h.must(before(moment).Await(t.Context(), h.ledger, nil, nil))
	for name, later := range map[string]time.Time{"now": time.Now().Add(time.Millisecond), "tomorrow": moment.AddDate(0, 0, 1)} {
		waiting, cancel := context.WithCancel(t.Context())
		err := before(later).Await(waiting, h.ledger, nil, func(through intake.Through) {
			want := []intake.Standing{{Topic: "taps", Stream: "taps/0", At: 1, End: 2}}
			if through.Done != 1 || through.Total != 2 || !slices.Equal(through.Behind, want) {
				t.Errorf("%s: %+v, want 1 of 2 and %v behind", name, through, want)
			}
			cancel()
		})
		if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "taps/0 stands at 1 of 2") {
			t.Errorf("%s: waiting ended with %v", name, err)
		}
		h.must(before(later).Await(t.Context(), h.ledger, func(s intake.Standing) bool { return s.Topic == "taps" }, nil))
	}
	h.clear()
	h.must(before(time.Now().AddDate(0, 0, 1)).Await(t.Context(), h.ledger, nil, nil))
}
