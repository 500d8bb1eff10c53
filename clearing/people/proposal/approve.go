package proposal

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// Outcome is what an approval has come to.
type Outcome struct {
	*Proposal
	Result
	// Repeated says that nothing was done now: the proposal was approved before, or its act was
	// booked before.
	Repeated bool
}

// approval is one attempt to approve.
type approval struct {
	office  *Office
	several bool // one decision may be several entries of the audit
	number  int64
	hash    string // what the approver was shown
	signed  chain.Signature
	st      *people.Statement

	asked bool   // an attempt of the act has come to its end
	tx    pgx.Tx // in which the proposal was decided last
}

// Approve does what was proposed, if it would still do what the approver was shown. hash is the
// hash of that, in hexadecimal digits. A proposal that was approved before is not done twice;
// the outcome says what became of it.
func (o *Office) Approve(ctx context.Context, number int64, hash string, sign Sign) (*Outcome, error) {
	p, err := o.read(ctx, number)
	switch {
	case err != nil:
		return nil, err
	case hash != hex.EncodeToString(p.Hash[:]):
		return nil, ErrHash
	case p.State == Approved:
		return &Outcome{Proposal: p, Repeated: true}, nil
	}
	if err := p.decided(); err != nil {
		return nil, err
	}
	change, err := o.again(ctx, p)
	if err != nil { // somebody else may have approved it meanwhile
		if now, failed := o.read(ctx, number); failed == nil && now.State == Approved {
			return &Outcome{Proposal: now, Repeated: true}, nil
		}
		return nil, err
	}
	kind, err := o.kind(p.Kind)
	if err != nil {
		return nil, err
	}
	rule, _ := o.People.Policy.Rule(kind.Name)
	a := &approval{office: o, several: rule.Several, number: number, hash: hash}
	if a.st, a.signed, err = o.signed(ctx, sign, people.ActApprove, StatementOf(number, p.Hash), p.Reason); err != nil {
		return nil, err
	}
	by := ledger.Approval{First: p.Proposer, Second: a.st.Person, Reason: p.Reason, At: a.st.At, Signed: []chain.Signature{p.Signed, a.signed}, Check: a.check}
	if p.Proposer == a.st.Person {
		return nil, ErrProposer
	}
	result, err := kind.Do(ctx, p.Body, change, by)
	return a.settle(ctx, result, by, err)
}

// check decides the proposal inside the transaction of the act.
func (a *approval) check(ctx context.Context, tx pgx.Tx) error {
	a.asked = true
	if a.tx == tx {
		return nil // an act of several entries
	}
	p, err := locked(ctx, tx, a.number)
	if err != nil {
		return err
	}
	if p.State == Approved && p.Decided == a.signed && a.several {
		if err := a.still(ctx, tx, p); err != nil {
			return err
		}
		a.tx = tx
		return nil
	}
	if err = a.may(ctx, tx, p); err != nil {
		return err
	}
	if err = p.decide(ctx, tx, Approved, a.st.Person, a.st.At, a.signed, ""); err != nil {
		return err
	}
	a.tx = tx
	return nil
}

// still refuses a further commit of an act of several, which this approval has begun, if one of the
// two people could not sign any more. p is the locked row.
func (a *approval) still(ctx context.Context, tx pgx.Tx, p *Proposal) error {
	if err := p.sound(); err != nil {
		return err
	}
	for _, signed := range []chain.Signature{p.Signed, a.signed} {
		if _, _, err := a.office.People.Still(ctx, tx, signed); err != nil {
			return language.Textf("what is left of it is not done: %w", err)
		}
	}
	return nil
}

