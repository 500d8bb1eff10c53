package dayclose_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/counters"
	"citycard/ledger"
)

// TestWithoutIsCheckedOnce closes a day without two streams by one decision: its check runs once
// for both, and where it refuses neither is noted.
func TestWithoutIsCheckedOnce(t *testing.T) {
	o := newOffice(t)
	errNo := errors.New("no")
	calls := 0
	by := ledger.Approval{First: "Li", Second: "Wang", Reason: "they stand", At: time.Unix(1767614400, 0)}
	streams := []counters.Unread{{Day: today, Stream: "taps/1", At: 0, End: 1}, {Day: today, Stream: "taps/2", At: 0, End: 1}}
	for n, test := range []struct {
		refuses error
		entries int
	}{{errNo, 0}, {nil, 2}, {nil, 2}} {
		by.Check = func(context.Context, pgx.Tx) error { calls++; return test.refuses }
		if err := o.closer.Without(t.Context(), streams, by); !errors.Is(err, test.refuses) {
			t.Errorf("decision %d: %v, want %v", n, err, test.refuses)
		}
		entries, err := o.ledger.Audit(t.Context(), counters.ActCloseWithout)
		o.must(err)
		if len(entries) != test.entries || calls != min(n+1, 2) {
			t.Errorf("decision %d: %d entries after %d checks, want %d after %d", n, len(entries), calls, test.entries, min(n+1, 2))
		}
	}
}
