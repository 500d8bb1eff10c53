package chart

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/registry/index"
	"citycard/ledger"
)

// Adopt opens the accounts that rows of the registry require, and books their opening balances
// once, however often it is called. An opening that the ledger refuses is reported and left out:
// one bad row must not keep a registry from coming into force, and the hotlist with it. It is tried
// again when the same rows are adopted again.
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

// openingList is the list of an edition's opening balances. It is booked in streams named after the
// edition, because an edition's list is always the same.
type openingList struct {
	ledger        *ledger.Ledger
	owner, stream string
	list          []ledger.Transfer
}

const openingsChunk = 10_000

var errOpeningRefused = errors.New("an opening was refused")

// bookWhole books the list in chunks, until part of a chunk is refused; rest is that chunk and
// those after it. The stream's position says how many entries are in the books. So a process that
// resumes books only the others, and a list that is booked already costs nothing.
func (o *openingList) bookWhole(ctx context.Context) (rest []ledger.Transfer, err error) {
	wholly := func(_ context.Context, _ pgx.Tx, out *ledger.Outcome) ([]byte, error) {
		for _, d := range out.Transfers {
			if d.Disputed || d.Result == ledger.Refused {
				return nil, errOpeningRefused
			}
		}
		return nil, nil
	}
	for {
		out, err := o.ledger.PostOnce(ctx, o.stream, o.owner, 0, func(b *ledger.Batch) error {
			rest = o.list[min(int(b.From)*openingsChunk, len(o.list)):]
			b.Transfers, b.Finish = rest[:min(openingsChunk, len(rest))], wholly
			return nil
		})
		switch {
		case errors.Is(err, errOpeningRefused):
			return rest, nil
		case err != nil:
			return nil, fmt.Errorf("book %s: %w", o.stream, err)
		case out == nil:
			return nil, nil
		}
	}
}

// bookRest books what can be booked, and reports what cannot.
func (o *openingList) bookRest(ctx context.Context, rest []ledger.Transfer, refused func(ledger.Transfer, error)) error {
	stream := o.stream + "/rest"
	for chunk := range slices.Chunk(rest, openingsChunk) {
		out, err := o.ledger.PostOnce(ctx, stream, o.owner, 0, func(b *ledger.Batch) error {
			b.Transfers = chunk
			return nil
		})
		if err != nil {
			return fmt.Errorf("book %s: %w", stream, err)
		}
		for i, d := range out.Transfers {
			switch {
			case d.Disputed:
				refused(chunk[i], fmt.Errorf("%d fen were booked as this opening before", d.Amount))
			case d.Result == ledger.Refused:
				refused(chunk[i], d.Err)
			}
		}
	}
	return nil
}
