package cards

import (
	"context"
	"errors"
	"strconv"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/clearing/transit/load"
	"citycard/language"
	"citycard/ledger"
)

// KindCash is the kind of proposal by which two people do with a shift what moves or changes its
// cash by more than one person's word: they close it, or open it otherwise, with a difference, or
// one hands over cash and the other receives it.
const KindCash = "shift cash"

// cashState is how a shift stands, as two people are shown it.
type cashState struct {
	number   string
	state    string
	expected ledger.Fen // in the drawer, or left there
}

// change is the change by which two people do an order.
func (o *ShiftOrder) change(of cashState, approves people.Unit) *proposal.Change {
	row := proposal.RowOf("shift", of.number, of.state)
	c := &proposal.Change{Unit: o.Unit(), Approves: approves}
	expected, channel := of.expected.String(), chart.Channel(o.Channel)
	over := o.Start - of.expected
	switch o.Do {
	case HandsOver:
		c.Rows = []proposal.Row{row.Alters("handed over", "", o.Handed.String()).Alters("place", "", o.To)}
		c.Transfers = []proposal.Transfer{{Debit: chart.Handed(o.Channel), Credit: channel, Fen: o.Handed}}
		return c
	case Closes:
		over = o.Counted - of.expected
		row = row.Alters("expected", expected, expected).Alters("counted", "", o.Counted.String())
	default:
		row = row.Alters("left", expected, expected).Alters("at the beginning", "", o.Start.String())
	}
	c.Rows = []proposal.Row{row}
	switch {
	case over > 0:
		c.Transfers = []proposal.Transfer{{Debit: channel, Credit: chart.Differences, Fen: over}}
	case over < 0:
		c.Transfers = []proposal.Transfer{{Debit: chart.Differences, Credit: channel, Fen: -over}}
	}
	return c
}

// approves is whose people sign as the second for what is done at a channel's counters: its own, or
// the issuer's, where it is the issuer's counter by its contract; else the issuer's alone, who are
// not in its pay.
func (f *Figures) approves(channel string) people.Unit {
	if f.Contracts == nil {
		return ""
	}
	if of, ok := f.Contracts.On(f.today(), channel); ok && of.Kind == load.OfCounter {
		return ""
	}
	return people.Issuer
}

// showCash reads what an order of two people would do.
func (o *Office) showCash(ctx context.Context, order ShiftOrder) (change *proposal.Change, err error) {
	if err := order.Check(); err != nil {
		return nil, err
	}
	if order.Do == GivesBack || order.Do == Opens && !order.Otherwise {
		return nil, refusal(language.Textf("one person does this alone"), nil)
	}
	figures, err := o.InForce(ctx)
	if err != nil {
		return nil, err
	}
	err = o.Ledger.Look(ctx, func(tx pgx.Tx) error {
		_, _, done, err := ordered(ctx, tx, string(order.Unit()), order.Number, order.Content())
		if err != nil {
			return err
		}
		if done {
			return refusal(language.Textf("order %s was done before", order.Number), language.Textf("nothing is to be done"))
		}
		of, err := lastShift(ctx, tx, order.Unit(), order.Counter, "")
		if err != nil {
			return err
		}
		if err := of.addLoads(ctx, tx); err != nil {
			return err
		}
		is, err := order.stateOf(&of)
		if err == nil {
			change = order.change(is, figures.approves(order.Channel))
		}
		return err
	})
	return change, err
}

// stateOf is how the last shift at its counter stands for an order; it is refused where that can do
// nothing with it.
func (o *ShiftOrder) stateOf(of *Shift) (cashState, error) {
	is := cashState{strconv.FormatInt(of.Number, 10), "open", of.Left()}
	switch {
	case of.Number == 0:
		is = cashState{state: "none"}
	case !of.Closed.IsZero():
		is.state = "closed"
	}
	switch {
	case o.Do == Opens && is.state == "open":
		return is, refusal(language.Textf("shift %d of %s is open at counter %s", of.Number, of.OpenedBy, of.Counter), language.Textf("close it first"))
	case o.Do == Closes && is.state != "open":
		return is, refusal(language.Textf("no shift is open at counter %s of %s", o.Counter, string(o.Unit())), language.Textf("nothing is to be closed"))
	case o.Do == HandsOver && is.state == "none":
		return is, refusal(language.Textf("counter %s of %s had no shift yet", o.Counter, string(o.Unit())), language.Textf("open one first"))
	case o.Do == HandsOver && o.Handed > is.expected:
		return is, refusal(language.Textf("%s yuan should be in the drawer, and not %s", is.expected.String(), o.Handed.String()), language.Textf("count again"))
	}
	return is, nil
}

