package intake_test

import (
	"errors"
	"testing"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/people/proposal"
	"citycard/clearing/release"
	"citycard/clearing/transit/load"
	beside "citycard/clearing/verify"
	"citycard/ledger"
	"citycard/ledger/verify"
)

// placed asks for MAC2 of an order that waits.
func (h *house) placed(a *load.Authority, order string, sequence uint16, fen uint32) error {
	r := h.town.LoadRequest(clearingtest.Card, order, sequence, 0, fen, noon(5))
	r.Placer = "channel:counter"
	_, err := a.Authorise(h.Context(), r)
	return err
}

// TestWaitingLoads takes orders that wait for their card through every path: written; refunded and
// written by the next counter; refunded and withdrawn; withdrawn at once. Each ends at zero.
func TestWaitingLoads(t *testing.T) {
	h := newHouse(t)
	h.town.Found(h, h.ledger.Pool())
	p := h.proposals()
	p.office.Kinds = append(p.office.Kinds, (&load.Withdrawals{Ledger: h.ledger, Owner: "test"}).Kind())
	a := h.authority()
	a.Stream, a.Owner = "waiting", "test"
	for _, order := range []string{"written", "again", "back", "never"} {
		_, err := a.Place(t.Context(), &load.PlaceOrder{Channel: "counter", Order: order, Card: clearingtest.Card, Fen: 5000})
		h.must(err)
	}
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -20_000, chart.Waiting: 20_000})
	withdraw := func(order string) error {
		shown, err := propose(p, "ann", load.KindWithdraw, load.Withdraw{Placer: "channel:counter", Order: order})
		if err == nil {
			_, err = p.approve("bob", shown)
		}
		return err
	}
	refund := func(order string) {
		t.Helper()
		shown, err := propose(p, "ann", release.KindRefund, release.Refund{Card: identity.CardOf(clearingtest.CardID(clearingtest.Card)).Digits(), Order: order, NotWritten: true})
		h.must(err)
		_, err = p.approve("bob", shown)
		h.must(err)
	}
	refusal := (*proposal.Refusal)(nil)
	h.must(h.placed(a, "again", 0, 5000))
	if err := withdraw("again"); !errors.As(err, &refusal) {
		t.Errorf("withdrawn although MAC2 was given out: %v", err)
	}
	refund("again")
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -20_000, chart.Waiting: 20_000, chart.Unwritten: 0})
	h.must(h.placed(a, "back", 0, 5000))
	refund("back")
	h.must(withdraw("back"))
	h.must(withdraw("never"))
	for _, order := range []string{"back", "never"} {
		if err := withdraw(order); err == nil {
			t.Errorf("%s is withdrawn twice", order)
		}
		if refused := (*load.Refusal)(nil); !errors.As(h.placed(a, order, 0, 5000), &refused) || refused.Reason != "load_ended" {
			t.Errorf("%s, which was withdrawn, is asked for: %v", order, refused)
		}
	}
	h.must(h.placed(a, "written", 0, 5000))
	h.send(h.written(0, 5000, 5000))
	h.clear()
	h.must(h.placed(a, "again", 1, 5000))
	h.send(h.written(1, 5000, 10_000), h.written(1, 5000, 10_000))
	h.clear()
	if err := withdraw("again"); !errors.As(err, &refusal) {
		t.Errorf("withdrawn although the card has it: %v", err)
	}
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -10_000, chart.Waiting: 0, chart.Unwritten: 0, chart.Float: 10_000})
	_, err := verify.Books(t.Context(), h.ledger, nil, func(f verify.Fault) { t.Error(f) }, beside.Tables)
	h.must(err)
	for column, other := range map[string]string{"state": "'waiting'", "fen": "fen + 1", "card": "'\\x01'::BYTEA", "source": "'reserve'", "booked": "booked + 1", "load": "''", "number": "number || 'x'"} {
		h.alteredWaiting("UPDATE waiting_loads SET " + column + " = " + other + " WHERE number = 'written'")
	}
	h.alteredWaiting("DELETE FROM waiting_loads WHERE number = 'back'")
	h.alteredWaiting("DELETE FROM waiting_loads WHERE number = 'written'")
}

// alteredWaiting alters the table and wants verify to name it; then everything is as before.
func (h *house) alteredWaiting(query string) {
	h.Helper()
	pool := h.ledger.Pool()
	_, err := pool.Exec(h.Context(), "CREATE TABLE kept AS SELECT * FROM waiting_loads")
	h.must(err)
	_, err = pool.Exec(h.Context(), query)
	h.must(err)
	named := false
	_, err = verify.Books(h.Context(), h.ledger, nil, func(f verify.Fault) { named = named || f.Kind == beside.WaitingLoad }, beside.Tables)
	h.must(err)
	if !named {
		h.Errorf("%s: verify does not name it", query)
	}
	for _, query := range []string{"DELETE FROM waiting_loads", "INSERT INTO waiting_loads SELECT * FROM kept", "DROP TABLE kept"} {
		_, err = pool.Exec(h.Context(), query)
		h.must(err)
	}
}
