package intake_test

import (
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
	"citycard/ledger"
)

// TestSecondTAC sends taps and loads whose TAC stands in the second place: those that say
// why they have two codes are booked, the others are a wrong TAC.
func TestSecondTAC(t *testing.T) {
	h := newHouse(t)
	_, err := h.authority().Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, "o1", 1, 0, 5000, noon(5)))
	h.must(err)
	wrong := []byte{1, 2, 3, 4}
	ride := func(sequence uint32, reason message.Unsure) sent {
		m := h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: sequence, Fen: 80, At: noon(5)})
		m.Debit.Tac, m.Debit.OtherTac, m.Debit.OtherTacReason = wrong, m.Debit.Tac, reason
		return tap(m)
	}
	loaded := func(reason message.Unsure) sent {
		m := h.town.Load(clearingtest.Card, 1, 5000, 5000, noon(5))
		m.Tac, m.OtherTac, m.OtherTacReason = wrong, m.Tac, reason
		return sent{message.TopicLoads, 0, clearingtest.Encode(m)}
	}
	h.send(ride(1, message.Unsure_UNSURE_UNSPECIFIED), ride(2, message.Unsure_UNSURE_TORN_LOAD), loaded(message.Unsure_UNSURE_UNSPECIFIED), loaded(message.Unsure_UNSURE_TORN_TAP))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 0, "float:own": 0, "unwritten:own": 5000})
	h.wantRejects(map[string]int{"bad_tac": 4})
	h.send(ride(1, message.Unsure_UNSURE_TORN_TAP), loaded(message.Unsure_UNSURE_TORN_LOAD))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80, "float:own": 5000 - 80, "unwritten:own": 0})
	h.wantRejects(map[string]int{"bad_tac": 4})
}
