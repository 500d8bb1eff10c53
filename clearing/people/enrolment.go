package people

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/ledger"
)

// The acts by which the ledger's audit has people.
const (
	ActFound       = "found people"
	ActEnrolKeeper = "enrol keeper" // with a token of a founding
	ActEnrol       = "enrol person"
	ActChange      = "change person"
	ActDisable     = "disable person"
)

// Enrolment asks for somebody to become one of the staff.
type Enrolment struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Unit Unit   `json:"unit"`
	Role Role   `json:"role"`
	Key  string `json:"key"` // a public key
	// Service says that it is a program, whose key may be under no passphrase.
	Service bool `json:"service,omitempty"`
}

// Change asks for somebody to be called otherwise, to have another unit, role or key. What is empty
// stays.
type Change struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Unit Unit   `json:"unit,omitempty"`
	Role Role   `json:"role,omitempty"`
	Key  string `json:"key,omitempty"`
}

// Disabling asks for somebody to be disabled, for good. What they proposed ends with it.
type Disabling struct {
	ID string `json:"id"`
}

// Enrolled is what the audit says of an enrolment or a change: the person as they are from then on.
type Enrolled struct {
	ID       string `json:"id"`
	Revision int64  `json:"revision"`
	Name     string `json:"name"`
	Unit     Unit   `json:"unit"`
	Role     Role   `json:"role"`
	Key      string `json:"key"`
	Demo     bool   `json:"demo,omitempty"`
	Service  bool   `json:"service,omitempty"`
	Token    string `json:"token,omitempty"` // its hash, of a keeper who enrolled with one
}

// Gone is what the audit says of a disabling.
type Gone struct {
	ID       string `json:"id"`
	Revision int64  `json:"revision"`
}

// Row is a row that an act adds or changes, as it is shown to those who approve.
type Row struct {
	Key    string // the person
	State  string // what must not move before it is approved; empty: there is no row
	Fields []Field
}

// Field is one field of a row, as it is and as it becomes.
type Field struct{ Name, Is, Becomes string }

// person is the person that the enrolment makes.
func (e Enrolment) person() (p Person, err error) {
	p = Person{ID: e.ID, Name: e.Name, Unit: e.Unit, Role: e.Role, Revision: 1, Service: e.Service}
	if p.Key, err = ParsePublicKey(e.Key); err == nil {
		err = p.validate()
	}
	return p, err
}

// apply is the person as the change leaves them.
func (c Change) apply(p Person) (after Person, err error) {
	after = p
	after.Revision++
	if c.Name != "" {
		after.Name = c.Name
	}
	if c.Unit != "" {
		after.Unit = c.Unit
	}
	if c.Role != "" {
		after.Role = c.Role
	}
	if c.Key != "" {
		if after.Key, err = ParsePublicKey(c.Key); err != nil {
			return after, err
		}
	}
	if err = after.validate(); err == nil && after.fields() == p.fields() {
		err = deny(Moved, "%s is so already: nothing would change", p.ID)
	}
	return after, err
}

// fields are what a change may change.
func (p *Person) fields() [4]string {
	return [...]string{p.Name, string(p.Unit), string(p.Role), p.Key.String()}
}

func (p *Person) enrolled() Enrolled {
	return Enrolled{ID: p.ID, Revision: p.Revision, Name: p.Name, Unit: p.Unit, Role: p.Role, Key: p.Key.String(), Demo: p.Demo, Service: p.Service}
}

// state is what must not move while a proposal about a person waits.
func (p *Person) state() string {
	if p.Disabled() {
		return "disabled"
	}
	return StateOf(p.Revision)
}

// StateOf is the state of a person who is enrolled, at a revision.
func StateOf(revision int64) string { return "revision " + strconv.FormatInt(revision, 10) }

// Row is the row that the enrolment adds.
func (e Enrolment) Row() (r Row, err error) {
	p, err := e.person()
	r.Key = p.ID
	after := p.fields()
	for i, name := range fieldNames() {
		r.Fields = append(r.Fields, Field{name, "", after[i]})
	}
	if p.Service {
		r.Fields = append(r.Fields, Field{"service", "", "true"})
	}
	return r, err
}

// Row is the row of a person who is as state and before say, with the fields that the change names.
func (c Change) Row(state string, before [4]string) (r Row, err error) {
	named := [4]string{c.Name, string(c.Unit), string(c.Role), c.Key}
	if c.Key != "" {
		key, err := ParsePublicKey(c.Key)
		if err != nil {
			return r, err
		}
		named[3] = key.String()
	}
	r = Row{Key: c.ID, State: state}
	for i, name := range fieldNames() {
		if named[i] != "" {
			r.Fields = append(r.Fields, Field{name, before[i], named[i]})
		}
	}
	return r, nil
}

// Row is the row of a person who is as state says.
func (d Disabling) Row(state string) Row {
	return Row{Key: d.ID, State: state, Fields: []Field{{"state", "enrolled", "disabled"}}}
}

