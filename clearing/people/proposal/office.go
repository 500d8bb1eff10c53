package proposal

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// The acts by which the audit has proposals. What is approved has the entry of its own act, with
// both signatures; ActClose is for an act that was booked before.
const (
	ActPropose  = people.ActPropose
	ActReject   = "reject proposal"
	ActWithdraw = "withdraw proposal"
	ActClose    = "close proposal"
)

// Proposed is what the audit's entry of a proposal says.
type Proposed struct {
	Proposal int64       `json:"proposal"`
	Kind     string      `json:"kind"`
	Unit     people.Unit `json:"unit"`
	Approves people.Unit `json:"approves,omitempty"` // whose people approve, if that is another unit
	Hash     string      `json:"hash"`
	Expires  int64       `json:"expires"` // seconds since 1970
}

// Decided is what the audit's entry of a rejection, a withdrawal or a close says.
type Decided struct {
	Proposal int64  `json:"proposal"`
	Hash     string `json:"hash"`
}

// Sign signs a statement with a person's key. It fills in who the person is, and the time.
type Sign func(people.Statement) (chain.Signature, error)

// Given is the Sign of somebody who has signed already, elsewhere: what is to be signed now must be
// what was signed then.
func Given(signed chain.Signature) Sign {
	return func(want people.Statement) (chain.Signature, error) {
		given, err := people.ParseStatement(signed.Statement)
		switch {
		case err != nil:
			return chain.Signature{}, err
		case given.What != want.What:
			return chain.Signature{}, ErrSigned
		case given.Reason != want.Reason:
			return chain.Signature{}, ErrReason
		}
		return signed, nil
	}
}

// Office takes proposals and decisions.
type Office struct {
	Ledger *ledger.Ledger
	People *people.Store
	Kinds  []Kind
}

func (o *Office) kind(name string) (*Kind, error) {
	for i := range o.Kinds {
		if o.Kinds[i].Name == name {
			return &o.Kinds[i], nil
		}
	}
	return nil, language.Textf("%w: %q", ErrKind, name)
}

// MayAsk says whether a person may propose a kind at all, whosever money or rows it is about.
func (o *Office) MayAsk(person people.Person, kind string) error {
	k, err := o.kind(kind)
	if err == nil {
		err = o.People.Policy.MayPropose(person, k.Name, person.Unit)
	}
	return err
}

// Complete makes the request of what somebody asks for (Kind.Complete).
func (o *Office) Complete(ctx context.Context, kind string, asked json.RawMessage) (json.RawMessage, []*language.Text, error) {
	k, err := o.kind(kind)
	if err != nil {
		return nil, nil, err
	}
	return k.Complete(ctx, asked)
}

// Draft reads what a request would do. It stores nothing: the proposal has no number yet.
func (o *Office) Draft(ctx context.Context, kind string, body json.RawMessage, reason string) (*View, error) {
	k, err := o.kind(kind)
	if err != nil {
		return nil, err
	}
	if len(body) > MaxBody {
		return nil, language.Textf("the request has %d bytes, at most %d", len(body), MaxBody)
	}
	change, err := k.Show(ctx, body)
	if err != nil {
		return nil, err
	}
	p := &Proposal{Kind: kind, Unit: change.Unit, Approves: change.Approves, Body: body, Reason: reason, State: Waiting}
	if p.change, err = change.encode(); err != nil {
		return nil, err
	}
	if p.Hash, err = Hash(kind, string(body), p.change); err != nil {
		return nil, err
	}
	beside, err := o.beside(ctx, kind, maxNumber, change)
	return &View{Proposal: p, Change: change, Beside: beside}, err
}

// Propose shows what a request does, has that signed and stores it. It returns the proposal as Show
// does.
func (o *Office) Propose(ctx context.Context, kind string, body json.RawMessage, reason string, sign Sign) (*View, error) {
	v, err := o.Draft(ctx, kind, body, reason)
	if err != nil {
		return nil, err
	}
	p := v.Proposal
	st, signed, err := o.signed(ctx, sign, ActPropose, StatementOfKind(kind, p.Hash), reason)
	if err != nil {
		return nil, err
	}
	p.Signed, p.Proposer, p.At = signed, st.Person, st.At
	p.Expires = p.At.Add(o.People.Policy.Expiry(kind))
	if err := o.Ledger.Write(ctx, func(tx pgx.Tx) error { return o.store(ctx, tx, p) }); err != nil {
		return nil, fmt.Errorf("propose: %w", err)
	}
	return v, nil
}

// maxNumber is after every proposal's number.
const maxNumber = 1 << 62

// signed has a statement signed, and reads back what was.
func (o *Office) signed(ctx context.Context, sign Sign, act, what, reason string) (*people.Statement, chain.Signature, error) {
	books, err := o.Ledger.ID(ctx)
	if err != nil {
		return nil, chain.Signature{}, err
	}
	signed, err := sign(people.Statement{Books: books, Act: act, What: what, Reason: reason})
	if err != nil {
		return nil, chain.Signature{}, err
	}
	st, err := people.ParseStatement(signed.Statement)
	return st, signed, err
}

