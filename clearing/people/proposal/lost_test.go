package proposal_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/people/proposal"
	"citycard/ledger"
)

// TestLostAfterCommit loses the books when the act is committed, and when it has not begun. Only
// then nothing was done.
func TestLostAfterCommit(t *testing.T) {
	w := newTown(t)
	do := w.Kinds[0].Do
	for _, acts := range []bool{true, false} {
		p := w.limit("ann", "fund:one", map[bool]ledger.Fen{true: 2000, false: 3000}[acts])
		ctx, lose := context.WithCancel(t.Context())
		w.Kinds[0].Do = func(ctx context.Context, body json.RawMessage, c *proposal.Change, by ledger.Approval) (proposal.Result, error) {
			defer lose()
			if !acts {
				return proposal.Result{}, ledger.ErrUnavailable
			}
			return do(ctx, body, c, by)
		}
		_, err := w.Approve(ctx, p.Number, hashOf(p.Proposal), w.as("bob"))
		if errors.Is(err, ledger.ErrOutcomeUnknown) != acts || err == nil {
			t.Errorf("committed %t: %v", acts, err)
		}
		is, err := w.Read(t.Context(), p.Number)
		w.must(err)
		if (is.State == proposal.Approved) != acts {
			t.Errorf("committed %t: the proposal is %s", acts, is.State)
		}
	}
}

// TestListed lists proposals without what they do, and passes those over that have expired.
func TestListed(t *testing.T) {
	w := newTown(t)
	first, second := w.limit("ann", "fund:one", 2000), w.limit("ann", "fund:two", 2000)
	_, err := w.Ledger.Pool().Exec(t.Context(), "UPDATE proposals SET expires = $2 WHERE number = $1", first.Number, time.Now().Add(-time.Hour).Unix())
	w.must(err)
	for _, all := range []bool{false, true} {
		var states []proposal.State
		w.must(w.List(t.Context(), proposal.Filter{All: all, Kind: chart.LimitName}, func(p *proposal.Proposal) error {
			if states = append(states, p.State); len(p.Body) > 0 {
				t.Errorf("proposal %d is read with its request", p.Number)
			}
			return nil
		}))
		want := []proposal.State{proposal.Waiting}
		if all {
			want = []proposal.State{proposal.Expired, proposal.Waiting}
		}
		if len(states) != len(want) || states[len(states)-1] != proposal.Waiting || states[0] != want[0] {
			t.Errorf("all %t: %v, want %v", all, states, want)
		}
	}
	if v, err := w.Show(t.Context(), second.Number); err != nil || len(v.Body) == 0 {
		t.Errorf("shown: %+v, %v", v, err)
	}
}
