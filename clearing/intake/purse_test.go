package intake_test

import (
	"strings"
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// TestFareBeyondThePurse sends bus rides whose TACs verify: one of 40,000,000.00 yuan, one
// of a fen more than the 1000.00 yuan that a purse may hold, and one of just that. The
// first two have left the float and wait; the operator has the third. Two people release
// what they believe, once.
func TestFareBeyondThePurse(t *testing.T) {
	h := newHouse(t)
	ride := func(sequence, fen uint32) sent {
		return tap(h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: sequence, Fen: fen, At: noon(5)}))
	}
	h.send(ride(1, 4_000_000_000), ride(2, 100_001), ride(3, 100_000), ride(1, 4_000_000_000))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{
		"operator:bus": 100_000, "suspense:amount_too_high": 4_000_100_001, "float:own": -4_000_200_001,
	})
	waiting := h.suspended(false)[verdict.AmountTooHigh]
	if len(waiting) != 2 {
		t.Fatalf("waiting: %v, want two taps", waiting)
	}
	for _, s := range waiting {
		if s.Fen != 100_001 {
			continue
		}
		alone := approval(6)
		alone.Second = alone.First
		_, err := h.do(alone)(h.office().ShowRelease(t.Context(), releaseOf(s.Row, "operator:bus")))
		h.wantRefusal("one person alone", err)
		for range 2 {
			_, err := h.release(s.Row, "operator:bus")
			h.must(err)
		}
	}
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 200_001, "suspense:amount_too_high": 4_000_000_000})

	var notes []string
	h.must(h.ledger.Notes(t.Context(), today, func(note []byte) error {
		notes = append(notes, string(note))
		return nil
	}))
	if len(notes) == 0 || !strings.Contains(notes[0], `"rules":"0+`) {
		t.Errorf("notes %v, want them to name the edition of the rules", notes)
	}
}

// TestLoadBeyondThePurse writes a load that was paid in full and leaves one fen more in the purse
// than it may hold. The money is the card's, but the load waits in suspense; a release settles it
// out of its order.
func TestLoadBeyondThePurse(t *testing.T) {
	h := newHouse(t)
	_, err := h.authority().Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, "o1", 1, 95_000, 5000, noon(5)))
	h.must(err)
	h.send(sent{message.TopicLoads, 0, clearingtest.Encode(h.town.Load(clearingtest.Card, 1, 5000, 100_001, noon(5)))})
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"suspense:load_too_high": -5000, "float:own": 5000, "unwritten:own": 5000, "channel:counter": -5000})
	waiting := h.suspended(false)[verdict.LoadTooHigh]
	if len(waiting) != 1 || !waiting[0].Owed {
		t.Fatalf("waiting: %v, want one load that suspense is owed", waiting)
	}
	_, err = h.release(waiting[0].Row, "operator:bus")
	h.wantRefusal("a load to an operator", err)
	for range 2 {
		_, err = h.release(waiting[0].Row, "channel:counter")
		h.must(err)
	}
	h.wantBalances(map[string]ledger.Fen{"suspense:load_too_high": 0, "float:own": 5000, "unwritten:own": 0, "channel:counter": -5000})
	if left := h.suspended(false); len(left) != 0 {
		t.Errorf("still waiting: %v", left)
	}
}

// TestLoadCoversWhatIsOwed books a ride that leaves a card 1 yuan below zero, and the load of 50
// that covers it first: the card is owed 49. It signs that its purse holds 57, with an allowance
// of 8.
func TestLoadCoversWhatIsOwed(t *testing.T) {
	h := newHouse(t)
	m := h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 1, Fen: 100, At: noon(5)})
	m.BalanceFen = -100
	h.send(tap(m))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 100, "float:own": -100})
	_, err := h.authority().Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, "o1", 1, 700, 5000, noon(5)))
	h.must(err)
	load := h.town.Load(clearingtest.Card, 1, 5000, 5700, noon(5))
	load.OverdraftFen = 800
	h.send(sent{message.TopicLoads, 0, clearingtest.Encode(load)})
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 100, "float:own": 4900, "unwritten:own": 0, "channel:counter": -5000})
}
