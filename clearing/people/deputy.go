package people

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/ledger"
)

// The acts by which the audit has deputies.
const (
	ActDeputy    = "appoint deputy"
	ActEndDeputy = "end deputy"
)

// Deputy asks for somebody to stand in for a supervisor of the same unit for a time. They may then
// do what the supervisor may, in their own name and with their own key.
type Deputy struct {
	ID    string `json:"id"`
	For   string `json:"for"`
	From  string `json:"from"`  // RFC 3339, whole seconds
	Until string `json:"until"` // the first second after it
}

// EndDeputy asks for somebody to stand in for another no longer.
type EndDeputy struct {
	ID  string `json:"id"`
	For string `json:"for"`
}

// Appointed is what the audit says of a deputy.
type Appointed struct {
	Number int64  `json:"number"` // from 1
	ID     string `json:"id"`
	For    string `json:"for"`
	Since  int64  `json:"since"` // seconds since 1970
	Until  int64  `json:"until"`
}

// Dismissed is what the audit says of a deputy whose time an act ends.
type Dismissed struct {
	Number int64  `json:"number"`
	ID     string `json:"id"`
	For    string `json:"for"`
}

// Standing is that a person stands in for another.
type Standing struct {
	For         string
	From, Until time.Time
	InForce     bool // now
}

// deputises reports whether the person has, for the time being, what a supervisor of the unit may.
func (p *Person) deputises() bool {
	return slices.ContainsFunc(p.Stands, func(s Standing) bool { return s.InForce })
}

// StandsFor reports whether the person stands in for another now. They then decide nothing that the
// other has proposed.
func (p *Person) StandsFor(id string) bool {
	return slices.ContainsFunc(p.Stands, func(s Standing) bool { return s.InForce && s.For == id })
}

// times reads from when until when.
func (d Deputy) times() (from, until time.Time, err error) {
	for _, t := range []struct {
		text string
		into *time.Time
	}{{d.From, &from}, {d.Until, &until}} {
		if *t.into, err = time.Parse(time.RFC3339, t.text); err != nil || t.into.Format(time.RFC3339) != t.text {
			return from, until, deny(BadPerson, "%.40q is no time such as 2026-01-05T00:00:00+08:00", t.text)
		}
	}
	if !from.Before(until) {
		return from, until, deny(BadPerson, "it would end at %s, before it begins", d.Until)
	}
	return from, until, nil
}

// may says why one cannot stand in for the other.
func (d Deputy) may(deputy, other *Person) error {
	switch {
	case d.ID == d.For:
		return deny(BadPerson, "nobody stands in for themselves")
	case deputy.Disabled() || other.Disabled():
		return deny(Disabled, "%s or %s is disabled", d.ID, d.For)
	case deputy.Unit != other.Unit:
		return deny(BadPerson, "%s is of %s, and %s of %s: a deputy is of the same unit", d.ID, string(deputy.Unit), d.For, string(other.Unit))
	case other.Role != Supervisor:
		return deny(BadPerson, "%s is %s: deputies stand in for supervisors", d.For, string(other.Role))
	case deputy.Service:
		return deny(BadPerson, "%s is a service: only people approve", d.ID)
	case deputy.Role != Supervisor && deputy.Role != Clerk:
		return deny(BadPerson, "%s is %s: only a clerk or a supervisor is a deputy", d.ID, string(deputy.Role))
	}
	return nil
}

func deputyKey(id, other string) string { return id + " for " + other }

// Row is the row that the appointment adds. The state is of both people.
func (d Deputy) Row(state string) Row {
	return Row{Key: deputyKey(d.ID, d.For), State: state, Fields: []Field{{"from", "", d.From}, {"until", "", d.Until}}}
}

// Row is the row of a deputy who is as state says.
func (e EndDeputy) Row(state string) Row {
	return Row{Key: deputyKey(e.ID, e.For), State: state, Fields: []Field{{"state", "appointed", "ended"}}}
}

// ShowDeputy says what an appointment does, or why it cannot be done.
func (s *Store) ShowDeputy(ctx context.Context, d Deputy) (r Row, err error) {
	err = s.ledger.Look(ctx, func(tx pgx.Tx) error {
		state, err := appointing(ctx, tx, d, "")
		r = d.Row(state)
		return err
	})
	return r, err
}

// appointing refuses a deputy who cannot be one, and gives the state of both people.
func appointing(ctx context.Context, tx pgx.Tx, d Deputy, lock string) (state string, err error) {
	from, until, err := d.times()
	if err != nil {
		return "", err
	}
	deputy, err := byID(ctx, tx, d.ID, lock)
	if err != nil {
		return "", err
	}
	other, err := byID(ctx, tx, d.For, lock)
	if err == nil {
		err = d.may(&deputy, &other)
	}
	if err != nil {
		return "", err
	}
	now, err := clock(ctx, tx)
	if err != nil {
		return "", err
	}
	if !now.Before(until) {
		return "", deny(BadPerson, "it would have ended at %s", d.Until)
	}
	var number int64
	err = tx.QueryRow(ctx, "SELECT number FROM staff_deputies WHERE deputy = $1 AND stands_for = $2 AND ended = 0 AND since < $3 AND until > $4 LIMIT 1",
		d.ID, d.For, until.Unix(), from.Unix()).Scan(&number)
	if errors.Is(err, pgx.ErrNoRows) {
		return deputy.state() + ", " + other.state(), nil
	}
	if err == nil {
		err = deny(Moved, "%s stands in for %s already in that time", d.ID, d.For)
	}
	return "", err
}

