package release

import (
	"fmt"

	"citycard/clearing/chart"
	"citycard/clearing/people/proposal"
	"citycard/clearing/transit/load"
	"citycard/language"
	"citycard/ledger"
)

// The changes of requests. What only the books know they take from the change that is shown: the
// amounts, the day from which a load may be refunded, and what a request leaves to the books.

func makesRefund(r Refund, shown *proposal.Change) (*proposal.Change, error) {
	key, paid, t, err := refundOf(shown)
	if err != nil {
		return nil, err
	}
	card, err := r.card()
	switch {
	case err != nil:
		return nil, err
	case key.Subject != card.Subject() || r.Sequence != nil && paid.Sequence != *r.Sequence:
		return nil, fmt.Errorf("row %s is of another card or sequence than the request", RowName(key))
	case t.Credit != chart.Waiting && (!isTo(t.Credit, "channel") || r.Channel != "" && t.Credit != chart.Channel(r.Channel)):
		return nil, fmt.Errorf("it refunds to %s, and the request names the channel %q", t.Credit, r.Channel)
	}
	because := refundSeen()
	if !r.NotWritten {
		args, err := argsOf(shown, 2)
		if err != nil {
			return nil, err
		}
		for _, day := range args {
			if _, err := ledger.ParseDay(day); err != nil {
				return nil, err
			}
		}
		because = refundDue(args[0], args[1])
	}
	plan, err := refundPlan(key, &load.Order{Card: key.Subject, Load: paid}, t.Credit, t.Fen, because)
	if err != nil {
		return nil, err
	}
	return plan.change(), nil
}

// argsOf are the arguments of the only effect.
func argsOf(shown *proposal.Change, n int) ([]string, error) {
	if len(shown.Effects) != 1 || len(shown.Effects[0].Args) != n {
		return nil, fmt.Errorf("its change has not one effect of %d parts", n)
	}
	return shown.Effects[0].Args, nil
}

func makesCorrection(r Correction, shown *proposal.Change) (*proposal.Change, error) {
	_, back, _, err := correctionOf(shown)
	if err != nil {
		return nil, err
	}
	row, err := ParseRow(r.Row)
	if err != nil {
		return nil, err
	}
	s := &Suspended{Row: row, Fen: back.Fen, State: Released, To: back.Debit, Reason: reasonOf(back.Credit)}
	if s.Owed = chart.KindOf(back.Debit) == "suspense"; s.Owed {
		s.To, s.Reason = back.Credit, reasonOf(back.Debit)
	}
	plan, err := correctionPlan(s, s.To, &r)
	if err != nil {
		return nil, err
	}
	return plan.change(), nil
}

func makesPayout(p Payout, shown *proposal.Change) (*proposal.Change, error) {
	transfers, err := transfersOf(shown, 1)
	if err != nil {
		return nil, err
	}
	args, err := argsOf(shown, 3)
	if err != nil {
		return nil, err
	}
	plan, err := payoutPlan(p, transfers[0].Fen, payoutHeld(args[0], args[1], args[2]))
	if err != nil {
		return nil, err
	}
	return plan.change(), nil
}

func makesReleases(r Releases, shown *proposal.Change) (*proposal.Change, error) {
	signed, err := signedRows(shown)
	if err != nil {
		return nil, err
	}
	if len(signed) != len(r.Rows) {
		return nil, fmt.Errorf("it releases %d rows; the request has %d", len(signed), len(r.Rows))
	}
	plan := &Plan{Act: ActRelease, effects: because(r.Because)}
	for i := range signed {
		row, err := signed[i].planned(&r.Rows[i], &shown.Rows[i])
		if err != nil {
			return nil, err
		}
		plan.Rows = append(plan.Rows, row)
	}
	return plan.change(), nil
}

// planned is the row as the request has it. Where the request names no payee, there is no other one
// than the row's own.
func (s *signedRow) planned(asked *Payee, shown *proposal.Row) (p Planned, err error) {
	key, err := ParseRow(asked.Row)
	if err != nil {
		return p, err
	}
	p = Planned{Row: RowName(key), To: s.To, State: stateOf(Waits, ""), Fen: s.Fen, Parts: s.Parts}
	if asked.To != "" {
		p.To, p.Own = asked.To, shown.Is("payee")
	}
	if p.Then = stateOf(Released, p.To); s.before {
		p.State = p.Then
	}
	if key != s.key || asked.Fen != 0 && asked.Fen != s.Fen {
		return p, language.Textf("it shows row %s with %s yuan; the request has row %s with %s", s.Row, s.Fen.String(), asked.Row, asked.Fen.String())
	}
	for i, part := range p.Parts {
		if !part.releases(p.To, i == 0) {
			return p, language.Textf("it books %s -> %s; the request releases row %s to %s", part.Debit, part.Credit, asked.Row, p.To)
		}
	}
	return p, nil
}

// releases reports whether a transfer is one of those by which a row is released to an account.
func (p *Part) releases(to string, first bool) bool {
	suspended := func(code string) bool { return chart.KindOf(code) == "suspense" }
	switch {
	case suspended(p.Credit):
		return p.Debit == chart.Unwritten && first || p.Debit == to && isTo(to, "channel")
	case suspended(p.Debit):
		return p.Credit == to && isTo(to, "operator", "channel", "pending")
	}
	return p.Debit == chart.Unwritten && !first && p.Credit == to && isTo(to, "channel")
}