// fieldNames are the names of what Person.fields gives.
func fieldNames() [4]string { return [...]string{"name", "unit", "role", "key"} }

// ShowEnrolment says what an enrolment does, or why it cannot be done.
func (s *Store) ShowEnrolment(ctx context.Context, e Enrolment) (r Row, err error) {
	p, err := e.person()
	if err == nil {
		err = s.ledger.Look(ctx, func(tx pgx.Tx) error { return free(ctx, tx, &p) })
	}
	if err != nil {
		return r, err
	}
	return e.Row()
}

// ShowChange says what a change does, or why it cannot be done.
func (s *Store) ShowChange(ctx context.Context, c Change) (r Row, err error) {
	err = s.ledger.Look(ctx, func(tx pgx.Tx) error {
		before, _, err := changed(ctx, tx, c, "")
		if err == nil {
			r, err = c.Row(before.state(), before.fields())
		}
		return err
	})
	return r, err
}

// ShowDisabling says what a disabling does, or why it cannot be done.
func (s *Store) ShowDisabling(ctx context.Context, d Disabling) (r Row, err error) {
	err = s.ledger.Look(ctx, func(tx pgx.Tx) error {
		p, err := disabling(ctx, tx, d, "")
		r = d.Row(p.state())
		return err
	})
	return r, err
}

// Enrol enrols a person. If the person is enrolled just so already, nothing is done.
func (s *Store) Enrol(ctx context.Context, e Enrolment, by ledger.Approval) error {
	p, err := e.person()
	if err == nil {
		err = concerns(p.ID, &by)
	}
	if err != nil {
		return err
	}
	err = s.ledger.Write(ctx, func(tx pgx.Tx) error {
		if there, err := byID(ctx, tx, p.ID, ""); err == nil && there.Revision == 1 && !there.Disabled() && there.fields() == p.fields() && there.Service == p.Service {
			return nil
		}
		if err := free(ctx, tx, &p); err != nil {
			return err
		}
		err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM staff WHERE id = $1 AND demo)", by.First).Scan(&p.Demo)
		if err == nil {
			p.Since = by.At
			err = p.insert(ctx, tx)
		}
		if err != nil {
			return err
		}
		return approve(ctx, tx, ActEnrol, p.enrolled(), by)
	})
	return about("enrol", p.ID, err)
}

// Change changes a person who is as state says (Row.State).
func (s *Store) Change(ctx context.Context, c Change, state string, by ledger.Approval) error {
	err := concerns(c.ID, &by)
	if err == nil {
		err = s.ledger.Write(ctx, func(tx pgx.Tx) error { return change(ctx, tx, c, state, by) })
	}
	return about("change", c.ID, err)
}

func change(ctx context.Context, tx pgx.Tx, c Change, state string, by ledger.Approval) error {
	before, after, err := changed(ctx, tx, c, " FOR UPDATE")
	switch {
	case isWhy(err, Moved) && state == StateOf(before.Revision-1):
		return nil // it was done, by an attempt whose outcome was not known
	case err != nil:
		return err
	case before.state() != state:
		return deny(Moved, "%s is at %s by now, and not at %s", c.ID, before.state(), state).todo("propose it again")
	}
	_, err = tx.Exec(ctx, "UPDATE staff SET name = $2, unit = $3, role = $4, revision = $5 WHERE id = $1", after.ID, after.Name, string(after.Unit), string(after.Role), after.Revision)
	if err == nil && after.Key.String() != before.Key.String() {
		if _, err = tx.Exec(ctx, "UPDATE staff_keys SET ended = $2 WHERE person = $1 AND ended = 0", after.ID, by.At.Unix()); err == nil {
			err = after.insertKey(ctx, tx, by.At)
		}
	}
	if err != nil {
		return err
	}
	return approve(ctx, tx, ActChange, after.enrolled(), by)
}

// changed reads a person, and makes what a change leaves.
func changed(ctx context.Context, tx pgx.Tx, c Change, lock string) (before, after Person, err error) {
	if before, err = byID(ctx, tx, c.ID, lock); err != nil {
		return before, after, err
	}
	if before.Disabled() {
		return before, after, deny(Disabled, "%s is disabled since %s", c.ID, before.Ended.UTC().Format(time.RFC3339)).todo("enrol the person under another id")
	}
	if after, err = c.apply(before); err != nil {
		return before, after, err
	}
	if after.Key.String() != before.Key.String() {
		err = freeKey(ctx, tx, after.Key)
	}
	if err == nil && before.Role == Keeper && after.Role != Keeper {
		err = enoughKeepers(ctx, tx)
	}
	return before, after, err
}

