package intake_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/identity"
	"citycard/clearing/message"
	"citycard/clearing/release"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// authority authorises loads of the house's town.
func (h *house) authority() *load.Authority {
	h.Helper()
	gatherer, err := load.NewPoster(h.Context(), h.ledger, "authorised", "test", 0, nil)
	h.must(err)
	h.Cleanup(gatherer.Close)
	return &load.Authority{Registry: h.town.Registry, Keys: keys.NewKeyring(h.town.Keys), Poster: gatherer, Books: h.ledger, Rules: h.town.Rules.Loads, Fresh: h.town.Rules.Fresh, Now: func() time.Time { return noon(5) }}
}

func (h *house) office() *release.Office {
	return &release.Office{Ledger: h.ledger, Owner: "test", RefundAfterDays: 30}
}

func approval(day int) ledger.Approval {
	return ledger.Approval{First: "ann", Second: "bob", Reason: "customer's complaint 17", At: noon(day)}
}

// refundAsked is a refund that is asked for on a day of January.
type refundAsked struct {
	release.Refund
	day int
}

func refundOf(order string, notWritten bool, day int) refundAsked {
	return refundAsked{release.Refund{Card: identity.CardOf(clearingtest.CardID(clearingtest.Card)).Digits(), Order: order, NotWritten: notWritten}, day}
}

// do books what an office has shown.
func (h *house) do(by ledger.Approval) func(*release.Plan, error) (release.Done, error) {
	return func(plan *release.Plan, err error) (release.Done, error) {
		if err != nil {
			return release.Done{}, err
		}
		return h.office().Do(h.Context(), plan, by)
	}
}

// refund gives a load back, by two people on the day on which it is asked for.
func (h *house) refund(r refundAsked) (release.Done, error) {
	office := h.office()
	office.Today = ledger.DayOf(noon(r.day))
	return h.do(approval(r.day))(office.ShowRefund(h.Context(), r.Refund))
}

func (h *house) written(sequence uint16, fen, balance uint32) sent {
	return sent{message.TopicLoads, 0, clearingtest.Encode(h.town.Load(clearingtest.Card, sequence, fen, balance, noon(5)))}
}

// wantRefusal fails unless nothing was booked because of the asker.
func (h *house) wantRefusal(what string, err error) {
	h.Helper()
	if refusal := (*release.Refusal)(nil); !errors.As(err, &refusal) {
		h.Errorf("%s: %v, want a refusal", what, err)
	}
}

// TestRefund gives a paid load back once, by two people, and only when no card has
// it; the card's word that comes later is suspended, and the channel owes it again.
func TestRefund(t *testing.T) {
	h := newHouse(t)
	authority := h.authority()
	ask := func(order string, sequence uint16) error {
		_, err := authority.Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, order, sequence, 0, 5000, noon(5)))
		return err
	}
	h.must(ask("o1", 0))
	h.must(ask("o2", 1))
	h.must(ask("o3", 2))
	h.send(h.written(1, 5000, 5000))
	h.clear()
	refund := func(r refundAsked) error { _, err := h.refund(r); return err }
	h.wantRefusal("too early", refund(refundOf("o1", false, 6)))
	h.wantRefusal("no such order", refund(refundOf("o9", true, 6)))
	h.wantRefusal("a card has it", refund(refundOf("o2", true, 6)))
	alone := approval(6)
	alone.Second = alone.First
	_, err := h.do(alone)(h.office().ShowRefund(t.Context(), refundOf("o1", true, 6).Refund))
	h.wantRefusal("one person", err)
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -15_000, "unwritten:own": 10_000, "float:own": 5000})

	for n := range 2 {
		done, err := h.refund(refundOf("o1", true, 6))
		h.must(err)
		if done.Repeated != (n == 1) {
			t.Errorf("refund %d: repeated %v", n, done.Repeated)
		}
	}
	// The rules' 30 days after the 5th.
	h.wantRefusal("a day too early", refund(refundOf("o3", false, 34)))
	h.must(refund(refundOf("o3", false, 35)))
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -5000, "unwritten:own": 0, "float:own": 5000})
	refused := (*load.Refusal)(nil)
	if err := ask("o1", 0); !errors.As(err, &refused) || refused.Reason != verdict.LoadRefunded {
		t.Errorf("a refunded order asked for again: %v, want load_refunded", err)
	}

	// The card has not counted on: its next order has the same sequence, and may be
	// refunded in turn.
	h.must(ask("o4", 2))
	h.must(ask("o4", 2))
	h.must(refund(refundOf("o4", true, 6)))
	if err := ask("o3", 2); !errors.As(err, &refused) || refused.Reason != verdict.LoadRefunded {
		t.Errorf("a refunded order asked for again: %v, want load_refunded", err)
	}
	h.must(ask("o5", 2))
	for n := range 3 {
		if err := ask("o6", 2); !errors.As(err, &refused) || refused.Reason != verdict.LoadConflict {
			t.Errorf("another order beside one that stands, time %d: %v, want load_conflict", n, err)
		}
	}
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -10_000, "unwritten:own": 5000, "float:own": 5000})
	h.send(h.written(2, 5000, 10_000))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -10_000, "unwritten:own": 0, "float:own": 10_000, "suspense:load_not_paid": 0})
	h.wantRefusal("the card has the last", refund(refundOf("o5", true, 6)))

	h.send(h.written(0, 5000, 15_000), h.written(0, 5000, 15_000))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"float:own": 15_000, "unwritten:own": 0, "suspense:load_not_paid": -5000})
	done, err := h.refund(refundOf("o1", true, 7))
	h.must(err)
	if !done.Repeated {
		t.Error("the refund was booked a second time")
	}
	if entries := h.audited(release.ActRefund); len(entries) != 3 || entries[0].First != "ann" || entries[0].Second != "bob" {
		t.Errorf("audit %+v, want the three refunds by ann and bob", entries)
	}
}

