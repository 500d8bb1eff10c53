package dayclose

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/chain"
)

// ReopenName is the kind of proposal that reopens a closed day.
const ReopenName = "day reopen"

// ReopenRequest asks for a closed day to be open again.
type ReopenRequest struct {
	Day ledger.Day `json:"day"`
}

// ReopenKind is the kind of proposal that reopens a closed day.
func ReopenKind(l *ledger.Ledger) proposal.Kind {
	return proposal.Of(ReopenName, func(ctx context.Context, r ReopenRequest) (*proposal.Change, error) {
		return showReopen(ctx, l, r.Day)
	}, func(ctx context.Context, r ReopenRequest, shown *proposal.Change, by ledger.Approval) (proposal.Result, error) {
		check := by.Check
		by.Check = func(ctx context.Context, tx pgx.Tx) error { // the day is closed, and its row is locked
			n, err := roundIn(ctx, tx, r.Day)
			if err != nil {
				return err
			}
			if state := reopenState(ledger.DayClosed, n); state != shown.Rows[0].State {
				return reopenRefusal(r.Day, language.Textf("it was at %q, and is at %q", shown.Rows[0].State, state))
			}
			return check(ctx, tx)
		}
		err := l.ReopenDay(ctx, r.Day, by)
		if errors.Is(err, ledger.ErrDay) {
			err = reopenRefusal(r.Day, err)
		}
		return proposal.Saying(language.Textf("day %s is open again", r.Day.String())), err
	})
}

// showReopen shows the day with its state and with how often it was reopened: a proposal is not
// approved for a later close of the day.
func showReopen(ctx context.Context, l *ledger.Ledger, day ledger.Day) (*proposal.Change, error) {
	days, err := l.Days(ctx)
	if err != nil {
		return nil, err
	}
	state := ledger.DayState("")
	for _, d := range days {
		if d.Day == day {
			state = d.State
		}
	}
	switch {
	case state == "":
		return nil, &proposal.Refusal{Text: language.Textf("the books have no day %s", day.String()), Todo: language.Textf("citycard day status lists them")}
	case state != ledger.DayClosed:
		return nil, reopenRefusal(day, language.Textf("it is %s, expected closed", string(state)))
	}
	n, err := (&Closer{Ledger: l}).round(ctx, day)
	if err != nil {
		return nil, err
	}
	return reopened(day, reopenState(state, n)), nil
}

// reopened is the change of a closed day, which is at a state, to one that is open.
func reopened(day ledger.Day, state string) *proposal.Change {
	row := proposal.RowOf("day", day.String(), state).Alters("state", string(ledger.DayClosed), string(ledger.DayOpen))
	return &proposal.Change{Unit: people.Issuer, Rows: []proposal.Row{row}, Effects: []proposal.Effect{
		proposal.Effectf("streams that are leased for the day again book in it until it is closed again"),
	}}
}

func reopenState(state ledger.DayState, times int) string {
	return fmt.Sprintf("%s, reopened %d times", state, times)
}

// ReopenEntry is what the audit has of a day that was reopened.
func ReopenEntry() proposal.Entry {
	return proposal.EntryOf(ReopenName, func(r ReopenRequest, shown *proposal.Change) (*proposal.Change, error) {
		row, err := shown.One()
		return reopened(r.Day, row.State), err
	}, func(r ReopenRequest, _ *proposal.Change, said string) error {
		return proposal.ExpectJSON(said, chain.DayMoved{Day: r.Day})
	})
}

func reopenRefusal(day ledger.Day, err error) error {
	return &proposal.Refusal{
		Text: language.Textf("day %s is not reopened: %w", day.String(), err), Todo: language.Textf("name a day that is closed and not sealed"),
	}
}
