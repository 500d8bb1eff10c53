package release

import (
	"context"
	"errors"

	"citycard/ledger"
)

// Selection asks for the rows of a release by what they have in common.
type Selection struct {
	Filter
	// To gets the rows for which the registry names no operator, and Because says why. Without them
	// these rows wait on.
	To, Because string
	// Limit takes so many rows and no more. Where it is 0, more than MaxRows are refused.
	Limit int
}

// errEnough ends a search that has found as many rows as were wanted.
var errEnough = errors.New("enough rows")

// Select finds the waiting rows that match, and fixes each with the amount and the account that
// gets it. It calls left for each row that cannot be released so, with the reason.
func (o *Office) Select(ctx context.Context, want Selection, left func(Suspended, *Refusal) error) (Releases, error) {
	want.All = false
	limit := want.Limit
	if limit == 0 {
		limit = MaxRows
	}
	releases := Releases{Because: want.Because}
	var waiting []Suspended
	flush := func() error {
		desk, err := o.desk(ctx, waiting)
		if err != nil {
			return err
		}
		for i := range waiting {
			err := desk.choose(&waiting[i], &want, &releases, limit)
			if refusal, ok := errors.AsType[*Refusal](err); ok {
				err = left(waiting[i], refusal)
			}
			if err != nil {
				return err
			}
		}
		waiting = waiting[:0]
		return nil
	}
	err := o.List(ctx, want.Filter, func(s Suspended) error {
		if waiting = append(waiting, s); len(waiting) < chunk {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	switch {
	case !errors.Is(err, errEnough):
		return releases, err
	case want.Limit > 0:
		return releases, nil
	}
	return Releases{}, refuse("more than %d rows match, and one release takes no more", MaxRows).
		todo("narrow it with --day, --terminal, --line, --operator or --reason-code, or take some with --limit %d and repeat it", MaxRows)
}

// choose adds a row to the releases, with the account that gets it.
func (d *desk) choose(s *Suspended, want *Selection, releases *Releases, limit int) error {
	to, because := "", ""
	switch {
	case s.Operator == "" && want.To == "":
		return refuse("%w", noOperator(s, RowName(s.Row))).todo("give --to and --because")
	case s.Operator == "":
		to, because = want.To, want.Because
	}
	planned, err := d.release(s, to, because)
	if err != nil {
		return err
	}
	if account, _ := d.accounts.Account(planned.To); account.Flags&(ledger.Closed|ledger.Frozen) != 0 {
		return refuse("%s takes no money now: it is closed or frozen", planned.To)
	}
	if len(releases.Rows) == limit {
		return errEnough
	}
	releases.Rows = append(releases.Rows, Payee{planned.Row, planned.To, planned.Fen})
	return nil
}
