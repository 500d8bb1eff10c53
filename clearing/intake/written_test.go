package intake_test

import (
	"errors"
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/verify"
)

// closeDays closes n days, one after the other.
func (h *house) closeDays(n int) {
	h.Helper()
	for range n {
		day, err := h.ledger.CurrentDay(h.Context())
		h.must(err)
		h.must(h.ledger.CloseDay(h.Context(), day, day.Next()))
		h.must(h.ledger.EndDay(h.Context(), day))
	}
}

// wantLoadRefused fails unless a load was refused for a reason.
func (h *house) wantLoadRefused(what string, want verdict.Reason, err error) {
	h.Helper()
	if refusal := (*load.Refusal)(nil); !errors.As(err, &refusal) || refusal.Reason != want {
		h.Errorf("%s: %v, want %s", what, err, want)
	}
}

// writtenAt is a card's word on a load that it signed at a time.
func (h *house) writtenAt(sequence uint16, fen, balance uint32, at time.Time) sent {
	return sent{message.TopicLoads, 0, clearingtest.Encode(h.town.Load(clearingtest.Card, sequence, fen, balance, at))}
}

func (h *house) sound() {
	h.Helper()
	_, err := verify.Books(h.Context(), h.ledger, nil, func(f verify.Fault) { h.Error(f) })
	h.must(err)
}

// TestIdleAuthority asks an authority that authorised nothing for seven days, in which as
// many days were closed: a load signed for the first of them is refused, and moves nothing.
func TestIdleAuthority(t *testing.T) {
	h := newHouse(t)
	authority := h.authority()
	authority.Now = func() time.Time { return noon(12) }
	h.closeDays(7)
	ask := func(order string, sequence uint16, signed time.Time) error {
		_, err := authority.Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, order, sequence, 0, 5000, signed))
		return err
	}
	h.wantLoadRefused("signed a week ago", verdict.ImplausibleDate, ask("o1", 0, noon(5)))
	h.wantBalances(map[string]ledger.Fen{"channel:counter": 0, "unwritten:own": 0})
	h.must(ask("o2", 0, noon(12)))
	// With the close late, the days that wait for it are signed as well.
	authority.Now = func() time.Time { return noon(20) }
	h.must(ask("o3", 1, noon(12)))
	h.must(ask("o4", 2, noon(21)))
	h.wantLoadRefused("signed two days ahead", verdict.ImplausibleDate, ask("o5", 3, noon(22)))
}

// TestWrittenLongAgo refuses to refund a load if the books have the card's confirmation, however
// far from the order's day it was signed. The table, read inside the refund's transaction, or the
// journal alone is enough.
func TestWrittenLongAgo(t *testing.T) {
	for name, signed := range map[string]time.Time{"before": noon(5).AddDate(0, -3, 0), "after": noon(5).AddDate(0, 3, 0)} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			for n, order := range []string{"o1", "o2", "o3"} {
				_, err := h.authority().Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, order, uint16(n), 0, 5000, noon(5)))
				h.must(err)
			}
			h.send(h.writtenAt(0, 5000, 5000, signed))
			h.clear()
			after := map[string]ledger.Fen{"channel:counter": -15_000, "unwritten:own": 10_000, "float:own": 5000}
			h.wantBalances(after)
			for _, day := range []int{6, 300} {
				_, err := h.refund(refundOf("o1", true, day))
				h.wantRefusal("a load that the card has", err)
			}
			// As a refund finds it that has looked at the journal just before the batch.
			_, err := h.ledger.Pool().Exec(t.Context(), "UPDATE written_loads SET sequence = 1")
			h.must(err)
			_, err = h.refund(refundOf("o2", true, 6))
			h.wantRefusal("a load that the table has", err)
			_, err = h.refund(refundOf("o1", true, 6))
			h.wantRefusal("a load that the journal has", err)
			h.wantBalances(after)
			_, err = h.refund(refundOf("o3", true, 6))
			h.must(err)
			h.sound()
		})
	}
}

// TestSecondWord has two words of a card on one load, signed for two days: the order pays
// for the first, whether the second comes with it or later, and however often.
func TestSecondWord(t *testing.T) {
	for _, together := range []bool{true, false} {
		h := newHouse(t)
		for n, order := range []string{"o1", "o2"} {
			_, err := h.authority().Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, order, uint16(n), 0, 5000, noon(5)))
			h.must(err)
		}
		first, second := h.writtenAt(0, 5000, 5000, noon(5)), h.writtenAt(0, 5000, 5000, noon(6))
		h.send(first)
		if !together {
			h.clear()
		}
		h.send(second, second, first)
		h.clear()
		h.send(second, first)
		h.clear()
		h.wantBalances(map[string]ledger.Fen{"unwritten:own": 5000, "float:own": 10_000, "suspense:load_not_paid": -5000})
		h.send(h.writtenAt(1, 5000, 10_000, noon(5)))
		h.clear()
		h.wantBalances(map[string]ledger.Fen{"unwritten:own": 0, "float:own": 15_000, "suspense:load_not_paid": -5000, "suspense:load_uncovered": 0})
		h.sound()
	}
}