// Disable disables a person who is as state says, and ends the key.
func (s *Store) Disable(ctx context.Context, d Disabling, state string, by ledger.Approval) error {
	err := concerns(d.ID, &by)
	if err == nil {
		err = s.ledger.Write(ctx, func(tx pgx.Tx) error {
			p, err := disabling(ctx, tx, d, " FOR UPDATE")
			switch {
			case isWhy(err, Disabled):
				return nil
			case err != nil:
				return err
			case p.state() != state:
				return deny(Moved, "%s is at %s by now, and not at %s", d.ID, p.state(), state).todo("propose it again")
			}
			if _, err = tx.Exec(ctx, "UPDATE staff SET ended = $2 WHERE id = $1", p.ID, by.At.Unix()); err == nil {
				_, err = tx.Exec(ctx, "UPDATE staff_keys SET ended = $2 WHERE person = $1 AND ended = 0", p.ID, by.At.Unix())
			}
			if err != nil {
				return err
			}
			return approve(ctx, tx, ActDisable, Gone{p.ID, p.Revision}, by)
		})
	}
	return about("disable", d.ID, err)
}

func disabling(ctx context.Context, tx pgx.Tx, d Disabling, lock string) (p Person, err error) {
	if p, err = byID(ctx, tx, d.ID, lock); err != nil {
		return p, err
	}
	if p.Disabled() {
		return p, deny(Disabled, "%s is disabled since %s", d.ID, p.Ended.UTC().Format(time.RFC3339))
	}
	if p.Role == Keeper {
		err = enoughKeepers(ctx, tx)
	}
	return p, err
}

// about adds what was to be done to an error that does not say it.
func about(act, id string, err error) error {
	var refusal *Refusal
	var denied *DeniedError
	if err == nil || errors.As(err, &refusal) || errors.As(err, &denied) {
		return err
	}
	return fmt.Errorf("%s %q: %w", act, id, err)
}

// concerns refuses an approval by whom the act is about.
func concerns(id string, by *ledger.Approval) error {
	if by.Second == id {
		return deny(OwnCase, "%s cannot approve what is about %s", id, id).todo("have another keeper approve it")
	}
	return by.Validate()
}

// keepersLeast is how many keepers there are at least: with fewer, nobody could be enrolled.
const keepersLeast = 2

// enoughKeepers refuses if one keeper less would be too few.
func enoughKeepers(ctx context.Context, tx pgx.Tx) error {
	n := 0
	if err := tx.QueryRow(ctx, "SELECT count(*) FROM staff WHERE role = $1 AND ended = 0", string(Keeper)).Scan(&n); err != nil {
		return err
	}
	if n <= keepersLeast {
		return deny(TooFew, "fewer than %d keepers would be left, and nobody could be enrolled any more", keepersLeast).todo("enrol another keeper first")
	}
	return nil
}

// byID reads a person with the key in force or, of a disabled one, the last.
func byID(ctx context.Context, tx pgx.Tx, id, lock string) (Person, error) {
	p, err := scanPerson(tx.QueryRow(ctx, selectPerson+"WHERE s.id = $1 ORDER BY k.revision DESC LIMIT 1"+lock, id))
	if errors.Is(err, pgx.ErrNoRows) {
		return p.Person, nobody(id)
	}
	return p.Person, err
}

func nobody(id string) error {
	return deny(NotThere, "nobody has the id %.64q", id).todo("citycard person list shows everybody")
}

// free refuses an id or a key that somebody has, or had.
func free(ctx context.Context, tx pgx.Tx, p *Person) error {
	var taken string
	err := tx.QueryRow(ctx, "SELECT id FROM staff WHERE form = $1", Form(p.ID)).Scan(&taken)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return freeKey(ctx, tx, p.Key)
	case err != nil:
		return err
	case taken == p.ID:
		return deny(TakenID, "the id %q was given before, and is never given again", p.ID).todo("choose another")
	}
	return deny(TakenID, "the id %q looks like %q, which was given before", p.ID, taken).todo("choose another")
}

func freeKey(ctx context.Context, tx pgx.Tx, key PublicKey) error {
	var owner string
	err := tx.QueryRow(ctx, "SELECT person FROM staff_keys WHERE fingerprint = $1", key.Fingerprint()).Scan(&owner)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return deny(TakenKey, "the key %s is or was the key of %s: a key is one person's for ever", key.Fingerprint(), owner).todo("make another with: citycard person key FILE")
}

// insert writes the rows of a person who is new since p.Since.
func (p *Person) insert(ctx context.Context, tx pgx.Tx) error {
	_, err := tx.Exec(ctx, "INSERT INTO staff (id, form, name, unit, role, revision, since, ended, demo, service) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9)",
		p.ID, Form(p.ID), p.Name, string(p.Unit), string(p.Role), p.Revision, p.Since.Unix(), p.Demo, p.Service)
	if err != nil {
		return err
	}
	return p.insertKey(ctx, tx, p.Since)
}

func (p *Person) insertKey(ctx context.Context, tx pgx.Tx, since time.Time) error {
	_, err := tx.Exec(ctx, "INSERT INTO staff_keys (fingerprint, person, revision, public, since, ended) VALUES ($1, $2, $3, $4, $5, 0)",
		p.Key.Fingerprint(), p.ID, p.Revision, p.Key.String(), since.Unix())
	return err
}
