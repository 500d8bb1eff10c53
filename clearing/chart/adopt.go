package chart

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/registry/index"
	"citycard/ledger"
)

// Adopt opens the accounts that rows of the registry call for, and books what they bring
// along, once however often it is called. An opening that the ledger refuses is reported
// and left out: one bad row must not keep a registry from being taken up, and the hotlist
// with it. It is tried again when the same rows are adopted again.
func Adopt(ctx context.Context, l *ledger.Ledger, owner string, rows *index.Edition, refused func(ledger.Transfer, error)) error {
	if err := l.OpenAccounts(ctx, Accounts(rows)); err != nil {
		return fmt.Errorf("open the chart of accounts: %w", err)
	}
	openings := Openings(rows)
	if len(openings) == 0 {
		return nil
	}
	o := openingList{ledger: l, owner: owner, stream: "openings/" + rows.Version(), list: openings}
	rest, err := o.bookWhole(ctx)
	if err == nil && len(rest) > 0 {
		err = o.bookRest(ctx, rest, refused)
	}
	return err
}

// openingList is what an edition brings along, in streams of the edition's, since its
// list is always the same.
type openingList struct {
	ledger        *ledger.Ledger
	owner, stream string
	list          []ledger.Transfer
}

const openingsChunk = 10_000

var errOpeningRefused = errors.New("an opening was refused")

// bookWhole books the list in chunks, up to one of which something is refused; rest is
// that chunk and those behind it. The stream's position says how many are in the books,
// so a process that goes on books the others, and a list that is in the books costs nothing.
func (o *openingList) bookWhole(ctx context.Context) (rest []ledger.Transfer, err error) {
	err = o.ledger.InTurn(ctx, o.stream, o.owner, func(claim *ledger.Claim) error {
		for done := int(claim.Next) * openingsChunk; done < len(o.list); done += openingsChunk {
			_, err := o.book(ctx, claim, o.list[done:min(done+openingsChunk, len(o.list))], func(d ledger.Decision) error {
				if d.Disputed || d.Result == ledger.Refused {
					return errOpeningRefused
				}
				return nil
			})
			if errors.Is(err, errOpeningRefused) {
				rest = o.list[done:]
				return nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return rest, err
}

// bookRest books what can be booked, and reports what cannot.
func (o *openingList) bookRest(ctx context.Context, rest []ledger.Transfer, refused func(ledger.Transfer, error)) error {
	return o.ledger.InTurn(ctx, o.stream+"/rest", o.owner, func(claim *ledger.Claim) error {
		for first := 0; first < len(rest); first += openingsChunk {
			chunk := rest[first:min(first+openingsChunk, len(rest))]
			decisions, err := o.book(ctx, claim, chunk, func(ledger.Decision) error { return nil })
			if err != nil {
				return err
			}
			for i, d := range decisions {
				switch {
				case d.Disputed:
					refused(chunk[i], fmt.Errorf("%d fen were booked as this opening before", d.Amount))
				case d.Result == ledger.Refused:
					refused(chunk[i], d.Err)
				}
			}
		}
		return nil
	})
}

// book books transfers as the next batch of a stream, if every decision passes.
func (o *openingList) book(ctx context.Context, claim *ledger.Claim, transfers []ledger.Transfer, pass func(ledger.Decision) error) ([]ledger.Decision, error) {
	out, err := o.ledger.Post(ctx, &ledger.Batch{
		Stream: claim.Stream, Epoch: claim.Epoch, From: claim.Next, Next: claim.Next + 1, Day: claim.Day, Transfers: transfers,
		Finish: func(_ context.Context, _ pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			for _, d := range out.Transfers {
				if err := pass(d); err != nil {
					return nil, err
				}
			}
			return nil, nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("book %s: %w", claim.Stream, err)
	}
	claim.Next++
	return out.Transfers, nil
}
