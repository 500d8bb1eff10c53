package release

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people/proposal"
	"citycard/ledger"
)

// Plan is what a decision would book, as the books were when it was shown. Making a plan books
// nothing. Do books exactly its transfers.
type Plan struct {
	Act  string
	Rows []Planned

	what    func(booked []Planned) string // for the audit
	effects []proposal.Effect             // what is shown besides

	// within, where set, runs inside the transaction before anything is booked.
	within func(ctx context.Context, tx pgx.Tx) error
	// keep, where set, runs inside it once something new is in.
	keep func(ctx context.Context, tx pgx.Tx) error
}

// Planned is one row that a decision is about.
type Planned struct {
	Row   string // its name
	Own   string // of a release: the account of the terminal's operator, or of the order's channel
	State string // as the books have it: waits, or what was decided before
	Then  string // its state once the decision is booked
	To    string // the account that gets the money, or owes it
	Fen   ledger.Fen
	Parts []Part // the transfers

	chain []ledger.Transfer
}

// Part is one transfer, in words.
type Part struct {
	Debit, Credit string
	Fen           ledger.Fen
}

// Booked reports whether the books have the whole decision already.
func (p *Plan) Booked() bool {
	for i := range p.Rows {
		if p.Rows[i].State != p.Rows[i].Then {
			return false
		}
	}
	return true
}

// add appends a transfer to the row's chain.
func (p *Planned) add(key ledger.Key, debit, credit string, fen ledger.Fen, purpose ledger.Purpose, evidence []byte) {
	if n := len(p.chain); n > 0 {
		p.chain[n-1].Linked = true
	}
	p.Parts = append(p.Parts, Part{debit, credit, fen})
	p.chain = append(p.chain, ledger.Transfer{
		Day: key.Day, Subject: key.Subject, ID: key.ID, Debit: ledger.IDOfCode(debit), Credit: ledger.IDOfCode(credit),
		Amount: fen, Purpose: purpose, Evidence: evidence,
	})
}

// Done is what the books have after a decision.
type Done struct {
	Repeated bool      // nothing is new: all of it stood there before
	Rows     []Planned // that the books have now
	Refused  []Refused // of several rows, those that the ledger refused; their money waits as before
}

// Refused is a row of a decision that was not booked.
type Refused struct {
	Row string
	Why error
}

// Total is what one account gets of a decision about several rows.
type Total struct {
	To   string
	Rows int
	Fen  ledger.Fen // below zero: it owes that much
}

// Totals adds rows up by the account that gets their money, in the order in which the accounts
// first come.
func Totals(rows []Planned) []Total {
	var totals []Total
	at := map[string]int{}
	for i := range rows {
		n, known := at[rows[i].To]
		if !known {
			n = len(totals)
			at[rows[i].To], totals = n, append(totals, Total{To: rows[i].To})
		}
		totals[n].Rows++
		for _, part := range rows[i].Parts {
			switch rows[i].To {
			case part.Credit:
				totals[n].Fen += part.Fen
			case part.Debit:
				totals[n].Fen -= part.Fen
			}
		}
	}
	return totals
}

// Do books what a plan shows, once, and the audit's entry with it, in one transaction. A row whose
// account takes no money is refused alone; if nothing can be booked, the error is a *Refusal.
func (o *Office) Do(ctx context.Context, p *Plan, by ledger.Approval) (Done, error) {
	var missing *ledger.BatchError
	if err := by.Validate(); errors.As(err, &missing) {
		return Done{}, refuse("%w", missing.What).todo("give two names and a reason")
	} else if err != nil {
		return Done{}, err
	}
	var transfers []ledger.Transfer
	for i := range p.Rows {
		transfers = append(transfers, p.Rows[i].chain...)
	}
	finish := func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
		return nil, p.finish(ctx, tx, out, by)
	}
	// If several processes decide at the same time, each gets its turn, and what is booked already
	// is not booked again.
	out, err := o.Ledger.PostOnce(ctx, Stream, o.Owner, 0, func(b *ledger.Batch) error {
		b.Transfers, b.Prepare, b.Finish = transfers, p.within, finish
		return nil
	})
	if err != nil {
		return Done{}, err
	}
	return p.done(out)
}

// each calls fn with each row and the answers to its chain.
func (p *Plan) each(out *ledger.Outcome, fn func(row *Planned, answers []ledger.Decision)) {
	first := 0
	for i := range p.Rows {
		last := first + len(p.Rows[i].chain)
		fn(&p.Rows[i], out.Transfers[first:last])
		first = last
	}
}

// finish writes what belongs to a new decision, in its transaction.
func (p *Plan) finish(ctx context.Context, tx pgx.Tx, out *ledger.Outcome, by ledger.Approval) error {
	var booked []Planned
	var moved error
	p.each(out, func(row *Planned, answers []ledger.Decision) {
		switch {
		case answers[0].Result == ledger.Inserted:
			booked = append(booked, *row)
		case answers[0].Result == ledger.Duplicate && !answers[0].Disputed && row.State != row.Then:
			moved = refuse("row %s was decided just now by others", row.Row).todo("look at it again")
		}
	})
	switch {
	case len(booked) == 0:
		return nil
	case moved != nil:
		return moved // the audit would say of a row that this decision booked it
	}
	if p.keep != nil {
		if err := p.keep(ctx, tx); err != nil {
			return err
		}
	}
	return ledger.Approve(ctx, tx, p.Act, p.what(booked), by)
}

func (p *Plan) done(out *ledger.Outcome) (Done, error) {
	done, now := Done{Repeated: true}, false // now: a row that waited is booked, perhaps by an attempt whose answer was lost
	p.each(out, func(row *Planned, answers []ledger.Decision) {
		for i := range answers {
			if why := refusalOf(&answers[i]); why != nil {
				done.Refused = append(done.Refused, Refused{row.Row, why})
				return
			}
		}
		done.Rows = append(done.Rows, *row)
		now = now || row.State != row.Then
		if answers[0].Result == ledger.Inserted {
			done.Repeated = false
		}
	})
	if !now && len(done.Refused) > 0 {
		return Done{}, done.Refused[0].Why
	}
	return done, nil
}

// refusalOf says why a transfer was not booked; nil where it was.
func refusalOf(d *ledger.Decision) error {
	switch {
	case d.Disputed:
		return refuse("something else was decided about it before").todo("what stands is not undone here; citycard statement shows it")
	case d.Result == ledger.Inserted || d.Result == ledger.Duplicate:
		return nil
	}
	return refuse("the ledger refused: %v", d.Err).todo("look at the accounts with citycard account")
}

// always is the audit's text of a decision about one row.
func always(text string) func([]Planned) string { return func([]Planned) string { return text } }
