package intake_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"citycard/clearing/docket"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/ledger"
)

// TestDatabaseBroken has the database answer for a tap that a page is broken, longer than a
// partition has patience and more often than a record is tried: readiness fails, the tap is not
// kept alone, and it is booked once the page is whole.
func TestDatabaseBroken(t *testing.T) {
	h := newHouse(t)
	h.patience = time.Millisecond
	var broken atomic.Bool
	var met atomic.Int64
	broken.Store(true)
	h.spoil = func(all map[string]func() intake.Rules) {
		make := all[message.TopicTaps]
		all[message.TopicTaps] = func() intake.Rules {
			r := make()
			rule := r.Rule
			r.Rule = func(ctx context.Context, records []docket.Record, d *docket.Docket) (intake.Judged, error) {
				if broken.Load() {
					met.Add(1)
					return intake.Judged{}, fmt.Errorf("read: %w", &pgconn.PgError{Severity: "ERROR", Code: "XX001", Message: "invalid page in block 7"})
				}
				return rule(ctx, records, d)
			}
			return r
		}
	}
	h.send(tap(h.ride(1)))
	in := h.intake("test")
	ended, stop := h.run(in)
	for met.Load() < 5 {
		h.awaitReady(in, ended, "invalid page")
	}
	if list := h.keptAlone(); len(list) != 0 {
		t.Fatalf("%d taps are kept alone, want it to wait", len(list))
	}
	broken.Store(false)
	h.cleared()
	stop()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80})
	if list := h.keptAlone(); len(list) != 0 {
		t.Errorf("%d taps are kept alone, want none", len(list))
	}
	h.verify()
}
