package proposal

import (
	"context"
	"fmt"
	"time"

	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// deputies are the kinds by which keepers appoint deputies, and end their time before it is over.
func deputies(s *people.Store) []Kind {
	return []Kind{
		Of(people.ActDeputy, func(ctx context.Context, d people.Deputy) (*Change, error) {
			row, err := s.ShowDeputy(ctx, d)
			if err != nil {
				return nil, err
			}
			return ofDeputy(d, row), nil
		}, func(ctx context.Context, d people.Deputy, shown *Change, by ledger.Approval) (Result, error) {
			return Saying(language.Textf("%s stands in for %s", d.ID, d.For)), s.Appoint(ctx, d, shown.Rows[0].State, by)
		}),
		Of(people.ActEndDeputy, func(ctx context.Context, e people.EndDeputy) (*Change, error) {
			row, err := s.ShowEndDeputy(ctx, e)
			if err != nil {
				return nil, err
			}
			return ofEndDeputy(row), nil
		}, func(ctx context.Context, e people.EndDeputy, shown *Change, by ledger.Approval) (Result, error) {
			return Saying(language.Textf("%s stands in for %s no longer", e.ID, e.For)), s.EndDeputy(ctx, e, shown.Rows[0].State, by)
		}),
	}
}

// ofDeputy is the change by which somebody becomes a deputy.
func ofDeputy(d people.Deputy, row people.Row) *Change {
	r := RowOf("deputy", row.Key, row.State)
	for _, f := range row.Fields {
		if f.Name == "from" {
			r = r.Alters("from", f.Is, f.Becomes)
		} else {
			r = r.Alters("until", f.Is, f.Becomes)
		}
	}
	effect := Effectf("%s may do what %s may, in their own name, and decides nothing that %s has proposed", d.ID, d.For, d.For)
	return &Change{Unit: people.Issuer, Rows: []Row{r}, Effects: []Effect{effect}}
}

func ofEndDeputy(row people.Row) *Change {
	return &Change{Unit: people.Issuer, Rows: []Row{RowOf("deputy", row.Key, row.State).Alters("state", "appointed", "ended")}}
}

// deputyEntries say what the audit has of the acts on deputies.
func deputyEntries() []Entry {
	return []Entry{
		EntryOf(people.ActDeputy, func(d people.Deputy, shown *Change) (*Change, error) {
			row, err := shown.One()
			return ofDeputy(d, d.Row(row.State)), err
		}, func(d people.Deputy, _ *Change, said string) error {
			is, err := readSaid[people.Appointed](said)
			if err != nil {
				return err
			}
			want := people.Appointed{Number: is.Number, ID: d.ID, For: d.For}
			for _, t := range []struct {
				text string
				into *int64
			}{{d.From, &want.Since}, {d.Until, &want.Until}} {
				at, err := time.Parse(time.RFC3339, t.text)
				if err != nil {
					return err
				}
				*t.into = at.Unix()
			}
			if is != want {
				return fmt.Errorf("it appoints %+v; signed was %+v", is, want)
			}
			return nil
		}),
		EntryOf(people.ActEndDeputy, func(e people.EndDeputy, shown *Change) (*Change, error) {
			row, err := shown.One()
			return ofEndDeputy(e.Row(row.State)), err
		}, func(e people.EndDeputy, change *Change, said string) error {
			is, err := readSaid[people.Dismissed](said)
			if err != nil {
				return err
			}
			row, err := change.One()
			if want := (people.Dismissed{Number: is.Number, ID: e.ID, For: e.For}); err == nil && (is != want || row.State != people.DeputyState(is.Number)) {
				err = fmt.Errorf("it ends %+v; signed was %q for %q at %s", is, e.ID, e.For, row.State)
			}
			return err
		}),
	}
}
