package city

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
	"citycard/terminals/counter"
)

// visitorOpening is what a visitor's card holds, in fen.
const visitorOpening = 5_000

// visitor lets another city's card take one bus ride. All terminals of the union share the purchase
// keys, so the dialogue is the same as for any card; but the TAC is made under the other city's
// master, which this city does not have.
func (l *lot) visitor(ctx context.Context, i int, r *ride, now time.Time) error {
	k, err := plan.Visitor(i)
	if err != nil {
		return err
	}
	c, err := l.abroad(ctx, i, k.Number(), plan.VisitorOf(i))
	if err != nil {
		return fmt.Errorf("issue: %w", err)
	}
	m, err := l.field.ride(ctx, c, r.line, false, now)
	if err != nil {
		return fmt.Errorf("bus line %d: %w", r.line, err)
	}
	want, err := l.fares.Bus(uint32(k.Type), uint32(r.line))
	if err != nil {
		return err
	}
	w := &wallet{card: &k, balance: visitorOpening}
	facts := plan.VisitorFacts(i, 0)
	if i%8 == 5 {
		// The record is changed on its way; this city cannot check its TAC.
		want, facts.AbovePurse = l.rules.PurseMaximum+1, true
		m.Debit.AmountFen, w.balance = uint32(want), int64(m.GetBalanceFen())+want
	}
	l.signAbroad(m.GetDebit())
	return l.postTap(w, m, want, truth.Entry{
		Purpose: truth.Bus, Payee: "operator:" + l.field.operator(r.line), Fault: plan.Fault(&facts, 0), Facts: facts,
	})
}

// abroad is a card as another city issued it, with money on it.
func (l *lot) abroad(ctx context.Context, i int, number string, issuer [8]byte) (*chip.Chip, error) {
	c := chip.NewTransit(l.City.Seed ^ uint64(i) ^ 1<<63)
	_, err := counter.Personalise(ctx, c, c.PowerOn(), l.Keys, counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
		Number: number, Issuer: hex.EncodeToString(issuer[:]), Start: plan.ValidFrom, Expiry: plan.ValidTo, CardType: tunion.CardOrdinary,
		Province: "9900", City: "9999", Interoperable: true, PIN: holderPIN,
	}})
	if err != nil {
		return nil, err
	}
	return c, load(ctx, c, l.Keys, visitorOpening)
}

// signAbroad gives the debit the TAC of another city's master.
func (l *lot) signAbroad(d *message.Debit) {
	id := keys.CardID{Issuer: [8]byte(d.GetIssuer()), ASN: [10]byte(d.GetCard())}
	tac := keys.PurchaseTAC(l.City.VisitorKeys().CardKeys(id).TAC(), keys.Purchase{
		Amount: d.GetAmountFen(), Type: byte(d.GetType()), Terminal: [6]byte(d.GetTerminal()), TerminalSequence: d.GetTerminalSequence(),
		Time: [7]byte(d.GetTime()),
	})
	d.Tac = tac[:]
}
