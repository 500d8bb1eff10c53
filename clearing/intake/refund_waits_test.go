package intake_test

import (
	"strings"
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/counters"
	"citycard/clearing/dayclose"
	"citycard/clearing/message"
	"citycard/ledger"
)

// paidFor has two loads paid for; a card has the first.
func (h *house) paidFor() {
	h.Helper()
	authority := h.authority()
	for n, order := range []string{"o1", "o2"} {
		_, err := authority.Authorise(h.Context(), h.town.LoadRequest(clearingtest.Card, order, uint16(n), 0, 5000, noon(5)))
		h.must(err)
	}
	h.send(h.written(0, 5000, 5000))
}

// wantNoRefund asks for both loads, long after they were paid and with a look at the card, and
// fails unless each is refused for the reason, with nothing booked.
func (h *house) wantNoRefund(reason string) {
	h.Helper()
	for _, order := range []string{"o1", "o2"} {
		for _, looked := range []bool{false, true} {
			_, err := h.refund(refundOf(order, looked, 35))
			h.wantRefusal(order, err)
			if err != nil && !strings.Contains(err.Error(), reason) {
				h.Errorf("%s is refused for %q, want %q", order, err, reason)
			}
		}
	}
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -10_000, "unwritten:own": 10_000, "float:own": 0})
}

// wantOneRefund asks for both once all is read and judged: the load that its card has stays.
func (h *house) wantOneRefund() {
	h.Helper()
	_, err := h.refund(refundOf("o1", false, 35))
	h.wantRefusal("the card has it", err)
	_, err = h.refund(refundOf("o2", false, 35))
	h.must(err)
	h.wantBalances(map[string]ledger.Fen{"channel:counter": -5000, "unwritten:own": 0, "float:own": 5000, "suspense:load_not_paid": 0})
	h.verify()
}

// TestRefundWaitsForQuarantine keeps a written load alone, since an account is frozen: no load
// is given back until it is judged. A tap that is kept alone has nothing to do with it.
func TestRefundWaitsForQuarantine(t *testing.T) {
	h := newHouse(t)
	h.patience = time.Millisecond
	h.must(h.ledger.MarkAccount(t.Context(), chart.Float, ledger.Marks{Frozen: true}, clearingtest.Approved()))
	h.paidFor()
	h.send(tap(h.ride(1)))
	h.clear()
	list := h.keptAlone()
	if len(list) != 2 {
		t.Fatalf("%d records are kept alone, want the load and the tap", len(list))
	}
	h.wantNoRefund("1 records of written loads are in quarantine")
	h.must(h.ledger.MarkAccount(t.Context(), chart.Float, ledger.Marks{}, clearingtest.Approved()))
	for _, r := range list {
		if strings.HasPrefix(r.Stream, message.TopicLoads+"/") {
			if verdicts := h.judgeAgain(r); verdicts[0] != "cleared" {
				t.Errorf("judged %v, want cleared", verdicts)
			}
		}
	}
	h.wantOneRefund()
}

// TestRefundWaitsForStream closes a day without a partition of loads that has a card's word: no
// load is given back until it is read.
func TestRefundWaitsForStream(t *testing.T) {
	h := newHouse(t)
	h.paidFor()
	closer := &dayclose.Closer{Ledger: h.ledger, Owner: "test"}
	h.must(closer.Without(t.Context(), []counters.Unread{
		{Day: today, Stream: "loads/0", At: 0, End: 1}, {Day: today, Stream: "taps/0", At: 0, End: 1},
	}, clearingtest.Approved()))
	h.wantNoRefund("day 20260105 was closed without loads/0, which stands at 0 of 1")
	h.clear()
	h.wantOneRefund()
}
