package intake_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/intake"
	"citycard/ledger"
)

// TestRotationWhileRunning rotates the masters of an intake that runs, by a copy that comes
// in two halves: the taps of a new card wait with one half there and readiness tells why;
// with both they are paid, also the one that names the old version.
func TestRotationWhileRunning(t *testing.T) {
	h := newHouse(t)
	path := filepath.Join(t.TempDir(), "keys.age")
	h.must(h.town.Keys.WithWorkFactor(2).Save(path, "p"))
	ring, err := keys.OpenKeyring(path, "p", slog.New(slog.DiscardHandler))
	h.must(err)
	h.tacs, err = keys.FollowTACs(t.Context(), ring)
	h.must(err)
	h.town.Keys, err = h.town.Keys.Rotate(strings.NewReader(strings.Repeat("rotation", 100)))
	h.must(err)
	h.must(h.town.Keys.WithWorkFactor(2).Save(path+".copy", "p"))
	whole, err := os.ReadFile(path + ".copy")
	h.must(err)
	h.must(os.WriteFile(path, whole[:len(whole)/2], 0o600))

	fresh, altered := h.ride(1), h.ride(2)
	fresh.Debit.KeyVersion = 2
	h.send(tap(fresh), tap(altered))
	ctx, cancel := context.WithCancel(t.Context())
	in, ended := h.intake("test"), make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	h.awaitFault(in, keys.ErrOutdated)
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 0})
	if rejects := h.kept(); len(rejects) > 0 {
		t.Errorf("kept while it waits: %v", rejects)
	}

	h.must(os.Rename(path+".copy", path))
	h.cleared()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 160, "float:own": -160})
	h.must(in.Ready(ctx))
	cancel()
	h.must(<-ended)
}

// awaitFault waits until readiness fails with an error.
func (h *house) awaitFault(in *intake.Intake, want error) {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for err := in.Ready(ctx); !errors.Is(err, want); err = in.Ready(ctx) {
		select {
		case <-ctx.Done():
			h.Fatalf("readiness is %v, want %v", err, want)
		case <-tick.C:
		}
	}
}
