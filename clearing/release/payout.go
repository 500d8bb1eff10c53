package release

import (
	"context"
	"strconv"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/dayclose"
	"citycard/clearing/people/proposal"
	"citycard/ledger"
)

// Payout is a request to pay an operator the amount that the close of a day held.
type Payout struct {
	Day      ledger.Day `json:"day"`
	Operator string     `json:"operator"`
}

// ShowPayout shows what paying the whole amount that was held for a day would book. The error is a
// *Refusal if that is not possible.
func (o *Office) ShowPayout(ctx context.Context, p Payout) (*Plan, error) {
	if !p.Day.Valid() {
		return nil, refuse("%d is no day", p.Day).todo("give --day YYYYMMDD")
	}
	booked, err := o.Ledger.BookedRows(ctx, p.Day)
	if err != nil {
		return nil, err
	}
	held, ok, err := dayclose.ReadHeld(ctx, o.Ledger, p.Operator, p.Day)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, refuse("no payout of operator %q is held for day %s", p.Operator, p.Day).todo("citycard day held shows what is")
	case held.Fen <= 0:
		return nil, refuse("operator %q is owed nothing of day %s", p.Operator, p.Day).todo("nothing is to be paid")
	}
	why := &held.Why
	plan, err := payoutPlan(p, held.Fen, payoutHeld(strconv.FormatInt(why.Wrong, 10), strconv.FormatInt(why.Wrong+why.Verified, 10), why.Rule))
	if err != nil {
		return nil, err
	}
	if held.Released {
		plan.Rows[0].State = plan.Rows[0].Then
	}
	plan.what = always(payoutText(p, held.Fen, held.Why.Error()))
	plan.within = func(ctx context.Context, tx pgx.Tx) error { return unchanged(ctx, tx, held, booked) }
	return plan, nil
}

func payoutHeld(wrong, all, rule string) proposal.Effect {
	return proposal.Effectf("it was held because %s of %s TACs at its terminals were wrong (rule %s)", wrong, all, rule)
}

// payoutPlan plans that an amount is paid which was held.
func payoutPlan(p Payout, fen ledger.Fen, why proposal.Effect) (*Plan, error) {
	code := chart.Operator(p.Operator)
	data, err := evidence{ActPayout, p.Day.String(), code}.encode()
	if err != nil {
		return nil, err
	}
	paid := Planned{Row: p.Day.String() + " " + code, State: "held", Then: "paid", To: code, Fen: fen}
	paid.add(payoutKey(p), code, chart.Reserve, fen, chart.PurposeSettlement, data)
	return &Plan{Act: ActPayout, Rows: []Planned{paid}, effects: []proposal.Effect{why}}, nil
}

// unchanged makes sure, inside the transaction, that the day has ended, and that nothing was booked
// in it since its rows were counted and the amount owed was read. While the day's row is locked,
// nobody can reopen it.
func unchanged(ctx context.Context, tx pgx.Tx, held dayclose.HeldPayout, booked int64) error {
	is, err := ledger.LockDay(ctx, tx, held.Day)
	if err != nil {
		return err
	}
	if is.State != ledger.DayClosed && is.State != ledger.DaySealed {
		return refuse("day %s is %s: close it first", held.Day, is.State).todo("citycard day close --day %s", held.Day)
	}
	now, err := ledger.BookedRowsIn(ctx, tx, held.Day)
	if err == nil && now != booked {
		err = refuse("what operator %q is owed of day %s has changed just now", held.Operator, held.Day).todo("ask again")
	}
	return err
}
