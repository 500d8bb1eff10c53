package release

import (
	"context"
	"fmt"

	"citycard/clearing/chart"
	"citycard/clearing/people/proposal"
	"citycard/ledger"
)

// Correction asks for a wrong release to be put right.
type Correction struct {
	Row     string `json:"row"` // the suspended transfer's
	To      string `json:"to"`
	Because string `json:"because"`
}

// ShowCorrection shows what a correction would book: what the release booked, the other way round,
// and the same to the right account, in one chain. A release is corrected once.
//
// The first account pays back what it got, even if a close has paid that out: then the account is
// below zero until its next close, which deducts the amount from what it pays, or collects it.
func (o *Office) ShowCorrection(ctx context.Context, c Correction) (*Plan, error) {
	if err := checkBecause(c.Because); err != nil {
		return nil, err
	}
	if c.Because == "" {
		return nil, refuse("a correction takes a reason of its own").todo("give --because")
	}
	rows, err := o.find(ctx, []Payee{{Row: c.Row}})
	if err != nil {
		return nil, err
	}
	s := &rows[0]
	desk, err := o.desk(ctx, rows)
	if err != nil {
		return nil, err
	}
	release, err := o.Ledger.FindAll(ctx, []ledger.Key{part(s.Row, partWhole)})
	if err != nil {
		return nil, err
	}
	if err := desk.mayCorrect(s, release[0], &c); err != nil {
		return nil, err
	}
	from := release[0].Credit
	if s.Owed {
		from = release[0].Debit
	}
	first, known := desk.accounts.ByID(from)
	if !known {
		return nil, fmt.Errorf("release of row %s: there is no account %d", c.Row, from)
	}
	if first.Code == c.To {
		return nil, refuse("row %s was released to %s before", c.Row, c.To).todo("nothing is to be corrected")
	}
	return correctionPlan(s, first.Code, &c)
}

// correctionPlan plans the correction of what was released to an account.
func correctionPlan(s *Suspended, from string, c *Correction) (*Plan, error) {
	planned, err := correct(s, from, c.To)
	if err != nil {
		return nil, err
	}
	what := correctionText(s.Row, s.Reason, s.Fen, from, c.To, c.Because)
	return &Plan{Act: ActCorrect, Rows: []Planned{planned}, what: always(what), effects: append(because(c.Because), givesBack(from, s.Owed))}, nil
}

// givesBack says what it means for the account that had a release that this is taken back.
func givesBack(code string, owed bool) proposal.Effect {
	switch kind := chart.KindOf(code); {
	case owed:
		return proposal.Effectf("%s does not owe the amount any more: if it was collected, the close of the open day gives it back", code)
	case kind == "pending":
		return proposal.Effectf("%s gives the amount back: it waits there for the other city, and no close has paid any of it", code)
	case kind == "channel":
		return proposal.Effectf("%s owes the amount: it is part of what the close of the open day collects from the channel", code)
	}
	return proposal.Effectf("%s owes the amount, even if it was paid out: the close of the open day deducts it, or collects it", code)
}

// mayCorrect refuses what was not released to an account that somebody chose.
func (d *desk) mayCorrect(s *Suspended, release *ledger.Row, c *Correction) error {
	switch {
	case s.waiting():
		return refuse("row %s was not released, so there is nothing to correct", c.Row).todo("citycard suspense release releases it")
	case s.settled || release == nil:
		return refuse("row %s was settled against its order, which names the channel", c.Row).todo("no other account can have it")
	case s.State == Corrected && s.To != c.To:
		return decidedBefore(s, c.Row)
	}
	return d.may(s, c.To, "", c.Because)
}

// correct plans a correction.
func correct(s *Suspended, from, to string) (Planned, error) {
	name := RowName(s.Row)
	data, err := evidence{ActCorrect, name, to}.encode()
	if err != nil {
		return Planned{}, err
	}
	p := Planned{Row: name, State: s.state(), Then: stateOf(Corrected, to), To: to, Fen: s.Fen}
	suspense := chart.Suspense(s.Reason)
	if s.Owed {
		p.add(corrected(s.Row, partBack), suspense, from, s.Fen, chart.PurposeCorrection, data)
		p.add(corrected(s.Row, partAgain), to, suspense, s.Fen, chart.PurposeCorrection, data)
		return p, nil
	}
	p.add(corrected(s.Row, partBack), from, suspense, s.Fen, chart.PurposeCorrection, data)
	p.add(corrected(s.Row, partAgain), suspense, to, s.Fen, chart.PurposeCorrection, data)
	return p, nil
}
