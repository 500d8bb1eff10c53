package proposal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// Filter chooses proposals. The zero Filter has all that wait.
type Filter struct {
	All  bool        // also those that do not wait any more
	Kind string      // empty: every kind
	Unit people.Unit // empty: every unit
	// After skips the proposals with numbers up to this one.
	After int64
}

// List passes the proposals on, oldest first, without what they do: neither request nor change.
func (o *Office) List(ctx context.Context, f Filter, each func(*Proposal) error) error {
	const page = 100
	for last := f.After; ; {
		var found []*Proposal
		err := o.Ledger.Look(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, selectListed+`WHERE number > $1 AND ($2 OR state = 'waiting' AND expires > `+secondNow+`) AND ($3 = '' OR kind = $3) AND ($4 = '' OR unit = $4 OR approves = $4)
				ORDER BY number LIMIT $5`, last, f.All, f.Kind, string(f.Unit), page)
			if err != nil {
				return err
			}
			found, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Proposal, error) { return scan(row) })
			return err
		})
		if err == nil {
			err = o.standing(ctx, found...)
		}
		if err != nil {
			return fmt.Errorf("list proposals: %w", err)
		}
		for _, p := range found {
			last = p.Number
			if !f.All && p.State != Waiting && p.State != Odd {
				continue
			}
			if err := each(p); err != nil {
				return err
			}
		}
		if len(found) < page {
			return nil
		}
	}
}

// Requests are what the proposals of a kind ask for that wait for a second person, in a
// transaction.
func Requests[T any](ctx context.Context, tx pgx.Tx, kind string) (all []T, err error) {
	rows, err := tx.Query(ctx, "SELECT body FROM proposals WHERE state = 'waiting' AND kind = $1 AND expires > "+secondNow+" ORDER BY number", kind)
	if err == nil {
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (request T, err error) {
			var body string
			if err = row.Scan(&body); err == nil {
				err = json.Unmarshal([]byte(body), &request)
			}
			return request, err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read the proposals of the kind %q: %w", kind, err)
	}
	return all, nil
}

// Balance is an account's balance, as it is shown beside a change.
type Balance struct {
	Account string
	Fen     ledger.Fen // credits - debits
}

// Size is how large a proposal of the same kind was.
type Size struct {
	Number int64
	At     time.Time
	Rows   int
	Sum    ledger.Fen
}

// lastSizes is how many earlier proposals a change is compared with.
const lastSizes = 5

// Beside is what is shown beside a change and is not signed.
type Beside struct {
	At       time.Time // of the balances, by the database's clock
	Balances []Balance
	Last     []Size // of the last proposals of its kind that were approved, newest first
}

// beside reads what is shown beside a change.
func (o *Office) beside(ctx context.Context, kind string, before int64, c *Change) (*Beside, error) {
	b := new(Beside)
	for _, code := range c.accounts() {
		sums, err := o.Ledger.Balance(ctx, code)
		if errors.Is(err, ledger.ErrNoAccount) {
			continue // the act opens it
		}
		if err != nil {
			return nil, err
		}
		b.Balances = append(b.Balances, Balance{code, sums.CreditBalance()})
	}
	err := o.Ledger.Look(ctx, func(tx pgx.Tx) error {
		b.Last = nil
		if err := tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&b.At); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, selectProposals+"WHERE state = 'approved' AND kind = $1 AND number < $2 ORDER BY number DESC LIMIT $3", kind, before, lastSizes)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (*Proposal, error) { return scan(row) })
		if err != nil {
			return err
		}
		for _, p := range found {
			change, err := p.Change()
			if err != nil {
				continue // it was altered: verify names it
			}
			b.Last = append(b.Last, Size{p.Number, p.At, len(change.Rows), change.Sum()})
		}
		return nil
	})
	return b, err
}

// View is a proposal as it is shown.
type View struct {
	*Proposal
	Change *Change // as it was proposed
	Beside *Beside
	// Stale says why the proposal, which waits, would be refused now; nil if it would not.
	Stale error
}

// Show reads a proposal, and what stands beside it. Of one that waits it says whether it would
// still do what was proposed.
func (o *Office) Show(ctx context.Context, number int64) (*View, error) {
	v := new(View)
	var err error
	if v.Proposal, err = o.read(ctx, number); err != nil {
		return nil, err
	}
	if v.Change, err = v.Proposal.Change(); err != nil {
		return nil, fmt.Errorf("proposal %d: %w: %w", number, ErrAltered, err)
	}
	if v.State == Odd {
		v.Stale = v.decided()
	}
	if v.State == Waiting {
		shown, stale := o.again(ctx, v.Proposal)
		if v.Stale = stale; stale == nil {
			v.Change.Beside = shown.Beside
		}
	}
	v.Beside, err = o.beside(ctx, v.Kind, number, v.Change)
	return v, err
}

// again makes the change of a proposal once more. The error is a *StaleError if it is another one.
func (o *Office) again(ctx context.Context, p *Proposal) (*Change, error) {
	if err := p.sound(); err != nil {
		return nil, err
	}
	kind, err := o.kind(p.Kind)
	if err != nil {
		return nil, err
	}
	was, err := p.Change()
	if err != nil {
		return nil, err
	}
	is, err := kind.Show(ctx, p.Body)
	if err != nil {
		return nil, err
	}
	text, err := is.encode()
	if err != nil {
		return nil, err
	}
	if text != p.change {
		return nil, &StaleError{p.Number, moved(was, is)}
	}
	return is, nil
}

// Read reads a proposal, whatever became of it.
func (o *Office) Read(ctx context.Context, number int64) (*Proposal, error) {
	return o.read(ctx, number)
}

func (o *Office) read(ctx context.Context, number int64) (p *Proposal, err error) {
	err = o.Ledger.Look(ctx, func(tx pgx.Tx) error {
		p, err = scan(tx.QueryRow(ctx, selectProposals+"WHERE number = $1", number))
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, language.Textf("%w: %d", ErrNone, number)
	}
	if err != nil {
		return nil, fmt.Errorf("read proposal %d: %w", number, err)
	}
	return p, o.standing(ctx, p)
}

// standing marks the proposals that have ended because their proposer is not enrolled with that key
// any more.
func (o *Office) standing(ctx context.Context, list ...*Proposal) error {
	known := map[string]bool{}
	for _, p := range list {
		if p.State != Waiting {
			continue
		}
		inForce, asked := known[p.Signed.Key]
		if !asked {
			var err error
			_, inForce, err = o.People.ByKey(ctx, p.Signed.Key)
			if unknown := (*people.Refusal)(nil); err != nil && !errors.As(err, &unknown) {
				return err
			}
			known[p.Signed.Key] = inForce
		}
		if !inForce {
			p.State = Ended
		}
	}
	return nil
}
