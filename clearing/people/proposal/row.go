package proposal

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people"
	"citycard/ledger/chain"
)

// State is what became of a proposal.
type State string

// The states. The last three are not stored: they follow from the clock, from the people and from
// the row itself.
const (
	Waiting   State = "waiting"
	Approved  State = "approved"
	Rejected  State = "rejected"
	Withdrawn State = "withdrawn"
	Expired   State = "expired"
	Ended     State = "ended" // the proposer is not enrolled with that key any more
	Odd       State = "odd"   // it waited, and its row was altered so that it cannot be read
)

// BookedBefore is the note of a proposal whose act was booked already when it was approved.
const BookedBefore = "booked before"

// Proposal is one proposal as it is stored.
type Proposal struct {
	Number    int64
	Kind      string
	Unit      people.Unit
	Approves  people.Unit // whose people approve; empty: Unit
	Body      json.RawMessage
	Hash      [sha256.Size]byte
	Proposer  string
	Signed    chain.Signature
	Reason    string
	At        time.Time
	Expires   time.Time
	State     State
	Decider   string
	Decided   chain.Signature
	DecidedAt time.Time
	Note      string

	change string // canonical
	odd    error  // why the row cannot be read
}

// approving is the unit of who approves.
func (p *Proposal) approving() people.Unit { return cmp.Or(p.Approves, p.Unit) }

// SeenBy reports whether a person is shown the proposal: of one unit, or of the two that it is
// about.
func (p *Proposal) SeenBy(person *people.Person) bool {
	return person.Sees(p.Unit) || p.Approves != "" && person.Sees(p.Approves)
}

// Change is what was proposed.
func (p *Proposal) Change() (*Change, error) { return decodeChange(p.change) }

// decided says that the proposal does not wait; nil if it does.
func (p *Proposal) decided() error {
	switch p.State {
	case Waiting:
		return nil
	case Expired:
		return &DecidedError{p.Number, Expired, "", p.Expires}
	case Ended:
		return &DecidedError{p.Number, Ended, p.Proposer, time.Time{}}
	case Odd:
		return fmt.Errorf("%w: %w", ErrAltered, p.odd)
	}
	return &DecidedError{p.Number, p.State, p.Decider, p.DecidedAt}
}

const (
	selectProposals = "SELECT number, kind, unit, approves, body, change" + selectRest
	// selectListed leaves out what the proposals do, which has megabytes.
	selectListed = "SELECT number, kind, unit, approves, '', ''" + selectRest
	selectRest   = ", hash, proposer, signed, reason, at, expires, state, decider, decided, decided_at, note, " + secondNow + " FROM proposals "
	secondNow    = "floor(extract(epoch FROM clock_timestamp()))::INT8"
)

// scan reads a row, as it is at the database's clock.
func scan(row pgx.Row) (*Proposal, error) {
	p := new(Proposal)
	var body, signed, decided string
	var hash []byte
	var at, expires, decidedAt, now int64
	err := row.Scan(&p.Number, &p.Kind, &p.Unit, &p.Approves, &body, &p.change, &hash, &p.Proposer, &signed, &p.Reason, &at, &expires, &p.State, &p.Decider, &decided, &decidedAt, &p.Note, &now)
	if err != nil {
		return nil, err
	}
	p.Body, p.At, p.Expires = json.RawMessage(body), time.Unix(at, 0), time.Unix(expires, 0)
	if p.odd = p.read(hash, signed, decided); p.State != Waiting {
		p.DecidedAt = time.Unix(decidedAt, 0)
	}
	switch {
	case p.State != Waiting:
	case p.odd != nil:
		p.State = Odd
	case now >= expires:
		p.State = Expired
	}
	return p, nil
}

// read reads the cells that have a form of their own.
func (p *Proposal) read(hash []byte, signed, decided string) (err error) {
	if len(hash) != len(p.Hash) {
		return fmt.Errorf("proposal %d: a hash of %d bytes", p.Number, len(hash))
	}
	p.Hash = [sha256.Size]byte(hash)
	if p.Signed, err = oneSignature(signed); err != nil {
		return fmt.Errorf("proposal %d: the proposer's %w", p.Number, err)
	}
	if p.State == Waiting {
		return nil
	}
	if p.Decided, err = oneSignature(decided); err != nil {
		return fmt.Errorf("proposal %d: the decider's %w", p.Number, err)
	}
	return nil
}

// oneSignature reads a stored signature.
func oneSignature(text string) (chain.Signature, error) {
	list, err := chain.ParseSignatures(text)
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("signatures: %d, want one", len(list))
	}
	if err != nil {
		return chain.Signature{}, err
	}
	return list[0], nil
}

// locked reads a proposal and keeps its row until the transaction ends.
func locked(ctx context.Context, tx pgx.Tx, number int64) (*Proposal, error) {
	p, err := scan(tx.QueryRow(ctx, selectProposals+"WHERE number = $1 FOR UPDATE", number))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNone
	}
	return p, err
}

// decide stores a decision.
func (p *Proposal) decide(ctx context.Context, tx pgx.Tx, state State, decider string, at time.Time, signed chain.Signature, note string) error {
	text, err := chain.SignaturesText([]chain.Signature{signed})
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE proposals SET state = $2, decider = $3, decided = $4, decided_at = $5, note = $6 WHERE number = $1",
		p.Number, string(state), decider, text, at.Unix(), note)
	return err
}

// sound makes sure that the row is the one that the proposer signed: its parts make its hash, and
// its unit, by which the policy decides who may, is the one of the change. That the signature names
// the hash is checked where the signature is read.
func (p *Proposal) sound() error {
	if p.odd != nil {
		return fmt.Errorf("%w: %w", ErrAltered, p.odd)
	}
	hash, err := Hash(p.Kind, string(p.Body), p.change)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAltered, err)
	}
	if hash != p.Hash {
		return ErrAltered
	}
	change, err := p.Change()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAltered, err)
	}
	if change.Unit != p.Unit || change.Approves != p.Approves {
		return ErrAltered
	}
	return nil
}
