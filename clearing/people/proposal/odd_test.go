package proposal_test

import (
	"errors"
	"testing"

	"citycard/clearing/people/peopletest"
	"citycard/clearing/people/proposal"
	"citycard/ledger"
)

// TestOddRows alters rows so that they cannot be read: the lists show them and go on, and nobody
// can decide them.
func TestOddRows(t *testing.T) {
	w := newTown(t)
	changes := []struct {
		column, value string
		want          proposal.State
	}{
		{"hash", "\x00", proposal.Odd},
		{"signed", "x", proposal.Odd},
		{"signed", `[{"key":"SHA256:nobodys","statement":"x","signature":"y"}]`, proposal.Ended},
		{"change", "{", proposal.Waiting},
		{"unit", "operator:metro", proposal.Waiting},
	}
	numbers := map[int64]proposal.State{}
	for i, change := range changes {
		p := w.limit("ann", "fund:one", ledger.Fen(2000+i))
		_, err := w.Ledger.Pool().Exec(t.Context(), "UPDATE proposals SET "+change.column+" = $2 WHERE number = $1", p.Number, change.value)
		if change.column == "hash" {
			_, err = w.Ledger.Pool().Exec(t.Context(), "UPDATE proposals SET hash = $2 WHERE number = $1", p.Number, []byte(change.value))
		}
		w.must(err)
		numbers[p.Number] = change.want
	}
	last := w.limit("ann", "fund:one", 5000)
	seen := 0
	w.must(w.List(t.Context(), proposal.Filter{All: true}, func(p *proposal.Proposal) error {
		if want := numbers[p.Number]; want != "" {
			seen++
			if p.State != want {
				t.Errorf("proposal %d is listed as %s, want %s", p.Number, p.State, want)
			}
			if _, err := w.Approve(t.Context(), p.Number, hashOf(p), w.as("bob")); err == nil {
				t.Errorf("proposal %d, %s, is approved", p.Number, p.State)
			} else if want != proposal.Ended && !errors.Is(err, proposal.ErrAltered) {
				t.Errorf("proposal %d: %v", p.Number, err)
			}
		}
		return nil
	}))
	if seen != len(changes) {
		t.Errorf("%d are listed, want %d", seen, len(changes))
	}
	_, err := w.approve("bob", last.Proposal)
	w.must(err)
	// People are listed, too, though a key cannot be read.
	_, err = w.Ledger.Pool().Exec(t.Context(), "UPDATE staff_keys SET public = 'x' WHERE person = 'otto'")
	w.must(err)
	list, err := w.People.List(t.Context(), false)
	w.must(err)
	for _, p := range list {
		if (p.Odd != nil) != (p.ID == "otto") {
			t.Errorf("%s: %v", p.ID, p.Odd)
		}
	}
}

// TestLaterCommits disables one of the two between the commits of an act of several: what is left
// of it is not done.
func TestLaterCommits(t *testing.T) {
	for _, who := range []string{"dan", "bob"} {
		w := newTown(t)
		w.between = func() { w.disables(who) }
		p, err := w.Propose(t.Context(), manyName, w.body(many{3, 9}), "contract", w.as("dan"))
		w.must(err)
		if _, err := w.approve("bob", p.Proposal); err == nil {
			t.Errorf("%s was disabled, and all of it was done", who)
		}
		if n := w.entries(manyName); n != 1 {
			t.Errorf("%s was disabled: %d parts are done, want 1", who, n)
		}
	}
}

func (w *town) disables(id string) {
	w.Helper()
	w.must(peopletest.Decide(w.staff, w, "kim", "lee", "disable person", struct {
		ID string `json:"id"`
	}{id}))
}