// Appoint makes somebody a deputy, if both people are still as state says.
func (s *Store) Appoint(ctx context.Context, d Deputy, state string, by ledger.Approval) error {
	err := concerns(d.ID, &by)
	if err == nil {
		err = concerns(d.For, &by)
	}
	if err == nil {
		err = s.ledger.Write(ctx, func(tx pgx.Tx) error {
			from, until, err := d.times()
			if err != nil {
				return err
			}
			what := Appointed{ID: d.ID, For: d.For, Since: from.Unix(), Until: until.Unix()}
			var done bool // by an attempt whose outcome was not known
			err = tx.QueryRow(ctx, `SELECT coalesce(max(number), 0) + 1, coalesce(bool_or(deputy = $1 AND stands_for = $2 AND since = $3 AND until = $4 AND ended = 0), false)
				FROM staff_deputies`, d.ID, d.For, what.Since, what.Until).Scan(&what.Number, &done)
			if err != nil || done {
				return err
			}
			is, err := appointing(ctx, tx, d, " FOR UPDATE")
			switch {
			case err != nil:
				return err
			case is != state:
				return deny(Moved, "%s and %s are at %s by now, and not at %s", d.ID, d.For, is, state).todo("propose it again")
			}
			_, err = tx.Exec(ctx, "INSERT INTO staff_deputies (number, deputy, stands_for, since, until, ended) VALUES ($1, $2, $3, $4, $5, 0)",
				what.Number, what.ID, what.For, what.Since, what.Until)
			if err != nil {
				return err
			}
			return approve(ctx, tx, ActDeputy, what, by)
		})
	}
	return about("appoint", d.ID, err)
}

// ShowEndDeputy says whose time as a deputy ends, or why it cannot.
func (s *Store) ShowEndDeputy(ctx context.Context, e EndDeputy) (r Row, err error) {
	err = s.ledger.Look(ctx, func(tx pgx.Tx) error {
		_, state, err := dismissing(ctx, tx, e, "")
		r = e.Row(state)
		return err
	})
	return r, err
}

// DeputyState is the state of a deputy's row: which one it is.
func DeputyState(number int64) string { return "deputy " + strconv.FormatInt(number, 10) }

// dismissing finds the time as a deputy that is not over. Of several it is the first.
func dismissing(ctx context.Context, tx pgx.Tx, e EndDeputy, lock string) (number int64, state string, err error) {
	err = tx.QueryRow(ctx, "SELECT number FROM staff_deputies WHERE deputy = $1 AND stands_for = $2 AND ended = 0 AND until > floor(extract(epoch FROM clock_timestamp()))::INT8 ORDER BY since, number LIMIT 1"+lock,
		e.ID, e.For).Scan(&number)
	if errors.Is(err, pgx.ErrNoRows) {
		err = deny(NotThere, "%.64q does not stand in for %.64q, now or later", e.ID, e.For).todo("citycard person list shows who does")
	}
	return number, DeputyState(number), err
}

// EndDeputy ends somebody's time as a deputy, if it is the one that state says.
func (s *Store) EndDeputy(ctx context.Context, e EndDeputy, state string, by ledger.Approval) error {
	err := concerns(e.ID, &by)
	if err == nil {
		err = concerns(e.For, &by)
	}
	if err == nil {
		err = s.ledger.Write(ctx, func(tx pgx.Tx) error {
			number, is, err := dismissing(ctx, tx, e, " FOR UPDATE")
			switch {
			case err != nil:
				return err
			case is != state:
				return deny(Moved, "%s stands in for %s as %s by now, and not as %s", e.ID, e.For, is, state).todo("propose it again")
			}
			if _, err = tx.Exec(ctx, "UPDATE staff_deputies SET ended = $2 WHERE number = $1", number, by.At.Unix()); err != nil {
				return err
			}
			return approve(ctx, tx, ActEndDeputy, Dismissed{number, e.ID, e.For}, by)
		})
	}
	return about("end", e.ID, err)
}

// standings are for whom people stand in, now or later: of one person, or of all with an empty id.
// What does not hold any more, because one of the two has another unit or role, is left out.
func standings(ctx context.Context, tx pgx.Tx, id, lock string) (map[string][]Standing, error) {
	rows, err := tx.Query(ctx, `SELECT d.deputy, d.stands_for, d.since, d.until, d.since <= floor(extract(epoch FROM clock_timestamp()))::INT8
		FROM staff_deputies d JOIN staff o ON o.id = d.stands_for JOIN staff p ON p.id = d.deputy
		WHERE ($1 = '' OR d.deputy = $1) AND d.ended = 0 AND d.until > floor(extract(epoch FROM clock_timestamp()))::INT8
		AND o.ended = 0 AND o.role = 'supervisor' AND o.unit = p.unit AND p.role IN ('clerk', 'supervisor') AND NOT p.service ORDER BY d.since, d.number`+lock, id)
	if err != nil {
		return nil, err
	}
	all := map[string][]Standing{}
	var deputy string
	var s Standing
	var since, until int64
	_, err = pgx.ForEachRow(rows, []any{&deputy, &s.For, &since, &until, &s.InForce}, func() error {
		s.From, s.Until = time.Unix(since, 0), time.Unix(until, 0)
		all[deputy] = append(all[deputy], s)
		return nil
	})
	return all, err
}
