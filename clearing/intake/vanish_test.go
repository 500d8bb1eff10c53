package intake_test

import (
	"testing"
	"time"

	"citycard/ledger"
)

// TestDatabaseVanishes has the database's host vanish without a word as a batch is
// committed, which it receives, or not. The partition says within seconds that it makes
// no progress, lets go when it is told to stop, and goes on where the books stand once
// the host is back.
func TestDatabaseVanishes(t *testing.T) {
	for name, stored := range map[string]bool{"not stored": false, "stored": true} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			l, through := newLine(t, h.url, "", stored)
			l.quiet = true
			pool, dialect, err := ledger.Connect(t.Context(), through, 8, ledger.Patience(2*time.Second))
			h.must(err)
			t.Cleanup(pool.Close)
			far := *h
			far.ledger = ledger.New(pool, dialect)
			in := far.intake("test")
			ended, stop := h.run(in)
			h.awaitReady(in, ended, "")
			l.arm("commit", stored)
			h.send(tap(h.ride(1)))
			<-l.broken
			h.awaitReady(in, ended, "taps/")
			l.mend()
			h.awaitReady(in, ended, "")
			h.cleared()
			stop()
			h.wantBalances(map[string]ledger.Fen{"operator:bus": 80})
		})
	}
}