// CashKind is the kind of proposal of what two people do with a shift.
func CashKind(o *Office) proposal.Kind {
	return proposal.Of(KindCash, func(ctx context.Context, order ShiftOrder) (*proposal.Change, error) {
		change, err := o.showCash(ctx, order)
		return change, asProposal(err)
	}, func(ctx context.Context, order ShiftOrder, shown *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		done, err := o.byTwo(ctx, &order, shown, by)
		if err != nil {
			return proposal.Result{}, asProposal(err)
		}
		return proposal.Saying(order.did(done)), nil
	})
}

// did says what two people have done.
func (o *ShiftOrder) did(s *Shift) *language.Text {
	switch over := s.Difference(); {
	case o.Do == HandsOver:
		return language.Textf("%s yuan of shift %d are handed over; %s yuan are left in the drawer", o.Handed.String(), s.Number, s.Left().String())
	case o.Do == Opens:
		return language.Textf("shift %d is open, with %s yuan in the drawer; %s yuan were left", s.Number, s.Start.String(), s.Due.String())
	case over > 0:
		return language.Textf("shift %d is closed: %s yuan are over", s.Number, over.String())
	default:
		return language.Textf("shift %d is closed: %s yuan are short", s.Number, (-over).String())
	}
}

// byTwo does an order of which as much is expected, or left, as two people were shown.
func (o *Office) byTwo(ctx context.Context, order *ShiftOrder, shown *proposal.Change, by ledger.Approval) (*Shift, error) {
	row, err := shown.One()
	if err != nil {
		return nil, err
	}
	return o.shift(ctx, order, by, &cashState{row.Key, row.State, expectedOf(order, shown)})
}

// asShown refuses what two people do, if the last shift at the counter is not as they were shown.
func (s *shifting) asShown(ctx context.Context, tx pgx.Tx, last Shift) error {
	if s.shown == nil {
		return nil
	}
	if err := last.addLoads(ctx, tx); err != nil {
		return err
	}
	is, err := s.order.stateOf(&last)
	again := language.Textf("propose it once more")
	switch {
	case err != nil:
		return err
	case is.number != s.shown.number || is.state != s.shown.state:
		return refusal(language.Textf("a shift was opened or closed at the counter meanwhile"), again)
	case s.order.Do != HandsOver && is.expected != s.shown.expected:
		return refusal(language.Textf("%s yuan are expected by now, and not %s", is.expected.String(), s.shown.expected.String()), again)
	}
	return nil
}

// expectedOf is the cash that was expected, or left, as a change was made.
func expectedOf(order *ShiftOrder, shown *proposal.Change) ledger.Fen {
	expected := order.Counted
	if order.Do == Opens {
		expected = order.Start
	}
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

// CashEntry is what the audit has of such an approval.
func CashEntry() proposal.Entry {
	return proposal.EntryOf(KindCash, func(order ShiftOrder, shown *proposal.Change) (*proposal.Change, error) {
		row, err := shown.One()
		if err != nil {
			return nil, err
		}
		return order.change(cashState{row.Key, order.Do.stateOf(row.State), expectedOf(&order, shown)}, issuers(shown.Approves)), nil
	}, func(order ShiftOrder, _ *proposal.Change, said string) error { return proposal.ExpectJSON(said, order) })
}

// stateOf is the state that a change may show of a shift with which this is done.
func (do ShiftDo) stateOf(shown string) string {
	switch {
	case do == Closes, do == HandsOver && shown != "closed":
		return "open"
	case do == Opens && shown == "none":
		return shown
	}
	return "closed"
}

// issuers is the unit that approves, if that may be another than the channel's.
func issuers(approves people.Unit) people.Unit {
	if approves != people.Issuer {
		return ""
	}
	return approves
}