// TestUncovered writes two loads whose orders are paid while the account of paid loads holds less
// than their sum. The load that is not covered waits in suspense, nothing stops, and the account
// never goes below zero. Once the money is back, the load is settled against its order.
func TestUncovered(t *testing.T) {
	h := newHouse(t)
	authority := h.authority()
	for n, order := range []string{"o1", "o2"} {
		_, err := authority.Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, order, uint16(n), 0, 5000, noon(5)))
		h.must(err)
	}
	stray := ledger.Transfer{
		Day: today, Subject: "stray", ID: "\x60", Debit: ledger.IDOfCode(chart.Unwritten),
		Credit: ledger.IDOfCode(chart.Suspense(verdict.LoadAmount)), Amount: 4000, Purpose: chart.PurposeRelease,
	}
	h.post("stray", stray)
	tap := h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: 1, Fen: 80, At: noon(5)})
	h.send(h.written(0, 5000, 5000), h.written(1, 5000, 10_000), sent{message.TopicTaps, 0, clearingtest.Encode(tap)})
	h.clear()
	h.wantBalances(map[string]ledger.Fen{
		"unwritten:own": 1000, "float:own": 10_000 - 80, "suspense:load_uncovered": -5000, "operator:bus": 80, "channel:counter": -10_000,
	})
	h.send(h.written(0, 5000, 5000), h.written(1, 5000, 10_000))
	h.clear()
	for _, order := range []string{"o1", "o2"} {
		_, err := h.refund(refundOf(order, true, 6))
		h.wantRefusal("a refund of what the card has", err)
	}
	waiting := h.suspended(false)[verdict.LoadUncovered]
	if len(waiting) != 1 {
		t.Fatalf("waiting: %v, want the second load", waiting)
	}
	_, err := h.release(waiting[0].Row, "channel:counter")
	h.wantRefusal("a release without the money", err)
	stray.Debit, stray.Credit, stray.ID = stray.Credit, stray.Debit, "\x61"
	h.post("stray", stray)
	_, err = h.release(waiting[0].Row, "channel:counter")
	h.must(err)
	h.wantBalances(map[string]ledger.Fen{"unwritten:own": 0, "suspense:load_uncovered": 0, "float:own": 10_000 - 80, "channel:counter": -10_000})
	h.sound()
}

// TestRefundedToTheBound orders and refunds one sequence of a card as often as is allowed:
// no order is taken after that, and none that was refunded is answered with MAC2.
func TestRefundedToTheBound(t *testing.T) {
	h := newHouse(t)
	authority := h.authority()
	name := func(attempt int) string { return "o" + string(rune('A'+attempt)) }
	request := func(attempt int) *message.LoadRequest {
		return h.town.LoadRequest(clearingtest.Card, name(attempt), 0, 0, 5000, noon(5))
	}
	card := identity.CardOf(clearingtest.CardID(clearingtest.Card)).Subject()
	var past []ledger.Transfer
	for attempt := range identity.MaxAttempt - 1 {
		l, r := identity.Load{Kind: load.TypeLoad, Attempt: uint8(attempt)}, request(attempt)
		evidence := clearingtest.Encode(&message.LoadRequest{Order: r.Order, Channel: r.Channel, Card: r.Card, AmountFen: r.AmountFen, OnlineSequence: r.OnlineSequence})
		paid := ledger.Transfer{
			Day: identity.NoDay, Subject: card, ID: identity.LoadAuthorised(l), Debit: ledger.IDOfCode("channel:counter"), Credit: ledger.IDOfCode(chart.Unwritten),
			Amount: 5000, Purpose: chart.PurposeLoadAuthorised, Evidence: evidence,
		}
		back := paid
		back.ID, back.Debit, back.Credit, back.Purpose, back.Evidence = identity.LoadRefunded(l), paid.Credit, paid.Debit, chart.PurposeLoadRefund, nil
		past = append(past, paid, back)
	}
	h.post("past", past...)
	ask := func(attempt int) error {
		_, err := authority.Authorise(t.Context(), request(attempt))
		return err
	}
	last := identity.MaxAttempt - 1
	h.must(ask(last))
	h.must(ask(last))
	done, err := h.refund(refundOf(name(last), true, 6))
	h.must(err)
	if done.Repeated {
		t.Error("the last refund was booked before")
	}
	for range 2 {
		h.wantLoadRefused("the last refunded order", verdict.LoadRefunded, ask(last))
		h.wantLoadRefused("a refunded order", verdict.LoadRefunded, ask(0))
		h.wantLoadRefused("an order beyond the bound", verdict.LoadExhausted, ask(last+1))
	}
	h.wantBalances(map[string]ledger.Fen{"channel:counter": 0, "unwritten:own": 0})
	h.send(h.written(0, 5000, 5000))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"unwritten:own": 0, "float:own": 5000, "suspense:load_not_paid": -5000})
}