// may refuses an approval that is not allowed. p is the locked row.
func (a *approval) may(ctx context.Context, tx pgx.Tx, p *Proposal) error {
	o := a.office
	if err := p.decided(); err != nil {
		return err
	}
	if err := p.sound(); err != nil {
		return err
	}
	if hash := hex.EncodeToString(p.Hash[:]); hash != a.hash {
		return ErrHash
	}
	proposer, st, err := o.People.Still(ctx, tx, p.Signed)
	switch {
	case err != nil:
		return language.Textf("who proposed it: %w", err)
	case st.What != StatementOfKind(p.Kind, p.Hash) || st.Act != ActPropose || proposer.ID != p.Proposer || st.Reason != p.Reason || st.At.Unix() != p.At.Unix() || p.Expires.After(st.At.Add(o.People.Policy.Expiry(p.Kind))):
		return ErrAltered
	}
	approver, err := o.person(ctx, tx, a.signed, people.ActApprove, StatementOf(p.Number, p.Hash))
	switch {
	case err != nil:
		return err
	case approver.ID == proposer.ID:
		return ErrProposer
	case approver.StandsFor(proposer.ID):
		return ErrStandsIn
	}
	if err := o.People.Policy.MayPropose(proposer, p.Kind, p.Unit); err != nil {
		return language.Textf("its proposer may not propose it any more: %w", err)
	}
	return o.People.Policy.MayApprove(approver, p.Kind, p.approving())
}

// settle says what has happened. The proposal's row knows: it is read behind its lock, so that a
// commit that is still under way ends first.
func (a *approval) settle(ctx context.Context, result Result, by ledger.Approval, acted error) (*Outcome, error) {
	o := a.office
	if o.Ledger.Rehearses() && (acted != nil || a.asked) {
		p, err := o.read(ctx, a.number)
		return &Outcome{Proposal: p, Result: result}, errors.Join(acted, err)
	}
	var p *Proposal
	err := o.Ledger.Change(ctx, "look what became of the approval", func(tx pgx.Tx) (err error) {
		p, err = locked(ctx, tx, a.number)
		return err
	})
	switch {
	case err != nil && a.tx != nil: // decided, if that was committed
		return nil, fmt.Errorf("%w: %w", ledger.ErrOutcomeUnknown, errors.Join(acted, err))
	case err != nil && acted != nil:
		return nil, fmt.Errorf("%w; %w", acted, err)
	case err != nil:
		return nil, err
	case p.State == Approved && p.Decided == a.signed && (acted == nil || !a.several):
		return &Outcome{Proposal: p, Result: result}, nil
	case acted != nil && p.State == Approved && p.Decided == a.signed:
		return &Outcome{Proposal: p, Result: result}, language.Textf("%w; the proposal is approved, and what is left of it takes another one", acted)
	case p.State == Approved && (acted == nil || errors.As(acted, new(*DecidedError))):
		return &Outcome{Proposal: p, Result: result, Repeated: true}, nil
	case acted != nil:
		return nil, acted
	}
	return a.close(ctx, result, by)
}

// close closes a proposal whose act was booked before: nothing was written for it.
func (a *approval) close(ctx context.Context, result Result, by ledger.Approval) (*Outcome, error) {
	var p *Proposal
	err := a.office.Ledger.Change(ctx, "close the proposal", func(tx pgx.Tx) (err error) {
		if p, err = locked(ctx, tx, a.number); err != nil || p.State == Approved {
			return err
		}
		by.Check = func(ctx context.Context, tx pgx.Tx) error {
			if err := a.may(ctx, tx, p); err != nil {
				return err
			}
			return p.decide(ctx, tx, Approved, a.st.Person, a.st.At, a.signed, BookedBefore)
		}
		what, err := canonical(Decided{a.number, a.hash})
		if err != nil {
			return err
		}
		return ledger.Approve(ctx, tx, ActClose, string(what), by)
	})
	if err != nil {
		return nil, err
	}
	if p.State == Waiting {
		p.State, p.Decider, p.Decided, p.DecidedAt, p.Note = Approved, a.st.Person, a.signed, a.st.At.Truncate(time.Second), BookedBefore
	}
	return &Outcome{Proposal: p, Result: result, Repeated: true}, nil
}
