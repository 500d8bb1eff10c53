package release

import (
	"context"
	"reflect"
	"strconv"

	"citycard/clearing/chart"
	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
)

// The names of the kinds of proposals.
const (
	KindRefund  = "load refund"
	KindRelease = "suspense release"
	KindCorrect = "suspense correct"
	KindPayout  = "day release"
)

// Kinds are the kinds of proposals about money that waits. open makes an office as the rules in
// force have it.
func Kinds(open func(context.Context) (*Office, error)) []proposal.Kind {
	return []proposal.Kind{
		proposal.Completed(kindOf(KindRefund, open, (*Office).ShowRefund), func(ctx context.Context, asked AskedRefund) (Refund, []*language.Text, error) {
			office, err := open(ctx)
			if err != nil {
				return Refund{}, nil, err
			}
			return office.refund(ctx, asked)
		}),
		proposal.Completed(kindOf(KindRelease, open, (*Office).ShowRelease), func(ctx context.Context, asked AskedReleases) (Releases, []*language.Text, error) {
			office, err := open(ctx)
			if err != nil {
				return Releases{}, nil, err
			}
			return office.releases(ctx, asked)
		}),
		kindOf(KindCorrect, open, (*Office).ShowCorrection), kindOf(KindPayout, open, (*Office).ShowPayout),
	}
}

// kindOf is the kind of proposals of one decision.
func kindOf[T any](name string, open func(context.Context) (*Office, error), show func(*Office, context.Context, T) (*Plan, error)) proposal.Kind {
	plan := func(ctx context.Context, request T) (*Office, *Plan, error) {
		office, err := open(ctx)
		if err != nil {
			return nil, nil, err
		}
		p, err := show(office, ctx, request)
		return office, p, err
	}
	return proposal.Of(name, func(ctx context.Context, request T) (*proposal.Change, error) {
		_, p, err := plan(ctx, request)
		switch {
		case err != nil:
			return nil, err
		case p.Booked():
			return nil, refuse("it is booked already").todo("nothing is to be done")
		}
		return p.change(), nil
	}, func(ctx context.Context, request T, shown *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		office, p, err := plan(ctx, request)
		switch {
		case err != nil:
			return proposal.Result{}, err
		case !p.Booked() && !reflect.DeepEqual(p.change(), shown):
			return proposal.Result{}, refuse("what it would book has changed just now").todo("look at it again")
		}
		done, err := office.Do(ctx, p, by)
		if err != nil {
			return proposal.Result{}, err
		}
		return proposal.Result{Said: p.said(done)}, nil
	})
}

// change is the plan as two people sign it.
func (p *Plan) change() *proposal.Change {
	c := &proposal.Change{Unit: p.unit(), Effects: p.effects}
	for i := range p.Rows {
		r := &p.Rows[i]
		row := p.row(r).Alters("state", r.State, r.Then)
		if r.Own != "" && r.Own != r.To {
			row = row.Alters("payee", r.Own, r.To)
		}
		c.Rows = append(c.Rows, row)
		for _, part := range r.Parts {
			c.Transfers = append(c.Transfers, proposal.Transfer(part))
		}
	}
	if totals := Totals(p.Rows); len(p.Rows) > 1 {
		for _, t := range totals {
			rows := strconv.Itoa(t.Rows)
			if t.Fen < 0 {
				c.Effects = append(c.Effects, proposal.Effectf("%s owes %s yuan of %s rows", t.To, (-t.Fen).String(), rows))
			} else {
				c.Effects = append(c.Effects, proposal.Effectf("%s gets %s yuan of %s rows", t.To, t.Fen.String(), rows))
			}
		}
	}
	return c
}

func (p *Plan) row(r *Planned) proposal.Row {
	switch p.Act {
	case ActRefund:
		return proposal.RowOf("paid load", r.Row, r.State)
	case ActPayout:
		return proposal.RowOf("held payout", r.Row, r.State)
	}
	return proposal.RowOf("suspended transfer", r.Row, r.State)
}

// unit is the one whose money is released, if it is one; else the issuer, who holds it.
func (p *Plan) unit() people.Unit {
	if totals := Totals(p.Rows); p.Act == ActRelease && len(totals) == 1 {
		return chart.UnitOf(totals[0].To)
	}
	return people.Issuer
}

// said is what an approval has done.
func (p *Plan) said(done Done) (said []*language.Text) {
	if len(p.Rows) == 1 {
		for _, part := range done.Rows[0].Parts {
			said = append(said, language.Textf("%s -> %s %s", part.Debit, part.Credit, part.Fen.String()))
		}
	} else {
		for _, t := range Totals(done.Rows) {
			said = append(said, language.Textf("%s: %d rows, %s yuan", t.To, t.Rows, t.Fen.String()))
		}
	}
	for _, r := range done.Refused {
		said = append(said, language.Textf("not booked, it waits on: %s: %w", r.Row, r.Why))
	}
	return said
}
