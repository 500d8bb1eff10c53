package intake_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/release"
	"citycard/clearing/transit/load"
	beside "citycard/clearing/verify"
	"citycard/ledger"
	"citycard/ledger/verify"
)

// soundTables wants the books and clearing's tables to be sound.
func (h *house) soundTables() {
	h.Helper()
	_, err := verify.Books(h.Context(), h.ledger, nil, func(f verify.Fault) { h.Error(f) }, beside.Tables)
	h.must(err)
}

// refundedWaiting places an order that waits, has it authorised for the card's first sequence, and
// has two people say that the card does not have it.
func (h *house) refundedWaiting(p *proposals, a *load.Authority, order string, sequence uint16) {
	h.Helper()
	_, err := a.Place(h.Context(), &load.PlaceOrder{Channel: "counter", Order: order, Card: clearingtest.Card, Fen: 5000})
	h.must(err)
	h.must(h.placed(a, order, sequence, 5000))
	shown, err := propose(p, "ann", release.KindRefund, release.Refund{Card: identity.CardOf(clearingtest.CardID(clearingtest.Card)).Digits(), Order: order, NotWritten: true})
	h.must(err)
	_, err = p.approve("bob", shown)
	h.must(err)
}

// TestHeldLoad has two people say of a load that its card does not have it, and the card count on
// all the same: it may have it, so it is not written again, however often it is asked for, until
// two people take it back. Where another order is known by which the card has counted on, it is
// written.
func TestHeldLoad(t *testing.T) {
	h := newHouse(t)
	h.town.Found(h, h.ledger.Pool())
	p := h.proposals()
	p.office.Kinds = append(p.office.Kinds, (&load.Withdrawals{Ledger: h.ledger, Owner: "test"}).Kind())
	a := h.authority()
	a.Stream, a.Owner = "waiting", "test"
	h.refundedWaiting(p, a, "lied", 0)
	from, to := identity.CardOf(clearingtest.CardID(clearingtest.Card)), identity.CardOf(clearingtest.CardID(clearingtest.OtherCard))
	h.must(h.ledger.Write(t.Context(), func(tx pgx.Tx) error {
		m, err := load.MovingOf(t.Context(), tx, from, to)
		if err == nil && m.Fen() > 0 {
			t.Error("what may be on the card goes over to another one")
		}
		return err
	}))
	for range 2 {
		if refused := (*load.Refusal)(nil); !errors.As(h.placed(a, "lied", 1, 5000), &refused) || refused.Reason != "load_held" {
			t.Fatalf("it may be on the card, and is answered %v, want load_held", refused)
		}
	}
	is, err := load.BecameOf(t.Context(), h.ledger, "counter", "lied")
	if err != nil || is.State != load.StateHeld {
		t.Errorf("it became %+v, %v; want held", is, err)
	}
	h.send(h.written(0, 5000, 5000)) // the card had it: nobody has paid for it, as far as is known
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -5000, chart.Waiting: 5000, chart.Float: 5000, chart.Suspense("load_not_paid"): -5000})
	h.soundTables()
	for column, other := range map[string]string{"held": "false", "refunded": "''", "moves": "1"} {
		h.alteredWaiting("UPDATE waiting_loads SET " + column + " = " + other + " WHERE number = 'lied'")
	}
	shown, err := propose(p, "ann", load.KindWithdraw, load.Withdraw{Placer: "channel:counter", Order: "lied"})
	h.must(err)
	_, err = p.approve("bob", shown)
	h.must(err)
	h.wantBalances(map[string]ledger.Fen{"channel:counter": 0, chart.Waiting: 0})

	h.refundedWaiting(p, a, "true", 1)
	_, err = a.Place(t.Context(), &load.PlaceOrder{Channel: "counter", Order: "other", Card: clearingtest.Card, Fen: 3000})
	h.must(err)
	h.must(h.placed(a, "other", 1, 3000))
	h.must(h.placed(a, "true", 2, 5000))
	h.send(h.written(1, 3000, 8000), h.written(2, 5000, 13_000))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -8000, chart.Waiting: 0, chart.Unwritten: 0, chart.Float: 13_000})
	h.soundTables()
	var before []byte
	h.refundedWaiting(p, a, "twice", 3)
	h.must(h.ledger.Pool().QueryRow(t.Context(), "SELECT refunded FROM waiting_loads WHERE number = 'twice'").Scan(&before))
	h.refundedWaiting(p, a, "twice", 3)
	h.soundTables()
	h.alteredWaiting(fmt.Sprintf("UPDATE waiting_loads SET refunded = '\\x%x'::BYTEA WHERE number = 'twice'", before))
}

