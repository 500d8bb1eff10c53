package intake_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/docket"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/clearing/people/proposal"
	"citycard/clearing/transit/unconfirmed"
	"citycard/clearing/verdict"
	beside "citycard/clearing/verify"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
	"citycard/ledger/verify"
)

// without is a tap as a lane reports it that never learned its TAC.
func without(m *message.Tap) sent {
	m, _ = proto.Clone(m).(*message.Tap)
	m.Debit.Tac = nil
	return sent{message.TopicTapsUnconfirmed, 1, clearingtest.Encode(m)}
}

// rideAt is a signed bus tap of a minute, whose purse holds so much afterwards.
func (h *house) rideAt(sequence, counter, balance uint32, minute int) *message.Tap {
	m := h.town.Tap(clearingtest.Tap{
		Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: sequence, Fen: 80, At: noon(5).Add(time.Duration(minute) * time.Minute),
	})
	m.CardCounter, m.BalanceFen = counter, int32(balance)
	return m
}

// unconfirmed lists the taps without a TAC, those that are closed included.
func (h *house) unconfirmed() (list []*unconfirmed.Kept) {
	h.Helper()
	h.must(unconfirmed.List(h.Context(), h.ledger, unconfirmed.Filter{First: 20260101, Last: 20261231, All: true}, func(k *unconfirmed.Kept) error {
		one := *k
		list = append(list, &one)
		return nil
	}))
	return list
}

func (h *house) wantOpen(want int) {
	h.Helper()
	var w unconfirmed.Watch
	for range 2 { // the second count looks at what was open alone
		open, err := w.Count(h.Context(), h.ledger)
		h.must(err)
		if open.Count != want || (open.Since == today) != (want > 0) {
			h.Errorf("%+v are open, want %d", open, want)
		}
	}
}

// soundBeside replays the books with all of clearing's tables.
func (h *house) soundBeside() {
	h.Helper()
	_, err := verify.Books(h.Context(), h.ledger, nil, func(f verify.Fault) { h.Error(f) }, beside.Tables)
	h.must(err)
}

// TestUnconfirmedThenTap has the tap come after its record without a TAC, before it, or with it: it
// is booked once, and is no repeat and no dispute.
func TestUnconfirmedThenTap(t *testing.T) {
	t.Parallel()
	for _, order := range []string{"memo first", "tap first", "together"} {
		t.Run(order, func(t *testing.T) {
			h := newHouse(t)
			h.town.Found(t, h.ledger.Pool())
			m := h.rideAt(7, 42, 2240, 0)
			switch order {
			case "memo first":
				h.send(without(m))
				h.clear()
				h.wantBalances(map[string]ledger.Fen{"operator:bus": 0, "float:own": 0})
				h.wantOpen(1)
				h.send(tap(m))
			case "tap first":
				h.send(tap(m))
				h.clear()
				h.send(without(m))
			default:
				h.send(tap(m), without(m), tap(m), without(m))
			}
			h.clear()
			h.wantBalances(map[string]ledger.Fen{"operator:bus": 80, "float:own": -80})
			h.wantOpen(0)
			if list := h.unconfirmed(); len(list) != 1 || list[0].Confirmed != today || list[0].Operator != "" && list[0].Operator != "bus" {
				t.Errorf("kept: %+v, want one that is confirmed", list)
			}
			if tally := h.tally(); tally[verdict.Cleared] != 1 || tally[verdict.Unconfirmed] != 1 || tally[verdict.Disputed] != 0 {
				t.Errorf("ruled: %v", tally)
			}
			h.soundBeside()
		})
	}
}

