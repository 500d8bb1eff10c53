package intake_test

import (
	"errors"
	"testing"

	"citycard/clearing/clearingtest"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/verify"
)

// TestOrderOnce authorises an order number of a channel for one load only, however
// often it comes and whatever became of the first.
func TestOrderOnce(t *testing.T) {
	h := newHouse(t)
	authority := h.authority()
	ask := func(card, order string, sequence uint16, fen uint32) error {
		_, err := authority.Authorise(t.Context(), h.town.LoadRequest(card, order, sequence, 0, fen, noon(5)))
		return err
	}
	refused := func(what string, want verdict.Reason, err error) {
		t.Helper()
		if refusal := (*load.Refusal)(nil); !errors.As(err, &refusal) || refusal.Reason != want {
			t.Errorf("%s: %v, want %s", what, err, want)
		}
	}
	h.must(ask(clearingtest.Card, "o1", 0, 5000))
	h.must(ask(clearingtest.Card, "o1", 0, 5000))
	for range 3 { // a conflict that comes again is no repeat of the order
		refused("the order for the card's next sequence", verdict.LoadConflict, ask(clearingtest.Card, "o1", 1, 5000))
		refused("the order for another card", verdict.LoadConflict, ask(clearingtest.OtherCard, "o1", 0, 5000))
		refused("the order with another amount", verdict.LoadConflict, ask(clearingtest.Card, "o1", 0, 6000))
		refused("another order for its sequence", verdict.LoadConflict, ask(clearingtest.Card, "o2", 0, 90_000))
		h.wantBalances(map[string]ledger.Fen{"channel:counter": -5000, "unwritten:own": 5000})
	}
	h.must(ask(clearingtest.Card, "o1", 0, 5000))
	h.must(ask(clearingtest.Card, "o2", 1, 1000)) // it was refused, so it is still free
	refund := func(order string) (bool, error) {
		done, err := h.refund(refundOf(order, true, 6))
		return done.Repeated, err
	}
	for n := range 2 {
		if repeated, err := refund("o1"); err != nil || repeated != (n == 1) {
			t.Errorf("refund, time %d: repeated %v, %v", n, repeated, err)
		}
	}
	refused("the refunded order", verdict.LoadRefunded, ask(clearingtest.Card, "o1", 0, 5000))
	refused("its number for another amount", verdict.LoadConflict, ask(clearingtest.Card, "o1", 0, 6000))
	refused("its number for another sequence", verdict.LoadConflict, ask(clearingtest.Card, "o1", 2, 5000))
	h.must(ask(clearingtest.Card, "o3", 0, 6000))
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -7000, "unwritten:own": 7000})
	_, err := verify.Books(t.Context(), h.ledger, nil, func(f verify.Fault) { t.Error(f) })
	h.must(err)
}
