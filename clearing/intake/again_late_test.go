package intake_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/ledger"
)

// TestJudgedBehindItsCopy keeps a tap and a load alone. Meanwhile each comes again with another
// byte where nothing is signed, and is booked: judged again, the first are duplicates.
func TestJudgedBehindItsCopy(t *testing.T) {
	h := newHouse(t)
	h.patience = time.Millisecond
	_, err := h.authority().Authorise(t.Context(), h.town.LoadRequest(clearingtest.Card, "o1", 0, 0, 5000, noon(5)))
	h.must(err)
	h.must(h.ledger.MarkAccount(t.Context(), chart.Float, ledger.Marks{Frozen: true}, clearingtest.Approved()))
	h.send(tap(h.ride(1)), h.written(0, 5000, 5000))
	h.clear()
	list := h.keptAlone()
	h.must(h.ledger.MarkAccount(t.Context(), chart.Float, ledger.Marks{}, clearingtest.Approved()))
	ride, load := h.ride(1), h.town.Load(clearingtest.Card, 0, 5000, 5000, noon(5))
	ride.Debit.Card[0] ^= 0x15
	load.Card[0] ^= 0x15
	h.send(tap(ride), sent{message.TopicLoads, 0, clearingtest.Encode(load)})
	h.clear()
	want := map[string]ledger.Fen{"operator:bus": 80, "float:own": 4920, "unwritten:own": 0}
	h.wantBalances(want)
	if len(list) != 2 {
		t.Fatalf("%d records are kept alone, want 2", len(list))
	}
	for i, verdict := range h.judgeAgain(list...) {
		if verdict != "duplicate" {
			t.Errorf("%s is judged %s, want duplicate", list[i].Name(), verdict)
		}
	}
	h.wantBalances(want)
	h.verify()
}

// TestListInTimeWhenItCame keeps two lists of pensions alone, and judges them long after: the one
// whose payday was in time when it came is paid, the one that came too late is not. By the
// rules' 10 days back, on 5 January the first payday is 26 December, on 1 February 22 January.
func TestListInTimeWhenItCame(t *testing.T) {
	h := newHouse(t)
	h.spoil = func(all map[string]func() intake.Rules) {
		make := all[message.TopicPensionBatches]
		all[message.TopicPensionBatches] = func() intake.Rules {
			r := make()
			r.Rule = func(context.Context, []docket.Record, *docket.Docket) (intake.Judged, error) {
				return intake.Judged{}, errors.New("the rules are broken")
			}
			return r
		}
	}
	h.send(list("in time", "202601", "20251226"), list("too late", "202512", "20251225"))
	h.clear()
	kept := h.keptAlone()
	if len(kept) != 2 {
		t.Fatalf("%d lists are kept alone, want 2", len(kept))
	}
	h.spoil = nil
	h.must(h.ledger.CloseDay(t.Context(), today, 20260201))
	h.must(h.ledger.EndDay(t.Context(), today))
	verdicts := h.judgeAgain(kept...)
	if verdicts[0] != "cleared" || !strings.Contains(verdicts[1], "implausible_payday") {
		t.Errorf("judged %q, want the first cleared and the second refused for its payday", verdicts)
	}
	h.wantBalances(map[string]ledger.Fen{chart.PensionFund: 700_000, chart.PensionPayout: 300_000})
	h.verify()
}
