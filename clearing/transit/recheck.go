package transit

import (
	"citycard/clearing/docket"
	"citycard/clearing/registry/index"
	"citycard/clearing/transit/fare"
	"citycard/clearing/verdict"
	"citycard/ledger"
)

// Charge is what a tap was charged, and what the table of its signed second says.
type Charge struct {
	fare.Finding
	ChargedFen ledger.Fen // with what was paid in cash at a desk
	Flagged    bool       // its fare is not the table's, nobody knows the table that it names, or it is overdrawn too far
	Beyond     ledger.Fen // how far its claimed balance is below what its card's product allows
}

// Recheck finds again how a tap that is booked was charged. The documents in force say the same of
// a past second as those by which it was judged.
func (r *Rules) Recheck(edition *index.Edition, record *docket.Record) (c Charge, ok bool) {
	t := tap{record: record}
	if t.decode() != verdict.None {
		return c, false
	}
	t.place(edition, r)
	terminal, placed := edition.Terminal(t.signed.Terminal, t.day)
	if terminal.AtCounter() {
		return c, false
	}
	if placed {
		t.claims(edition, terminal)
	}
	return r.charge(&t, edition), true
}

// beyond is how far the balance that a tap claims is below what products let cards of the type go
// that it claims. Another city's card may not be below zero: terminals here let none go there.
func (r *Rules) beyond(t *tap) ledger.Fen {
	owes := -ledger.Fen(t.message.GetBalanceFen())
	if owes > 0 && !t.foreign {
		owes -= r.Purses.Overdraft(int(t.message.GetCardType()), t.at)
	}
	return max(owes, 0)
}

// charge compares what a tap was charged with the table of its signed second. The table that it
// names may be an earlier one with the same price, as in a terminal that was not started again.
func (r *Rules) charge(t *tap, edition *index.Edition) (c Charge) {
	if isProof(&t.message) {
		return c
	}
	table, relief := r.Fares.At(t.at), t.relief(edition)
	if before := t.message.GetBefore(); before != nil {
		terminal, _ := edition.Terminal(t.signed.Terminal, t.day)
		relief.Misnamed = !table.NumberOf(terminal.Operator, before.GetHere())
	}
	c.Finding = table.CheckUnder(&t.message, relief)
	c.ChargedFen = ledger.Fen(t.message.GetDebit().GetAmountFen()) + ledger.Fen(t.message.GetUpdate().GetCashFen())
	_, known := r.Fares.Version(t.message.GetFareVersion())
	c.Beyond = r.beyond(t)
	c.Flagged = !known || !c.OK() || c.Beyond > 0
	return c
}
