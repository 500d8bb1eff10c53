package city

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"citycard/clearing/message"
	"citycard/simulators/document"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
)

// board takes a bus; sometimes one whose SAM is not in the registry or whose clock is far behind.
func (l *lot) board(ctx context.Context, w *wallet, r *ride, now time.Time) error {
	if ok, err := l.funded(ctx, w, now); !ok || err != nil {
		return err
	}
	var odd plan.Odd
	if good := l.facts(w, now, 0); plan.Fault(&good, 0) == "" {
		switch strayed, slow := l.dice.Chance(l.Shares.UnknownTerminal), l.dice.Chance(l.Shares.WrongClock); {
		case strayed:
			odd = plan.Stray
		case slow && l.couldBe(r.line, now.Add(-clockIsSlow)):
			odd = plan.Slow
		}
	}
	facts := l.facts(w, now, odd)
	fault := l.fault(&facts, now, odd)
	if odd == plan.Slow {
		now = now.Add(-clockIsSlow)
	}
	if fault == "" && !w.tore && w.torn.Tap == nil && l.dice.Chance(l.Shares.Torn) {
		return l.tear(ctx, w, r, now)
	}
	m, err := l.field.ride(ctx, w.chip, r.line, odd == plan.Stray, now)
	if err != nil {
		return fmt.Errorf("bus line %d: %w", r.line, err)
	}
	want, _, err := l.busFen(w, r.line, now)
	if err != nil {
		return err
	}
	w.rode(l.byBus(r.line, now))
	return l.postTap(w, m, want, truth.Entry{Purpose: truth.Bus, Payee: l.Town.BusPayee(r.line), Facts: facts, Fault: fault})
}

// couldBe reports whether a terminal of a bus line has a price at what its clock shows.
func (l *lot) couldBe(line int, clock time.Time) bool {
	fares, err := l.Fares.At(clock)
	return err == nil && fares.BusLine(uint32(line)) == nil
}

// enter passes a metro gate.
func (l *lot) enter(ctx context.Context, w *wallet, r *ride, now time.Time) error {
	if ok, err := l.funded(ctx, w, now); !ok || err != nil {
		return err
	}
	m, err := l.field.enter(ctx, w.chip, r.line, r.entry, now)
	if err != nil {
		return fmt.Errorf("entry at station %d: %w", r.entry, err)
	}
	w.entry, w.entered = r.entry, now
	facts := l.facts(w, now, 0)
	return l.postTap(w, m, 0, truth.Entry{Purpose: truth.MetroEntry, Payee: l.Town.MetroPayee(r.line), Facts: facts, Fault: l.fault(&facts, now, 0)})
}

// leave passes a metro gate on the way out, unless the card had no money to enter.
func (l *lot) leave(ctx context.Context, w *wallet, r *ride, now time.Time) error {
	if w.entry == 0 {
		return nil
	}
	m, err := l.field.leave(ctx, w.chip, r.exitLine, r.exit, now)
	if err != nil {
		return fmt.Errorf("exit at station %d: %w", r.exit, err)
	}
	want, err := l.tripFen(w, r.exitLine, w.entry, r.exit, w.entered, now)
	if err != nil {
		return err
	}
	w.rode(l.byMetro(r.exitLine, w.entered, now))
	w.entry = 0
	facts := l.facts(w, now, 0)
	e := truth.Entry{Purpose: truth.MetroExit, Payee: l.Town.MetroPayee(r.exitLine)}
	if facts.Expired && l.Town.Rules.Fares(document.MomentOf(now)).MayEnd(l.City.LastDay(), w.entered, now) {
		facts.Expired, e.Fault = false, overMidnight
	} else {
		e.Fault = l.fault(&facts, now, 0)
	}
	e.Facts = facts
	return l.postTap(w, m, want, e)
}

// overMidnight is the exit of a card that was expired by then.
const overMidnight = "over_midnight"

// postTap checks the terminal's charge and sends its record, with the faults that occur on the way.
func (l *lot) postTap(w *wallet, m *message.Tap, want int64, e truth.Entry) error {
	debit := m.GetDebit()
	if charged := int64(debit.GetAmountFen()); charged != want {
		return fmt.Errorf("terminal %x charged %d fen for a %s, worked out %d (fares %s)", debit.GetTerminal(), charged, e.Purpose, want, m.GetFareVersion())
	}
	if w.balance -= want; int64(m.GetBalanceFen()) != w.balance {
		return fmt.Errorf("terminal %x left %d fen on the card, worked out %d", debit.GetTerminal(), m.GetBalanceFen(), w.balance)
	}
	signed, err := signedDay(debit.GetTime())
	if err != nil {
		return err
	}
	if e.Value, err = plan.Encode(m); err != nil {
		return err
	}
	if w.torn.Gap {
		w.torn.Gap, l.gaps = false, l.gaps+1
	}
	e.Topic, e.Fen, e.Signed = message.TopicTaps, want, plan.Signed(m, e.Facts.Foreign)
	e.Key = truth.SpendKey(signed, truth.CardOf([8]byte(debit.GetIssuer()), [10]byte(debit.GetCard())), byte(debit.GetType()), debit.GetTerminal(), debit.GetTerminalSequence())
	shares := l.Shares
	if e.Fault == overMidnight { // what it claims of its entry decides: no copy of it is altered
		shares = plan.Shares{}
	}
	return l.post(shares, letter{key: w.card.Number(), entry: e}, m)
}

// signedDay reads the date of 7 bytes BCD as a number YYYYMMDD.
func signedDay(b []byte) (int, error) {
	if len(b) != message.TimeLen {
		return 0, fmt.Errorf("signed time %x has %d bytes, want %d", b, len(b), message.TimeLen)
	}
	var n int
	if _, err := fmt.Sscanf(hex.EncodeToString(b[:4]), "%d", &n); err != nil {
		return 0, fmt.Errorf("signed time %x is not BCD", b)
	}
	return n, nil
}
