package intake_test

import (
	"crypto/ed25519"
	"testing"
	"time"

	"citycard/clearing/clearingtest"
	"citycard/clearing/dayclose"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// TestClosedAndNotCounted takes the database away after a day is closed and before the records in
// quarantine are counted. The close says that it succeeded, what is unpaid, and what is not known.
func TestClosedAndNotCounted(t *testing.T) {
	h := newHouse(t)
	h.town.Found(t, h.ledger.Pool())
	h.send(tap(h.ride(1)))
	h.clear()
	h.must(h.ledger.MarkAccount(t.Context(), "operator:bus", ledger.Marks{Frozen: true}, clearingtest.Approved()))
	l, through := newLine(t, h.url, "SELECT j.effective_day, j.id FROM days AS d", false)
	far := ledgertest.Connect(t, through, 8, ledger.WithRetries(2), ledger.WithBackoff(time.Millisecond, time.Millisecond))
	closer := &dayclose.Closer{
		Ledger: far, Owner: "test", Dir: t.TempDir(), Seals: t.TempDir(), Signer: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), Rules: payoutRules(t),
	}
	result, err := closer.Close(t.Context(), today, today.Next())
	h.must(err)
	<-l.broken
	if result.Uncounted == nil || len(result.Unpaid) != 1 || result.Unpaid[0].Code != "operator:bus" || result.Unpaid[0].Fen != 80 {
		t.Errorf("the close says %+v, want 80 fen unpaid and no count", result)
	}
	days, err := h.ledger.Days(t.Context())
	h.must(err)
	if days[0].Day != today || days[0].State != ledger.DayClosed {
		t.Errorf("the days are %+v, want the first closed", days)
	}
}
