package intake_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/chart"
	"citycard/clearing/clearingtest"
	"citycard/clearing/dayclose"
	"citycard/clearing/docket"
	"citycard/clearing/message"
	"citycard/clearing/settlement"
	"citycard/clearing/transit/exits"
	"citycard/clearing/verdict"
	"citycard/ledger"
	"citycard/ledger/ledgertest"
)

// exitTicket is a ticket of the metro's desk for a lost card, at 12:05.
func exitTicket(number, fen uint32) *message.ExitTicket {
	return &message.ExitTicket{
		Terminal: clearingtest.Hex(clearingtest.MetroGate), Number: number, Time: message.AppendTime(nil, noon(5).Add(5*time.Minute)),
		ValidUntil: message.AppendTime(nil, noon(5).Add(20*time.Minute)), Reason: message.ExitReason_EXIT_REASON_LOST_TICKET,
		CashFen: fen, Staff: "A17", Line: 1, Station: 1,
	}
}

// voided is what the desk says of a ticket that no longer counts.
func voided(t *message.ExitTicket, back uint32) *message.ExitTicket {
	t = proto.CloneOf(t)
	t.Void = &message.TicketVoid{Time: message.AppendTime(nil, noon(5).Add(10*time.Minute)), Staff: "B2", Because: "printed twice", CashBackFen: back}
	return t
}

func ofDesk(t *message.ExitTicket) sent {
	return sent{message.TopicExitTickets, 1, clearingtest.Encode(t)}
}

// tickets lists those that were given in 2026.
func (h *house) tickets(f exits.Filter) (list []*exits.Kept) {
	h.Helper()
	f.First, f.Last = 20260101, 20260131
	h.must(exits.List(h.Context(), h.ledger, f, func(k *exits.Kept) error {
		list = append(list, k)
		return nil
	}))
	return list
}

// TestExitTickets keeps each ticket and each end of one once; another one under its number is a
// dispute, and what is none a reject. No money moves; who took how much stands in the operator's
// settlement file, in no total.
func TestExitTickets(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.town.Found(t, h.ledger.Pool())
	one, two, other, astray := exitTicket(1, 900), exitTicket(2, 450), exitTicket(1, 950), exitTicket(1, 100)
	astray.Terminal = clearingtest.Hex("310000009999")
	wrong, signed := exitTicket(3, 900), h.rideAt(7, 42, 2240, 0)
	wrong.ValidUntil = wrong.GetTime()
	moved := ofDesk(voided(two, 450))
	moved.partition = 2
	h.send(ofDesk(one), ofDesk(one), ofDesk(two), ofDesk(voided(two, 450)), ofDesk(other), ofDesk(astray), ofDesk(wrong),
		sent{message.TopicExitTickets, 1, []byte("\xff")}, sent{message.TopicExitTickets, 1, clearingtest.Encode(signed)})
	h.clear()
	h.send(moved, ofDesk(one), ofDesk(other), ofDesk(voided(two, 400)))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:metro": 0, "operator:bus": 0, "float:own": 0, chart.Reserve: 0})
	h.wantRejects(map[string]int{"undecodable": 2, "invalid_field": 1})
	want := map[verdict.Verdict]int64{verdict.Noted: 4, verdict.Duplicate: 4, verdict.Disputed: 2, verdict.Rejected: 3}
	for v, n := range h.tally() {
		if n != want[v] {
			t.Errorf("%d %s, want %d", n, v, want[v])
		}
	}
	list := h.tickets(exits.Filter{Operator: "metro"})
	if len(list) != 2 || !proto.Equal(list[0].Ticket, one) || list[0].Booked != today || list[0].Voided != 0 || !proto.Equal(list[1].Ticket, voided(two, 450)) || list[1].Voided != today {
		t.Errorf("kept: %v", list)
	}
	if list := h.tickets(exits.Filter{}); len(list) != 3 || list[2].Operator != docket.UnregisteredOperator {
		t.Errorf("kept: %v", list)
	}
	if list := h.tickets(exits.Filter{Station: 9}); len(list) != 0 {
		t.Errorf("kept at station 9: %v", list)
	}
	h.wantAside("operator:metro", settlement.Line{Day: today, Purpose: chart.ExitTicket, Count: 2, Fen: 1350}, settlement.Line{Day: today, Purpose: chart.ExitVoid, Count: 1, Fen: -450})
	h.wantAside("operator:bus")
	h.soundBeside()
}