// TestUnconfirmedRepeats keeps a record once, another one under its key as a dispute, and what is
// none as a reject. None of them moves money.
func TestUnconfirmedRepeats(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.town.Found(t, h.ledger.Pool())
	m := h.rideAt(7, 42, 2240, 0)
	other := h.rideAt(7, 43, 2240, 0)
	other.Debit.AmountFen = 90
	signed := tap(m)
	signed.topic = message.TopicTapsUnconfirmed
	h.send(without(m), without(m), without(other), sent{message.TopicTapsUnconfirmed, 1, []byte("\xff")}, signed)
	h.clear()
	moved := without(m)
	moved.partition = 2
	h.send(moved, without(other))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 0, "float:own": 0})
	h.wantRejects(map[string]int{"undecodable": 1, "invalid_field": 1})
	want := map[verdict.Verdict]int64{verdict.Unconfirmed: 1, verdict.Duplicate: 3, verdict.Disputed: 1, verdict.Rejected: 2}
	for v, n := range h.tally() {
		if n != want[v] {
			t.Errorf("%d %s, want %d", n, v, want[v])
		}
	}
	if list := h.unconfirmed(); len(list) != 1 || list[0].Fen() != 80 || !list[0].Open() {
		t.Errorf("kept: %+v", list)
	}
	h.soundBeside()
}

// resolving are two people who resolve taps without a TAC.
func (h *house) resolving() *proposals {
	h.Helper()
	h.town.Found(h, h.ledger.Pool())
	p := h.proposals()
	p.office.Kinds = append(p.office.Kinds, unconfirmed.Kind(&unconfirmed.Office{Ledger: h.ledger, Owner: "test"}))
	return p
}

// resolve proposes and approves.
func (p *proposals) resolve(k *unconfirmed.Kept, as unconfirmed.Decision, because string) error {
	shown, err := propose(p, "ann", unconfirmed.KindResolve, unconfirmed.Resolve{Row: unconfirmed.RowName(k.Tap), As: as, Because: because})
	if err == nil {
		_, err = p.approve("bob", shown)
	}
	return err
}

// TestUnconfirmedResolved resolves one whose card went on with the next number, and one whose card
// used the number for another ride; then their TACs come after all.
func TestUnconfirmedResolved(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.resolving()
	lost, not := h.rideAt(7, 42, 2240, 0), h.rideAt(9, 50, 1000, 10)
	h.send(without(lost), without(not), tap(h.rideAt(8, 43, 2160, 5)), tap(h.rideAt(10, 50, 1000, 15)))
	h.clear()
	list := h.unconfirmed()
	if len(list) != 2 || list[0].Says != unconfirmed.Debited || list[1].Says != unconfirmed.NotDebited {
		t.Fatalf("claims say %+v", list)
	}
	var refusal *proposal.Refusal
	if err := p.resolve(list[0], unconfirmed.WasNotDebited, ""); !errors.As(err, &refusal) {
		t.Errorf("resolved against the claims, without a reason: %v", err)
	}
	h.must(p.resolve(list[0], unconfirmed.CodeLost, ""))
	h.must(p.resolve(list[1], unconfirmed.WasNotDebited, ""))
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 160, "float:own": -240, chart.CodeLost: 80})
	h.wantOpen(0)
	for _, as := range []unconfirmed.Decision{unconfirmed.CodeLost, unconfirmed.WasNotDebited} {
		if err := p.resolve(list[0], as, "again"); !errors.As(err, &refusal) {
			t.Errorf("resolved again as %s: %v", as, err)
		}
	}
	h.soundBeside()
	h.wantDiffers(differs{unconfirmed.ActResolve, "80 fen", "90 fen"}, differs{unconfirmed.ActResolve, "not debited", "debited, code lost"})

	h.send(tap(lost), tap(lost), tap(not))
	h.clear()
	h.send(tap(lost))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 320, "float:own": -320, chart.CodeLost: 0})
	if tally := h.tally(); tally[verdict.Cleared] != 4 || tally[verdict.Duplicate] != 2 {
		t.Errorf("ruled: %v", tally)
	}
	for i, as := range []unconfirmed.Decision{unconfirmed.CodeLost, unconfirmed.WasNotDebited} {
		if k := h.unconfirmed()[i]; k.Decided != as || k.Confirmed != today {
			t.Errorf("kept: %+v", k)
		}
	}
	h.soundBeside()
}

