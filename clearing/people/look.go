package people

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/ledger"
	"citycard/ledger/chain"
)

// Looking is in the statement with which somebody asks a server to show something. It is no act:
// the audit does not have it, and its statement may be used again while its time is near.
const Looking = "look"

// Looks says who asks to be shown something. The statement names the key in place of the person,
// who may be asking who they are, and as its "what" the request.
func (s *Store) Looks(ctx context.Context, sig chain.Signature, what string) (Person, error) {
	return s.believes(ctx, sig, func(_ Person, st *Statement) error {
		switch {
		case st.Person != sig.Key:
			return deny(OtherPerson, "the statement is of %q: want the key itself, %s", st.Person, sig.Key)
		case st.Act != Looking:
			return deny(OtherAct, "the statement is of the act %q, not of %q", st.Act, Looking)
		case st.What != what:
			return deny(OtherAct, "the statement is of the request %q, not of %q", st.What, what)
		}
		return nil
	})
}

// Believes says who has signed an act, before anything else is read for it. It takes nothing: the
// act's transaction has Check.
func (s *Store) Believes(ctx context.Context, sig chain.Signature, act string) (Person, error) {
	return s.believes(ctx, sig, func(p Person, st *Statement) error {
		switch {
		case st.Person != p.ID:
			return deny(OtherPerson, "the statement is of %q, which is not who has the key", st.Person)
		case st.Act != s.Signing(act):
			return deny(OtherAct, "the statement is of the act %q, not of %q", st.Act, s.Signing(act))
		}
		return nil
	})
}

// believes checks key, signature, books and time of a statement, and what else its use wants.
func (s *Store) believes(ctx context.Context, sig chain.Signature, wants func(Person, *Statement) error) (Person, error) {
	var p ofPerson
	var books string
	var now time.Time
	err := s.ledger.Look(ctx, func(tx pgx.Tx) (err error) {
		if p, err = byKey(ctx, tx, sig.Key, ""); err != nil {
			return err
		}
		if books, err = ledger.IDIn(ctx, tx); err != nil {
			return err
		}
		now, err = clock(ctx, tx)
		return err
	})
	if err != nil {
		return Person{}, err
	}
	st, err := Verify(sig, p.Key)
	if err == nil {
		err = p.inForce()
	}
	if err == nil {
		err = wants(p.Person, st)
	}
	if err == nil {
		err = fits(st, books, now)
	}
	if err != nil {
		return Person{}, err
	}
	return p.Person, nil
}

// clock is the database's.
func clock(ctx context.Context, tx pgx.Tx) (time.Time, error) {
	var milliseconds int64
	err := tx.QueryRow(ctx, "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::INT8").Scan(&milliseconds)
	return time.UnixMilli(milliseconds).UTC(), err
}

// fits refuses a statement of other books, or of another time.
func fits(statement *Statement, books string, now time.Time) error {
	if statement.Books != books {
		return deny(OtherBooks, "the statement is of the books %.64q, and these are %q", statement.Books, books)
	}
	if apart := now.Sub(statement.At).Abs(); apart > Patience {
		return deny(OtherTime, "the statement is of %s, and the database's clock says %s: they are more than %s apart",
			statement.At.Format(time.RFC3339), now.Format(time.RFC3339), Patience.String()).todo("set the clock of the machine that signs, and sign again")
	}
	return nil
}
