package city

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"citycard/cardos/chip"
	"citycard/cardos/keys"
	"citycard/clearing/message"
	"citycard/simulators/document"
	"citycard/simulators/plan"
	"citycard/simulators/truth"
	"citycard/terminals/counter"
)

// visitorOpening is what a visitor's card holds, in fen, where rides are cheap.
const visitorOpening = 5_000

// visitor lets another city's card take one bus ride. All terminals of the union share the purchase
// keys, so the dialogue is the same as for any card; but the TAC is made under the other city's
// master, which this city does not have.
func (l *lot) visitor(ctx context.Context, i int, r *ride, now time.Time) error {
	k, err := l.Town.Visitor(i)
	if err != nil {
		return err
	}
	opening := min(max(visitorOpening, l.low), l.Town.Rules.LeastPurse())
	c, err := l.abroad(ctx, i, &k, uint32(opening))
	if err != nil {
		return fmt.Errorf("issue: %w", err)
	}
	m, err := l.field.ride(ctx, c, r.line, false, now)
	if err != nil {
		return fmt.Errorf("bus line %d: %w", r.line, err)
	}
	signed := document.MomentOf(now)
	prices := l.Town.Rules.Fares(signed)
	want, err := prices.Bus(uint32(k.Type), uint32(r.line), prices.Band(signed))
	if err != nil {
		return err
	}
	w := &wallet{card: &k, balance: opening}
	facts := plan.VisitorFacts(i, 0)
	if i%8 == 5 {
		// The record is changed on its way; this city cannot check its TAC.
		want, facts.AbovePurse = l.Town.Rules.PurseMaximum(document.MomentOf(now))+1, true
		m.Debit.AmountFen, w.balance = uint32(want), int64(m.GetBalanceFen())+want
	}
	l.signAbroad(m.GetDebit())
	return l.postTap(w, m, want, truth.Entry{
		Purpose: truth.Bus, Payee: l.Town.BusPayee(r.line), Fault: plan.Fault(&facts, 0), Facts: facts,
	})
}

// abroad is a card as another city issued it, with money on it.
func (l *lot) abroad(ctx context.Context, i int, k *plan.Card, opening uint32) (*chip.Chip, error) {
	issuer := plan.VisitorOf(i)
	c := chip.NewTransit(l.City.Seed ^ uint64(i) ^ 1<<63)
	_, err := counter.Personalise(ctx, c, c.PowerOn(), l.Keys, counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
		Number: k.Number(), Issuer: hex.EncodeToString(issuer[:]), Start: plan.ValidFrom, Expiry: plan.ValidTo, CardType: k.Type,
		Province: "9900", City: "9999", Interoperable: true, PIN: holderPIN,
	}})
	if err != nil {
		return nil, err
	}
	return c, load(ctx, c, l.Keys, opening)
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