// TestUnconfirmedOdd resolves what moves nothing, and a tap that comes with another amount than its
// record has.
func TestUnconfirmedOdd(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.resolving()
	free, foreign, dearer, none := h.rideAt(7, 42, 2240, 0), h.rideAt(8, 43, 2240, 1), h.rideAt(9, 44, 2160, 2), h.rideAt(10, 45, 2160, 3)
	free.Debit.AmountFen, dearer.Debit.AmountFen = 0, 60
	foreign.Debit.Card = clearingtest.Hex("03104999900000000999")
	h.send(without(free), without(foreign), without(dearer), without(none))
	h.clear()
	for _, k := range h.unconfirmed() {
		var refusal *proposal.Refusal
		if err := p.resolve(k, unconfirmed.CodeLost, ""); !errors.As(err, &refusal) {
			t.Errorf("resolved although nothing says so: %v", err)
		}
		h.must(p.resolve(k, unconfirmed.CodeLost, "the lane's camera"))
	}
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 0, "float:own": -140, chart.CodeLost: 140})
	h.soundBeside()
	dearer.Debit.AmountFen, none.Debit.AmountFen = 80, 0
	h.town.Sign(dearer.Debit)
	h.town.Sign(none.Debit)
	h.send(tap(dearer), tap(none), tap(none))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80, "float:own": -80, chart.CodeLost: 0})
	h.soundBeside()
}

// TestUnconfirmedRace resolves many as lost while their taps come: whichever is first, each card
// pays once and each ride is paid for once.
func TestUnconfirmedRace(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.resolving()
	const rides = 30
	var taps []sent
	for n := range uint32(rides) {
		m := h.rideAt(100+n, 100+n, 5000, int(n))
		taps = append(taps, tap(m))
		h.send(without(m))
	}
	h.clear()
	list := h.unconfirmed()
	stop := h.start("test")
	lost := 0
	for n := range list {
		var group sync.WaitGroup
		group.Go(func() { h.send(taps[n]) })
		err := p.resolve(list[n], unconfirmed.CodeLost, "a test")
		group.Wait()
		var refusal *proposal.Refusal
		var stale *proposal.StaleError
		switch {
		case err == nil:
			lost++
		case !errors.As(err, &refusal) && !errors.As(err, &stale):
			t.Error(err)
		}
	}
	h.cleared()
	h.must(stop())
	t.Logf("%d of %d were resolved before their taps came", lost, rides)
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80 * rides, "float:own": -80 * rides, chart.CodeLost: 0})
	h.soundBeside()
}

// TestUnconfirmedWhileJudged gives a code up after the batch with its tap was judged and before it
// is committed: the batch is judged again.
func TestUnconfirmedWhileJudged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.resolving()
	m := h.rideAt(7, 42, 2240, 0)
	h.send(without(m))
	h.clear()
	kept := h.unconfirmed()[0]
	judged := 0
	h.spoil = func(all map[string]func() intake.Rules) {
		taps := all[message.TopicTaps]
		all[message.TopicTaps] = func() intake.Rules {
			r := taps()
			judge := r.Rule
			r.Rule = func(ctx context.Context, records []docket.Record, d *docket.Docket) (intake.Judged, error) {
				done, err := judge(ctx, records, d)
				if judged++; judged == 1 {
					h.must(p.resolve(kept, unconfirmed.CodeLost, "a test"))
				}
				return done, err
			}
			return r
		}
	}
	h.send(tap(m))
	h.clear()
	if judged != 2 {
		t.Errorf("judged %d times, want 2", judged)
	}
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80, "float:own": -80, chart.CodeLost: 0})
	h.soundBeside()
}

