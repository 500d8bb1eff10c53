package proposal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"citycard/clearing/people"
	"citycard/language"
	"citycard/ledger"
)

// Staff are the kinds by which keepers enrol, change and disable people, and appoint deputies.
func Staff(s *people.Store) []Kind {
	return append(deputies(s), []Kind{
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
			if err != nil {
				return nil, err
			}
			return ofDisabling(d, row)
		}, func(ctx context.Context, d people.Disabling, shown *Change, by ledger.Approval) (Result, error) {
			return Saying(language.Textf("%s is disabled", d.ID)), s.Disable(ctx, d, shown.Rows[0].State, by)
		}),
	}...)
}

// ofDisabling is the change by which somebody is disabled.
func ofDisabling(d people.Disabling, row people.Row) (*Change, error) {
	change, err := ofStaff(row, nil)
	if err == nil {
		change.Effects = append(change.Effects, Effectf("what %s proposed and waits ends", d.ID))
	}
	return change, err
}

func makesEnrolment(e people.Enrolment, _ *Change) (*Change, error) {
	row, err := e.Row()
	return ofStaff(row, err)
}

func makesChange(c people.Change, shown *Change) (*Change, error) {
	is, err := shown.One()
	if err != nil {
		return nil, err
	}
	row, err := c.Row(is.State, [...]string{is.Is("name"), is.Is("unit"), is.Is("role"), is.Is("key")})
	return ofStaff(row, err)
}

func makesDisabling(d people.Disabling, shown *Change) (*Change, error) {
	is, err := shown.One()
	if err != nil {
		return nil, err
	}
	return ofDisabling(d, d.Row(is.State))
}

// StaffEntries say what the audit has of the acts on people. Which fields a change leaves as they
// are is for package clearing/verify to see, which knows the person before.
func StaffEntries() []Entry {
	return append(deputyEntries(), []Entry{
		EntryOf(people.ActEnrol, makesEnrolment, func(e people.Enrolment, _ *Change, said string) error {
			is, err := readSaid[people.Enrolled](said)
			if err != nil {
				return err
			}
			key, err := people.ParsePublicKey(e.Key)
			if err != nil {
				return err
			}
			return expectPerson(&is, &people.Enrolled{ID: e.ID, Revision: 1, Name: e.Name, Unit: e.Unit, Role: e.Role, Key: key.String(), Demo: is.Demo, Service: e.Service})
		}),
		EntryOf(people.ActChange, makesChange, saysChange),
		EntryOf(people.ActDisable, makesDisabling, func(d people.Disabling, change *Change, said string) error {
			is, err := readSaid[people.Gone](said)
			if err != nil {
				return err
			}
			row, err := change.One()
			if err == nil && (is.ID != d.ID || row.State != people.StateOf(is.Revision)) {
				err = fmt.Errorf("it disables %q at revision %d; signed was %q at %s", is.ID, is.Revision, d.ID, row.State)
			}
			return err
		}),
	}...)
}

func saysChange(c people.Change, change *Change, said string) error {
	is, err := readSaid[people.Enrolled](said)
	if err != nil {
		return err
	}
	row, err := change.One()
	if err != nil {
		return err
	}
	want := people.Enrolled{ID: c.ID, Revision: is.Revision, Name: is.Name, Unit: is.Unit, Role: is.Role, Key: is.Key, Demo: is.Demo, Service: is.Service}
	for _, f := range row.Fields {
		switch f.Name {
		case "name":
			want.Name = f.Becomes
		case "unit":
			want.Unit = people.Unit(f.Becomes)
		case "role":
			want.Role = people.Role(f.Becomes)
		case "key":
			want.Key = f.Becomes
		}
	}
	if state := people.StateOf(is.Revision - 1); row.State != state {
		return fmt.Errorf("it changes the person at %s; signed was %s", state, row.State)
	}
	return expectPerson(&is, &want)
}

// readSaid reads content of the audit that is JSON.
func readSaid[T any](said string) (is T, err error) {
	decoder := json.NewDecoder(strings.NewReader(said))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&is)
	return is, err
}

func expectPerson(is, want *people.Enrolled) error {
	if *is != *want {
		return fmt.Errorf("it leaves %+v; signed was %+v", *is, *want)
	}
	return nil
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
	case "service":
		return r.Alters("service", f.Is, f.Becomes)
	case "state":
		return r.Alters("state", f.Is, f.Becomes)
	default:
		return r.Alters(name, f.Is, f.Becomes)
	}
}
