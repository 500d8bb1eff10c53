package intake_test

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/counters"
	"citycard/clearing/dayclose"
	"citycard/clearing/docket"
	"citycard/clearing/identity"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/ledger"
)

// TestDayWithoutPartition closes a day while a partition of taps stands: what it holds is
// booked and paid on the day in which it is read. On neither day is it missing; a tap that is
// missing for good is found by the second.
func TestDayWithoutPartition(t *testing.T) {
	h := newHouse(t)
	h.town.Found(t, h.ledger.Pool())
	var stands atomic.Bool
	stands.Store(true)
	h.spoil = func(all map[string]func() intake.Rules) {
		taps := all[message.TopicTaps]
		all[message.TopicTaps] = func() intake.Rules {
			r := taps()
			rule := r.Rule
			r.Rule = func(ctx context.Context, records []docket.Record, d *docket.Docket) (intake.Judged, error) {
				if d.Source.Stream == "taps/1" && stands.Load() {
					return intake.Judged{}, keys.ErrOutdated
				}
				return rule(ctx, records, d)
			}
			return r
		}
	}
	h.post("purses", ledger.Transfer{
		Day: today, Subject: identity.CardOf(clearingtest.CardID(clearingtest.Card)).Subject(), ID: identity.Opening("purse"),
		Debit: ledger.IDOfCode(chart.Reserve), Credit: ledger.IDOfCode(chart.Float), Amount: 10_000, Purpose: chart.PurposeOpening,
	})
	const lost, late = 6, 2
	for n := range uint32(8) {
		m := h.ride(n)
		m.CardCounter, m.BalanceFen = n, 10_000-80*int32(n+1)
		message := tap(m)
		if n == late {
			message.partition = 1
		}
		if n != lost {
			h.send(message)
		}
	}
	stop := h.start("test")
	standing := func(s intake.Standing) bool { return s.Stream == "taps/1" }
	closer := &dayclose.Closer{Ledger: h.ledger, Owner: "test", Dir: t.TempDir(), Seals: t.TempDir(), Signer: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), Rules: payoutRules(t)}
	cut, err := intake.CutNow(t.Context(), h.client)
	h.must(err)
	h.must(cut.Await(t.Context(), h.ledger, standing, nil))
	through, err := cut.Through(t.Context(), h.ledger, func(s intake.Standing) bool { return !standing(s) })
	h.must(err)
	if want := (intake.Standing{Topic: "taps", Stream: "taps/1", At: 0, End: 1}); len(through.Behind) != 1 || through.Behind[0] != want {
		t.Fatalf("behind: %v, want %v", through.Behind, want)
	}
	by := ledger.Approval{First: "Li", Second: "Wang", Reason: "its keys are not at hand", At: time.Unix(1, 0)}
	h.must(closer.Without(t.Context(), []counters.Unread{{Day: today, Stream: "taps/1", At: 0, End: 1}}, by))
	first, err := closer.Close(t.Context(), today, today.Next())
	h.must(err)
	stands.Store(false)
	h.cleared()
	h.must(stop())
	second, err := closer.Close(t.Context(), today.Next(), today.Next().Next())
	h.must(err)
	for day, want := range map[*dayclose.Result]ledger.Fen{first: 6 * 80, second: 80} {
		for _, p := range day.Positions {
			if p.Participant.Code == "operator:bus" && ledger.Fen(p.Fen) != want {
				t.Errorf("%s: the operator is owed %d, want %d", day.Day, p.Fen, want)
			}
		}
	}
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 0, chart.Float: 10_000 - 7*80})
	findings := func(day ledger.Day) (list []string) {
		h.must(counters.Checker{Ledger: h.ledger}.Findings(t.Context(), day, 0, func(f counters.Finding) error {
			list = append(list, fmt.Sprintf("%s %d-%d %d", f.Kind, f.First, f.Last, f.Fen))
			return nil
		}))
		slices.Sort(list)
		return list
	}
	if found := findings(today); len(found) > 0 {
		t.Errorf("the day that was closed without a partition found %v", found)
	}
	if found, want := findings(today.Next()), []string{"balance 0-0 -80", "counter_gap 6-6 0", "sam_gap 6-6 0"}; !slices.Equal(found, want) {
		t.Errorf("the day after found %s, want %s", strings.Join(found, ", "), strings.Join(want, ", "))
	}
	h.verify()
}
