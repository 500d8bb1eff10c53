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
	"citycard/simulators/truth"
	"citycard/terminals/counter"
)

// visitorOpening is what a visitor's card holds, in fen.
const visitorOpening = 5_000

// visitor lets another city's card take one bus. The whole union's terminals share
// the purchase keys, so the dialogue is that of any card; but the TAC is made under
// the other city's master, which nobody here has.
func (l *lot) visitor(ctx context.Context, i int, r *ride, now time.Time) error {
	asn, err := VisitorNumber(i)
	if err != nil {
		return err
	}
	number, err := tunion.Number(asn)
	if err != nil {
		return err
	}
	issuer, accepted := VisitorIssuerOf(i)
	c, err := l.abroad(ctx, i, number, issuer)
	if err != nil {
		return fmt.Errorf("issue: %w", err)
	}
	m, err := l.field.ride(ctx, c, r.line, false, now)
	if err != nil {
		return fmt.Errorf("bus line %d: %w", r.line, err)
	}
	want, err := l.fares.Bus(uint32(tunion.CardOrdinary), uint32(r.line))
	if err != nil {
		return err
	}
	fault := "foreign"
	w := &wallet{card: &TransitCard{ASN: asn, Number: number, Type: tunion.CardOrdinary}, balance: visitorOpening}
	switch {
	case !accepted:
		fault = "issuer_not_accepted"
	case i%8 == 5:
		// Somebody changes the record on its way: nobody here can check its TAC.
		fault, want = "above_purse", l.rules.PurseMaximum+1
		m.Debit.AmountFen, w.balance = uint32(want), int64(m.GetBalanceFen())+want
	}
	l.signAbroad(m.GetDebit())
	return l.postTap(w, m, want, truth.Entry{
		Purpose: truth.Bus, Payee: "operator:" + l.field.operator(r.line), Fault: fault,
		Facts: truth.Facts{Foreign: true, NotAccepted: !accepted, AbovePurse: want > l.rules.PurseMaximum},
	})
}

// abroad is a card as another city issued it, with money on it.
func (l *lot) abroad(ctx context.Context, i int, number string, issuer [8]byte) (*chip.Chip, error) {
	c := chip.NewTransit(l.state.Seed ^ uint64(i) ^ 1<<63)
	_, err := counter.Personalise(ctx, c, c.PowerOn(), l.Keys, counter.Order{Kind: counter.Transit, Transit: &counter.TransitOrder{
		Number: number, Issuer: hex.EncodeToString(issuer[:]), Start: validFrom, Expiry: validTo, CardType: tunion.CardOrdinary,
		Province: "9900", City: "9999", Interoperable: true, PIN: holderPIN,
	}})
	if err != nil {
		return nil, err
	}
	return c, l.people.load(ctx, c, l.Keys, visitorOpening)
}

// signAbroad gives the debit the TAC of another city's master.
func (l *lot) signAbroad(d *message.Debit) {
	id := keys.CardID{Issuer: [8]byte(d.GetIssuer()), ASN: [10]byte(d.GetCard())}
	away := keys.GenerateTest(l.state.Seed ^ 0x5649534954)
	tac := keys.PurchaseTAC(away.CardKeys(id).TAC(), keys.Purchase{
		Amount: d.GetAmountFen(), Type: byte(d.GetType()), Terminal: [6]byte(d.GetTerminal()), TerminalSequence: d.GetTerminalSequence(),
		Time: [7]byte(d.GetTime()),
	})
	d.Tac = tac[:]
}