// store numbers a proposal and stores it with its entry in the audit.
func (o *Office) store(ctx context.Context, tx pgx.Tx, p *Proposal) error {
	signed, err := chain.SignaturesText([]chain.Signature{p.Signed})
	if err != nil {
		return err
	}
	kind, err := o.kind(p.Kind)
	if err != nil {
		return err
	}
	// It may have been stored by an attempt whose outcome was not known.
	err = tx.QueryRow(ctx, "SELECT number FROM proposals WHERE hash = $1 AND proposer = $2 AND at = $3 AND signed = $4", p.Hash[:], p.Proposer, p.At.Unix(), signed).Scan(&p.Number)
	if !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if kind.Hold != nil {
		if err := kind.Hold(ctx, tx, p.Body); err != nil {
			return err
		}
	}
	err = tx.QueryRow(ctx, `INSERT INTO proposals (number, kind, unit, approves, body, change, hash, proposer, signed, reason, at, expires, state, decider, decided, decided_at, note)
		SELECT coalesce(max(number), 0) + 1, $1::TEXT, $2::TEXT, $11::TEXT, $3::TEXT, $4::TEXT, $5::BYTEA, $6::TEXT, $7::TEXT, $8::TEXT, $9::INT8, $10::INT8, 'waiting', '', '', 0, ''
		FROM proposals RETURNING number`,
		p.Kind, p.Unit, string(p.Body), p.change, p.Hash[:], p.Proposer, signed, p.Reason, p.At.Unix(), p.Expires.Unix(), p.Approves).Scan(&p.Number)
	if err != nil {
		return err
	}
	what, err := canonical(Proposed{p.Number, p.Kind, p.Unit, p.Approves, hex.EncodeToString(p.Hash[:]), p.Expires.Unix()})
	if err != nil {
		return err
	}
	return ledger.Record(ctx, tx, ActPropose, string(what), ledger.Approval{
		First: p.Proposer, Reason: p.Reason, At: p.At, Signed: []chain.Signature{p.Signed},
		Check: func(ctx context.Context, tx pgx.Tx) error {
			person, err := o.person(ctx, tx, p.Signed, ActPropose, StatementOfKind(p.Kind, p.Hash))
			if err != nil {
				return err
			}
			return o.People.Policy.MayPropose(person, p.Kind, p.Unit)
		},
	})
}

// person is who signed a statement just now.
func (o *Office) person(ctx context.Context, tx pgx.Tx, signed chain.Signature, act, what string) (people.Person, error) {
	person, st, err := o.People.Check(ctx, tx, signed, act)
	if err == nil && st.What != what {
		err = language.Textf("%w: the statement is of %q", ErrHash, st.What)
	}
	return person, err
}

// Reject decides that a proposal is not done. Who may approve it may reject it.
func (o *Office) Reject(ctx context.Context, number int64, reason string, sign Sign) (*Proposal, error) {
	return o.refuse(ctx, number, Rejected, ActReject, reason, sign, func(p *Proposal, person people.Person) error {
		if person.ID == p.Proposer {
			return ErrReject
		}
		if person.StandsFor(p.Proposer) {
			return ErrStandsIn
		}
		return o.People.Policy.MayApprove(person, p.Kind, p.approving())
	})
}

// Withdraw takes a proposal back. Only who proposed it may.
func (o *Office) Withdraw(ctx context.Context, number int64, reason string, sign Sign) (*Proposal, error) {
	return o.refuse(ctx, number, Withdrawn, ActWithdraw, reason, sign, func(p *Proposal, person people.Person) error {
		if person.ID != p.Proposer {
			return ErrNotOwn
		}
		return nil
	})
}

func (o *Office) refuse(ctx context.Context, number int64, state State, act, reason string, sign Sign, may func(*Proposal, people.Person) error) (*Proposal, error) {
	p, err := o.read(ctx, number)
	if err == nil {
		err = p.decided()
	}
	if err != nil {
		return p, err
	}
	what := StatementOf(number, p.Hash)
	st, signed, err := o.signed(ctx, sign, act, what, reason)
	if err != nil {
		return p, err
	}
	note, err := canonical(Decided{number, hex.EncodeToString(p.Hash[:])})
	if err != nil {
		return p, err
	}
	err = o.Ledger.Change(ctx, act, func(tx pgx.Tx) error {
		p, err = locked(ctx, tx, number)
		if err != nil || p.Decided == signed { // by an attempt whose outcome was not known
			return err
		}
		if err = p.decided(); err != nil {
			return err
		}
		check := func(ctx context.Context, tx pgx.Tx) error {
			person, err := o.person(ctx, tx, signed, act, what)
			if err == nil {
				err = may(p, person)
			}
			if err == nil {
				err = p.decide(ctx, tx, state, person.ID, st.At, signed, reason)
			}
			return err
		}
		return ledger.Record(ctx, tx, act, string(note), ledger.Approval{First: st.Person, Reason: reason, At: st.At, Signed: []chain.Signature{signed}, Check: check})
	})
	if err == nil {
		p.State, p.Decider, p.Decided, p.DecidedAt, p.Note = state, st.Person, signed, st.At.Truncate(time.Second), reason
	}
	return p, err
}