// TestRefundOfWhatStands has two channels give one number to orders of one card: which is meant
// has to be said, until one of them was refunded; then it is the other.
func TestRefundOfWhatStands(t *testing.T) {
	h := newHouse(t)
	h.town.Registry = clearingtest.New(t, func(files map[string]string) { files["channels.csv"] += "kiosk,自助机,Kiosk,20200101,\n" }).Registry
	h.must(h.ledger.OpenAccounts(t.Context(), chart.Accounts(h.town.Registry.Current())))
	authority := h.authority()
	for sequence, channel := range []string{"counter", "kiosk"} {
		request := h.town.LoadRequest(clearingtest.Card, "o1", uint16(sequence), 0, 5000, noon(5))
		request.Channel = channel
		_, err := authority.Authorise(t.Context(), request)
		h.must(err)
	}
	either, kiosk := refundOf("o1", true, 6), refundOf("o1", true, 6)
	kiosk.Channel = "kiosk"
	_, err := h.refund(either)
	h.wantRefusal("either of two", err)
	_, err = h.refund(kiosk)
	h.must(err)
	h.wantBalances(map[string]ledger.Fen{"channel:kiosk": 0, "channel:counter": -5000, "unwritten:own": 5000})
	if done, err := h.refund(either); err != nil || done.Repeated {
		t.Errorf("the one that stands: %+v, %v", done, err)
	}
	h.wantBalances(map[string]ledger.Fen{"channel:kiosk": 0, "channel:counter": 0, "unwritten:own": 0})
	_, err = h.refund(either)
	h.wantRefusal("either of two that were refunded", err)
}

// TestRefundWhileJudged refunds an order after the batch that writes it was judged
// and before it is committed: the batch is judged again, and the load is suspended as
// not paid, whether the card signed what was paid, or more, or less. What another card's order
// has paid meanwhile is that order's.
func TestRefundWhileJudged(t *testing.T) {
	for _, fen := range []ledger.Fen{5000, 4000, 7000} {
		t.Run(fmt.Sprint(fen), func(t *testing.T) {
			h := newHouse(t)
			_, err := h.authority().Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, "o1", 0, 0, 5000, noon(5)))
			h.must(err)
			_, err = h.authority().Authorise(t.Context(), h.town.LoadRequest(clearingtest.OtherCard, "o2", 0, 0, 9000, noon(5)))
			h.must(err)
			var once sync.Once
			h.paid = func(ctx context.Context, keys []ledger.Key) ([]ledger.Fen, error) {
				amounts, err := h.ledger.Amounts(ctx, keys)
				if len(keys) > 0 {
					once.Do(func() {
						_, err := h.refund(refundOf("o1", true, 6))
						h.must(err)
					})
				}
				return amounts, err
			}
			h.send(h.written(0, uint32(fen), uint32(fen)))
			h.clear()
			h.wantBalances(map[string]ledger.Fen{
				"channel:counter": -9000, "unwritten:own": 9000, "float:own": fen, "suspense:load_not_paid": -fen, "suspense:load_amount": 0,
			})
		})
	}
}

// TestRefundRace refunds and writes many orders at the same time: whichever comes
// first, no order's money goes both ways.
func TestRefundRace(t *testing.T) {
	h := newHouse(t)
	authority := h.authority()
	const orders = 40
	name := func(n int) string { return string(rune('A' + n)) }
	var messages []sent
	for n := range orders {
		_, err := authority.Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, name(n), uint16(n), 0, 1000, noon(5)))
		h.must(err)
		messages = append(messages, h.written(uint16(n), 1000, uint32(1000*(n+1))))
	}
	stop := h.start("test")
	h.send(messages[0])
	h.cleared()
	var group sync.WaitGroup
	group.Go(func() {
		for _, m := range messages[1:] {
			h.send(m)
		}
	})
	refunded := 0
	for n := range orders {
		_, err := h.refund(refundOf(name(orders-1-n), true, 6))
		if err == nil {
			refunded++
			continue
		}
		h.wantRefusal("order "+name(n), err)
	}
	group.Wait()
	h.cleared()
	h.must(stop())
	t.Logf("%d of %d orders were refunded first", refunded, orders)
	back := ledger.Fen(1000 * refunded)
	h.wantBalances(map[string]ledger.Fen{
		"unwritten:own": 0, "float:own": 1000 * orders, "channel:counter": back - 1000*orders, "suspense:load_not_paid": -back,
	})
}
