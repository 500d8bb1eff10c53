package dayclose

import (
	"context"
	"errors"
	"fmt"

	"citycard/clearing/people"
	"citycard/clearing/people/proposal"
	"citycard/language"
	"citycard/ledger"
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
	}, func(ctx context.Context, r ReopenRequest, _ *proposal.Change, by ledger.Approval) (proposal.Result, error) {
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
	row := proposal.RowOf("day", day.String(), fmt.Sprintf("%s, reopened %d times", state, n)).Alters("state", string(state), string(ledger.DayOpen))
	return &proposal.Change{Unit: people.Issuer, Rows: []proposal.Row{row}, Effects: []proposal.Effect{
		proposal.Effectf("streams that are leased for the day again book in it until it is closed again"),
	}}, nil
}

func reopenRefusal(day ledger.Day, err error) error {
	return &proposal.Refusal{
		Text: language.Textf("day %s is not reopened: %w", day.String(), err), Todo: language.Textf("name a day that is closed and not sealed"),
	}
}
