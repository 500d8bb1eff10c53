package cards

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
)

// KindClose is the kind of proposal that closes a shift whose difference takes two people.
const KindClose = "shift close"

// closing is the change by which two people close a shift.
func closing(o *ShiftOrder, number string, expected ledger.Fen) *proposal.Change {
	row := proposal.RowOf("shift", number, "open").Alters("expected", expected.String(), expected.String()).Alters("counted", "", o.Counted.String())
	c := &proposal.Change{Unit: o.Unit(), Rows: []proposal.Row{row}}
	switch more := o.Counted - expected; {
	case more > 0:
		c.Transfers = []proposal.Transfer{{Debit: chart.Channel(o.Channel), Credit: chart.Differences, Fen: more}}
	case more < 0:
		c.Transfers = []proposal.Transfer{{Debit: chart.Differences, Credit: chart.Channel(o.Channel), Fen: -more}}
	}
	return c
}

// showClosing reads what closing a shift would book.
func (o *Office) showClosing(ctx context.Context, order ShiftOrder) (change *proposal.Change, err error) {
	if err := order.Check(); err != nil {
		return nil, err
	}
	if order.Do != Closes {
		return nil, refusal(language.Textf("only the close of a shift takes two people"), nil)
	}
	err = o.Ledger.Look(ctx, func(tx pgx.Tx) error {
		of, err := lastShift(ctx, tx, order.Unit(), order.Counter, "")
		if err != nil {
			return err
		}
		if of.Number == 0 || !of.Closed.IsZero() {
			return refusal(language.Textf("no shift is open at counter %s of %s", order.Counter, string(order.Unit())), language.Textf("nothing is to be closed"))
		}
		if err := of.addLoads(ctx, tx); err != nil {
			return err
		}
		change = closing(&order, strconv.FormatInt(of.Number, 10), of.Expected())
		return nil
	})
	return change, err
}

// CloseKind is the kind of proposal that closes a shift.
func CloseKind(o *Office) proposal.Kind {
	return proposal.Of(KindClose, func(ctx context.Context, order ShiftOrder) (*proposal.Change, error) {
		change, err := o.showClosing(ctx, order)
		return change, asProposal(err)
	}, func(ctx context.Context, order ShiftOrder, shown *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		done, err := o.closeByTwo(ctx, &order, shown, by)
		if err != nil {
			return proposal.Result{}, asProposal(err)
		}
		if more := done.Difference(); more > 0 {
			return proposal.Saying(language.Textf("shift %d is closed: %s yuan are over", done.Number, more.String())), nil
		}
		return proposal.Saying(language.Textf("shift %d is closed: %s yuan are short", done.Number, (-done.Difference()).String())), nil
	})
}

// closeByTwo closes a shift of which as much is expected as two people were shown.
func (o *Office) closeByTwo(ctx context.Context, order *ShiftOrder, shown *proposal.Change, by ledger.Approval) (*Shift, error) {
	expected := expectedOf(order, shown)
	return o.shift(ctx, order, by, &expected)
}

// expectedOf is the cash that was expected as a change was made.
func expectedOf(order *ShiftOrder, shown *proposal.Change) ledger.Fen {
	expected := order.Counted
	for _, t := range shown.Transfers {
		if t.Credit == chart.Differences {
			expected -= t.Fen
		} else {
			expected += t.Fen
		}
	}
	return expected
}

// asProposal is a refusal as proposals have it.
func asProposal(err error) error {
	if of, ok := errors.AsType[*Refusal](err); ok {
		return &proposal.Refusal{Text: of.What, Todo: of.Todo}
	}
	if of, ok := errors.AsType[*OrderError](err); ok {
		return &proposal.Refusal{Text: language.Textf("%s: %w", of.Field, of.What)}
	}
	return err
}

// CloseEntry is what the audit has of such an approval.
func CloseEntry() proposal.Entry {
	return proposal.EntryOf(KindClose, func(order ShiftOrder, shown *proposal.Change) (*proposal.Change, error) {
		row, err := shown.One()
		if err != nil {
			return nil, err
		}
		return closing(&order, row.Key, expectedOf(&order, shown)), nil
	}, func(order ShiftOrder, _ *proposal.Change, said string) error { return proposal.ExpectJSON(said, order) })
}
