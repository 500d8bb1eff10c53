package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/language"
	"citycard/ledger"
)

// Stream is where releases are booked.
const Stream = "releases"

// Acts, as the audit has them.
const (
	ActRefund  = "refund load"
	ActRelease = "release suspended"
	ActPayout  = "release payout"
)

// Refusal says why nothing was booked, and what the asker can do about it.
type Refusal struct {
	*language.Text
	Todo *language.Text // nil: the text says it
}

func refuse(format string, args ...any) *Refusal {
	return &Refusal{Text: language.Textf(format, args...)}
}

func (r *Refusal) todo(format string, args ...any) *Refusal {
	r.Todo = language.Textf(format, args...)
	return r
}

// Office books what was decided.
type Office struct {
	Ledger *ledger.Ledger
	Owner  string // who leases the stream, for the log
	// RefundAfterDays is how long the rules wait for a card to confirm its load.
	RefundAfterDays int
}

// Done is what the books have after a decision.
type Done struct {
	Repeated bool // it stood there before
	Parts    []Part
}

// Part is one of its transfers, in words.
type Part struct {
	Debit, Credit string
	Fen           ledger.Fen
}

// decision is one on its way into the books.
type decision struct {
	name  string
	what  string // for the audit
	by    ledger.Approval
	parts []Part
	chain []ledger.Transfer

	// within, where set, runs inside the transaction before anything is booked.
	within func(ctx context.Context, tx pgx.Tx) error
	// keep, where set, runs inside it once the chain is in.
	keep func(ctx context.Context, tx pgx.Tx) error
}

// evidence says what a decision does, without the time and the people: no matter who repeats it,
// the evidence is the same.
type evidence struct {
	Act string `json:"act"`
	Row string `json:"row"`
	To  string `json:"to"`
}

func (e evidence) encode() ([]byte, error) {
	data, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("release: %w", err)
	}
	return data, nil
}

// book books the decision once, and the audit's entry with it.
func (o *Office) book(ctx context.Context, d *decision) (Done, error) {
	var missing *ledger.BatchError
	if err := d.by.Validate(); errors.As(err, &missing) {
		return Done{}, refuse("%w", missing.What).todo("give two names and a reason")
	} else if err != nil {
		return Done{}, err
	}
	// If several processes decide at the same time, each gets its turn, and what is booked already
	// is not booked again.
	out, err := o.Ledger.PostOnce(ctx, Stream, o.Owner, 0, func(b *ledger.Batch) error {
		b.Transfers, b.Prepare, b.Finish = d.chain, d.within, d.finish
		return nil
	})
	if err != nil {
		return Done{}, err
	}
	return o.done(d, out)
}

// finish writes what belongs to a new decision, in its transaction.
func (d *decision) finish(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
	if out.Transfers[0].Result != ledger.Inserted {
		return nil, nil
	}
	if d.keep != nil {
		if err := d.keep(ctx, tx); err != nil {
			return nil, err
		}
	}
	return nil, ledger.Approve(ctx, tx, d.name, d.what, d.by)
}

func (o *Office) done(d *decision, out *ledger.Outcome) (Done, error) {
	done := Done{Parts: d.parts, Repeated: true}
	for _, decision := range out.Transfers {
		switch {
		case decision.Disputed:
			return Done{}, refuse("something else was decided about it before").todo("what stands is not undone here; citycard statement shows it")
		case decision.Result == ledger.Inserted:
			done.Repeated = false
		case decision.Result == ledger.Duplicate:
		default:
			return Done{}, refuse("the ledger refused: %v", decision.Err).todo("look at the accounts with citycard account")
		}
	}
	return done, nil
}

// add appends a transfer to the decision's chain.
func (d *decision) add(key ledger.Key, debit, credit string, fen ledger.Fen, purpose ledger.Purpose, evidence []byte) {
	if n := len(d.chain); n > 0 {
		d.chain[n-1].Linked = true
	}
	d.parts = append(d.parts, Part{debit, credit, fen})
	d.chain = append(d.chain, ledger.Transfer{
		Day: key.Day, Subject: key.Subject, ID: key.ID, Debit: ledger.IDOfCode(debit), Credit: ledger.IDOfCode(credit),
		Amount: fen, Purpose: purpose, Evidence: evidence,
	})
}

// isTo reports whether an account is of one of the kinds, and names its owner.
func isTo(code string, kinds ...string) bool {
	for _, kind := range kinds {
		if chart.KindOf(code) == kind && len(code) > len(kind)+1 {
			return true
		}
	}
	return false
}