// TestUnconfirmedCutOff loses the connection around the statements of a batch that keeps a record,
// of a batch that books its tap after the code was given up, and of the decision itself.
func TestUnconfirmedCutOff(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, statement string
		answered        bool
	}{
		{"row, not stored", "INSERT INTO unconfirmed_taps", false},
		{"row stored, not committed", "INSERT INTO unconfirmed_taps", true},
		{"commit, not stored", "commit", false},
		{"commit, stored", "commit", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHouse(t)
			p := h.resolving()
			m := h.rideAt(7, 42, 2240, 0)
			l, through := newLine(t, h.url, "", test.answered)
			far := *h
			far.ledger = ledgertest.Connect(t, through, 8)
			in := far.intake("test")
			ended, stop := h.run(in)
			h.awaitReady(in, ended, "")
			cut := func(m sent) {
				l.mu.Lock()
				l.broken = make(chan struct{})
				l.mu.Unlock()
				l.arm(test.statement, test.answered)
				h.send(m)
				<-l.broken
				l.mend()
				h.cleared()
				h.awaitReady(in, ended, "")
			}
			cut(without(m))
			h.wantOpen(1)
			h.must(p.resolve(h.unconfirmed()[0], unconfirmed.CodeLost, "a test"))
			h.wantBalances(map[string]ledger.Fen{"float:own": -80, chart.CodeLost: 80})
			if test.statement == "commit" {
				cut(tap(m))
			} else {
				h.send(tap(m))
				h.cleared()
			}
			stop()
			h.wantBalances(map[string]ledger.Fen{"operator:bus": 80, "float:own": -80, chart.CodeLost: 0})
			h.soundBeside()
		})
	}
}

// TestResolveCutOff loses the connection around statements of a decision, and its process with it.
// Stored or not, doing it again books it once.
func TestResolveCutOff(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		behind, statement string
		stored            bool
	}{
		{"UPDATE unconfirmed_taps", "INSERT INTO lost_codes", false},
		{"UPDATE unconfirmed_taps", "INSERT INTO lost_codes", true},
		{"INSERT INTO audit (", "commit", false},
		{"INSERT INTO audit (", "commit", true},
	} {
		t.Run(fmt.Sprintf("%s %t", test.statement, test.stored), func(t *testing.T) {
			h := newHouse(t)
			h.town.Found(t, h.ledger.Pool())
			h.send(without(h.rideAt(7, 42, 2240, 0)), tap(h.rideAt(8, 43, 2160, 5)))
			h.clear()
			body, err := proposal.Body(unconfirmed.Resolve{Row: unconfirmed.RowName(h.unconfirmed()[0].Tap), As: unconfirmed.CodeLost})
			h.must(err)
			near := unconfirmed.Kind(&unconfirmed.Office{Ledger: h.ledger, Owner: "near"})
			shown, err := near.Show(t.Context(), body)
			h.must(err)
			l, through := newLine(t, h.url, "", test.stored)
			far := &unconfirmed.Office{Ledger: ledgertest.Connect(t, through, 4), Owner: "far"}
			l.armBehind(test.behind, test.statement, test.stored)
			ctx, killed := context.WithCancel(t.Context())
			defer killed()
			go func() {
				<-l.broken
				killed()
			}()
			kind := unconfirmed.Kind(far)
			if _, err := kind.Do(ctx, body, shown, approval(5)); err == nil {
				t.Fatal("it got an answer")
			}
			want := map[string]ledger.Fen{"float:own": -80, chart.CodeLost: 0}
			if test.stored && test.statement == "commit" {
				want = map[string]ledger.Fen{"float:own": -160, chart.CodeLost: 80}
			}
			h.wantBalances(want)
			_, err = near.Do(t.Context(), body, shown, approval(5))
			h.must(err)
			h.wantBalances(map[string]ledger.Fen{"operator:bus": 80, "float:own": -160, chart.CodeLost: 80})
			if entries := h.audited(unconfirmed.ActResolve); len(entries) != 1 {
				t.Errorf("the audit has %d entries, want one", len(entries))
			}
			h.verifyAll()
		})
	}
}
