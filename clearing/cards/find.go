package cards

import (
	"context"

	"citycard/cardos/keys"
	"citycard/clearing/chart"
	"citycard/clearing/registry/index"
	"citycard/clearing/transit/load"
	"citycard/ledger"
)

// Found is a card as it stands, with all that was done and what may be done now.
type Found struct {
	Standing
	ID      keys.CardID // of a known card
	Number  string
	Known   bool // to the registry
	Type    uint32
	Person  bool // it is somebody's
	Expires ledger.Day
	Expired bool
	Listed  bool
	Blocked bool // by the registry
	Purse   ledger.Fen
	// Emptying is what a tap at a counter took from it, by the counter's word, and is not booked.
	Emptying ledger.Fen
	Waiting  []load.Placed // loads that come onto it when it is next presented
	Steps    []Step
	May      []Choice
}

// Find reads how a card stands.
func (o *Office) Find(ctx context.Context, number string) (*Found, error) {
	figures, err := o.InForce(ctx)
	if err != nil {
		return nil, err
	}
	h, err := o.held(ctx, number, figures)
	if err != nil {
		return nil, err
	}
	f := &Found{Standing: h.was, Number: number, Known: h.known, Type: h.kind, Person: h.person || h.was.Holder != "", Listed: h.listed, Blocked: h.known && h.status != index.Active.String(), Purse: h.purse}
	if !h.known {
		return f, nil
	}
	f.Number, f.Expires = index.Number(h.id.ASN).Digits(), h.ends
	f.ID, f.Expired = h.id, f.Expires < figures.today()
	f.State = h.was.effective(figures.today())
	if f.Steps, err = steps(ctx, o.Ledger.Pool(), h.card(), 0); err != nil {
		return nil, err
	}
	if f.Emptying, err = emptying(ctx, o.Ledger.Pool(), h.card()); err != nil {
		return nil, err
	}
	if f.Waiting, err = load.OfCard(ctx, o.Ledger, h.card()); err != nil {
		return nil, err
	}
	f.May = (&planner{figures: figures, channel: chart.Channel("")}).may(&h)
	return f, nil
}

// may lists what can be done with a card, with its money.
func (p *planner) may(h *held) (all []Choice) {
	if h.fresh() {
		for _, product := range p.sellable(h) {
			if m, err := p.make(Sell, h, product.ID, nil); err == nil {
				all = append(all, m.Choice)
			}
		}
		return all
	}
	for _, do := range allowed(h.was.effective(p.figures.today())) {
		if m, err := p.make(do, h, "", nil); err == nil {
			all = append(all, m.Choice)
		}
	}
	return all
}

// Selling are the products of a day; 0 is today.
func (o *Office) Selling(ctx context.Context, day ledger.Day) (ledger.Day, *Rule, error) {
	figures, err := o.InForce(ctx)
	if err != nil {
		return 0, nil, err
	}
	if day == 0 {
		day = figures.today()
	}
	return day, figures.Products.On(day), nil
}
