package proposal

import (
	"context"
	"errors"

	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// Staff are the kinds by which keepers enrol, change and disable people.
func Staff(s *people.Store) []Kind {
	return []Kind{
		Of(people.ActEnrol, func(ctx context.Context, e people.Enrolment) (*Change, error) {
			row, err := s.ShowEnrolment(ctx, e)
			return ofStaff(row, err)
		}, func(ctx context.Context, e people.Enrolment, _ *Change, by ledger.Approval) (Result, error) {
			return Saying(language.Textf("%s is enrolled", e.ID)), s.Enrol(ctx, e, by)
		}),
		Of(people.ActChange, func(ctx context.Context, c people.Change) (*Change, error) {
			row, err := s.ShowChange(ctx, c)
			return ofStaff(row, err)
		}, func(ctx context.Context, c people.Change, shown *Change, by ledger.Approval) (Result, error) {
			return Saying(language.Textf("%s is changed", c.ID)), s.Change(ctx, c, shown.Rows[0].State, by)
		}),
		Of(people.ActDisable, func(ctx context.Context, d people.Disabling) (*Change, error) {
			row, err := s.ShowDisabling(ctx, d)
			change, err := ofStaff(row, err)
			if err == nil {
				change.Effects = append(change.Effects, Effectf("what %s proposed and waits ends", d.ID))
			}
			return change, err
		}, func(ctx context.Context, d people.Disabling, shown *Change, by ledger.Approval) (Result, error) {
			return Saying(language.Textf("%s is disabled", d.ID)), s.Disable(ctx, d, shown.Rows[0].State, by)
		}),
	}
}

// ofStaff is a change of one person's row.
func ofStaff(row people.Row, err error) (*Change, error) {
	if err != nil {
		return nil, err
	}
	r := RowOf("person", row.Key, row.State)
	for _, f := range row.Fields {
		r = altersStaff(r, f)
	}
	if len(r.Fields) == 0 {
		return nil, errors.New("a person's row without a field")
	}
	return &Change{Unit: people.Issuer, Rows: []Row{r}}, nil
}

// altersStaff adds a field; each name has a translation.
func altersStaff(r Row, f people.Field) Row {
	switch name := f.Name; name {
	case "name":
		return r.Alters("name", f.Is, f.Becomes)
	case "unit":
		return r.Alters("unit", f.Is, f.Becomes)
	case "role":
		return r.Alters("role", f.Is, f.Becomes)
	case "key":
		return r.Alters("key", f.Is, f.Becomes)
	case "state":
		return r.Alters("state", f.Is, f.Becomes)
	default:
		return r.Alters(name, f.Is, f.Becomes)
	}
}
