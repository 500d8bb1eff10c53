package cards

import (
	"context"
	"errors"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/registry/index"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// disused reports whether an active card has become inactive by its product's months, or an
// inactive one is to be looked at: it was used, or its notice is over. used is set then.
func (s *byRule) disused(ctx context.Context, was *Standing) (change bool, err error) {
	of, _ := s.figures.Products.Product(was.Product, s.figures.today())
	since := was.Since
	if was.State == Active {
		if of.InactiveMonths == 0 {
			return false, nil
		}
		since = months(s.figures.today(), -of.InactiveMonths)
		if was.Since > since {
			return false, nil
		}
		if last, err := shadow.LastActive(ctx, s.office.Ledger, s.card.Subject()); err != nil || last > since {
			return false, err
		}
	}
	if s.used, err = s.lastUse(ctx, since); err != nil {
		return false, err
	}
	if was.State == Active {
		return s.used == 0, nil
	}
	return s.used > 0 || was.Lapses > 0 && was.Lapses <= s.figures.today(), nil
}

// errFound ends the look for a use at the first.
var errFound = errors.New("the card was used")

// lastUse is a day behind another one on which the card was used; 0 if there is none. What a
// counter or the program does with a card is no use of it.
func (s *byRule) lastUse(ctx context.Context, since ledger.Day) (used ledger.Day, err error) {
	err = shadow.Statement(ctx, s.office.Ledger, s.card.Subject(), since, index.LastDay, func(row ledger.Row) error {
		if identity.IsUse(row.ID) && row.Day >= since {
			used = row.Day
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		err = nil
	}
	return used, err
}

// rests makes the step of a card that nobody uses, or of an inactive one: nobody is asked. After
// the notice its balance goes to an account; used again, it has that back. What it is overdrawn
// comes off its deposit then, and the issuer bears the rest.
func (s *byRule) rests(b *ledger.Batch, r *Record, was *Standing, due bool) error {
	var moves []move
	switch of, _ := s.figures.Products.Product(was.Product, s.figures.today()); {
	case was.State == Active && s.used == 0 && of.InactiveMonths > 0 && months(was.Since, of.InactiveMonths) <= s.figures.today():
		r.Do, r.Left.State, r.Left.Since = Rest, Inactive, s.figures.today()
		if of.NoticeDays > 0 {
			r.Left.Lapses = s.figures.today().Add(of.NoticeDays)
		}
	case was.State == Active:
		return errNothing
	case s.used > 0:
		r.Do, r.Left.State, r.Left.Since, r.Float, r.Left.Shelved = Wake, Active, s.figures.today(), was.Shelved, 0
		if was.Shelved > 0 {
			moves = []move{{chart.Inactive, chart.Float, was.Shelved, chart.PurposeInactive}}
		}
	case !due:
		return errNothing
	case s.purse < 0:
		part := min(-s.purse, max(was.Deposit, 0))
		r.Do, r.Float, r.Left.Deposit = Settle, -s.purse, was.Deposit-part
		moves = []move{{chart.Overdrawn, chart.Float, -s.purse, chart.PurposeOverdrawn}}
		if part > 0 {
			moves = append(moves, move{chart.Deposits, chart.Overdrawn, part, chart.PurposeOverdrawn})
		}
	default:
		r.Do, r.Left.Shelved, r.Float = Shelve, was.Shelved+max(s.purse, 0), -max(s.purse, 0)
		if s.purse > 0 {
			moves = []move{{chart.Float, chart.Inactive, s.purse, chart.PurposeInactive}}
		}
	}
	s.record = *r
	return s.fill(b, moves)
}