// TestMoving takes what waits for a card over to another one, twice: the order is the same,
// and only the last card gets it; an order that may be on the old card stays with it.
func TestMoving(t *testing.T) {
	h := newHouse(t)
	h.town.Found(h, h.ledger.Pool())
	a := h.authority()
	a.Stream, a.Owner = "waiting", "test"
	order := &load.PlaceOrder{Channel: "counter", Order: "w-1", Card: clearingtest.Card, Fen: 5000}
	_, err := a.Place(t.Context(), order)
	h.must(err)
	_, err = a.Place(t.Context(), &load.PlaceOrder{Channel: "counter", Order: "w-2", Card: clearingtest.Card, Fen: 2000})
	h.must(err)
	h.must(h.placed(a, "w-2", 0, 2000))
	from, other := identity.CardOf(clearingtest.CardID(clearingtest.Card)), identity.CardOf(clearingtest.CardID(clearingtest.OtherCard))
	third := identity.CardOf(clearingtest.CardID(clearingtest.ExpiredCard))
	move := func(from, to identity.Card) (fen ledger.Fen) {
		t.Helper()
		var m *load.Moving
		_, err := h.ledger.PostOnce(t.Context(), "cards", "test", 0, func(b *ledger.Batch) error {
			b.Prepare = func(ctx context.Context, tx pgx.Tx) error {
				if m, err = load.MovingOf(ctx, tx, from, to); err != nil {
					return err
				}
				b.Transfers = append(m.Notes(), ledger.Transfer{Day: b.Day, Subject: from.Subject(), ID: ledger.ID("\x7f" + to.Digits()), Act: ledger.KeepMemo, Evidence: []byte("moved")})
				return nil
			}
			b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
				return nil, m.Keep(ctx, tx)
			}
			return nil
		})
		h.must(err)
		return m.Fen()
	}
	if fen := move(from, third); fen != 5000 {
		t.Errorf("%d fen went over, want 5000", fen)
	}
	if fen := move(third, other); fen != 5000 {
		t.Errorf("%d fen went over, want 5000", fen)
	}
	for card, want := range map[identity.Card]string{from: "w-2", third: "", other: "w-1"} {
		got := ""
		list, err := load.OfCard(t.Context(), h.ledger, card)
		h.must(err)
		for _, w := range list {
			got += w.Order
		}
		if got != want {
			t.Errorf("for card %s there waits %q, want %q", card, got, want)
		}
	}
	if placed, err := a.Place(t.Context(), order); err != nil || placed.State != load.StateWaiting || placed.Card != other.String() {
		t.Errorf("the order is placed again: %+v, %v", placed, err)
	}
	elsewhere := *order
	elsewhere.Card = clearingtest.OtherCard
	if _, err := a.Place(t.Context(), &elsewhere); err == nil {
		t.Error("the number is taken for another card than it was")
	}
	if err := h.placed(a, "w-1", 1, 5000); err == nil {
		t.Error("the old card gets it")
	}
	r := h.town.LoadRequest(clearingtest.OtherCard, "w-1", 0, 0, 5000, noon(5))
	r.Placer = "channel:counter"
	_, err = a.Authorise(t.Context(), r)
	h.must(err)
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -7000, chart.Waiting: 0, chart.Unwritten: 7000})
	h.soundTables()
	for _, query := range []string{"card = '\\x010149105070200000000001'::BYTEA", "moves = 1", "moves = 0"} {
		h.alteredWaiting("UPDATE waiting_loads SET " + query + " WHERE number = 'w-1'")
	}
	h.alteredWaiting("DELETE FROM waiting_loads WHERE number = 'w-1'")
}