// wantAside compares what stands beside the totals of a participant's settlement file with lines,
// and that nothing is paid for it.
func (h *house) wantAside(code string, want ...settlement.Line) {
	h.Helper()
	positions, _, err := dayclose.Positions(h.Context(), h.ledger, h.town.Registry.Current(), today)
	h.must(err)
	for _, p := range positions {
		if p.Participant.Code != code {
			continue
		}
		if p.Fen != int64(h.balance(code)) || fmt.Sprint(p.Asides) != fmt.Sprint(want) {
			h.Errorf("%s: %d fen, beside %v, want %d and %v", code, p.Fen, p.Asides, h.balance(code), want)
		}
		return
	}
	h.Errorf("%s has no file", code)
}

// TestDeskCash states what a desk took in cash for updates: once for each update, on its own day,
// and beside what the cards paid.
func TestDeskCash(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.town.Found(t, h.ledger.Pool())
	update := func(sequence, fen, cash uint32) *message.Tap {
		m := h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.MetroGate, Sequence: sequence, Fen: fen, Type: 9, At: noon(5)})
		m.Mode, m.Movement = message.Mode_MODE_METRO, message.Movement_MOVEMENT_UPDATE
		m.Update = &message.Update{Reason: message.UpdateReason_UPDATE_REASON_OVER_TRAVEL, CashFen: cash, Staff: "A17"}
		return m
	}
	bad := update(4, 0, 700)
	bad.Debit.Tac = []byte{1, 2, 3, 4}
	h.send(tap(update(1, 100, 200)), tap(update(1, 100, 200)), tap(update(2, 0, 300)), tap(update(3, 250, 0)), tap(bad))
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:metro": 350})
	h.wantAside("operator:metro", settlement.Line{Day: today, Purpose: chart.DeskCash, Count: 2, Fen: 500})
	h.soundBeside()
}

// TestExitTicketCutOff loses the connection around the commit of a batch with a ticket, stored and
// not stored. It is kept once, and counted once.
func TestExitTicketCutOff(t *testing.T) {
	t.Parallel()
	for _, stored := range []bool{false, true} {
		t.Run(fmt.Sprint("stored ", stored), func(t *testing.T) {
			h := newHouse(t)
			h.town.Found(t, h.ledger.Pool())
			l, through := newLine(t, h.url, "", stored)
			far := *h
			far.ledger = ledgertest.Connect(t, through, 8)
			in := far.intake("test")
			ended, stop := h.run(in)
			h.awaitReady(in, ended, "")
			for n, record := range []sent{ofDesk(exitTicket(1, 900)), ofDesk(voided(exitTicket(1, 900), 900))} {
				l.mu.Lock()
				l.broken = make(chan struct{})
				l.mu.Unlock()
				l.arm("commit", stored)
				h.send(record)
				<-l.broken
				l.mend()
				h.cleared()
				h.awaitReady(in, ended, "")
				if list := h.tickets(exits.Filter{}); len(list) != 1 || (list[0].Voided != 0) != (n == 1) {
					t.Errorf("kept: %v", list)
				}
			}
			stop()
			h.wantAside("operator:metro", settlement.Line{Day: today, Purpose: chart.ExitTicket, Count: 1, Fen: 900}, settlement.Line{Day: today, Purpose: chart.ExitVoid, Count: 1, Fen: -900})
			h.soundBeside()
		})
	}
}

// TestFareAside states by how much an operator's terminals charged more than the tables say, and by
// how much less, on the taps' own days. All is paid as it was signed; a ride at the right price
// makes up for no other, and what has no price is in no sum.
func TestFareAside(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.town.Found(t, h.ledger.Pool())
	ride := func(sequence, fen uint32, at time.Time, change func(*message.Tap)) *message.Tap {
		m := h.town.Tap(clearingtest.Tap{Card: clearingtest.Card, Terminal: clearingtest.BusValidator, Sequence: sequence, Fen: fen, At: at})
		if change != nil {
			change(m)
		}
		return m
	}
	of := func(line uint32) func(*message.Tap) { return func(m *message.Tap) { m.Line = line } }
	over := ride(2, 95, noon(5), nil)
	h.send(
		tap(ride(1, 80, noon(5), nil)),
		tap(over), tap(over),
		tap(ride(3, 81, noon(5), nil)),
		tap(ride(4, 70, noon(5), nil)),
		tap(ride(5, 81, noon(4), nil)),
		tap(ride(6, 500, noon(5), of(77))), // no such line
		tap(ride(7, 80, noon(5), func(m *message.Tap) { m.FareVersion = "nobody's" })),
	)
	h.clear()
	h.wantBalances(map[string]ledger.Fen{"operator:bus": 80 + 95 + 81 + 70 + 81 + 500 + 80})
	h.wantAside("operator:bus",
		settlement.Line{Day: today.Add(-1), Purpose: chart.FareOver, Count: 1, Fen: 1},
		settlement.Line{Day: today, Purpose: chart.FareOver, Count: 2, Fen: 16},
		settlement.Line{Day: today, Purpose: chart.FareUnder, Count: 1, Fen: -10})
	h.soundBeside()
}
