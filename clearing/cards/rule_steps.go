package cards

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/people/proposal"
	"citycard/clearing/release"
	"citycard/clearing/transit/load"
	"citycard/clearing/verdict"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// What the program does with cards, by rule.
const (
	Lapse    Do = "lapse"    // a loss for now is over
	Transfer Do = "transfer" // the balance of a replaced card waits for the new one
	Settle   Do = "settle"   // what an ended card is overdrawn is taken off the deposit, or borne
	Owe      Do = "owe"      // what came late to a card that was given back waits to be paid out
	Rest     Do = "rest"     // nobody uses the card: it is inactive
	Shelve   Do = "shelve"   // the balance of an inactive card goes to an account
	Wake     Do = "wake"     // an inactive card was used: it is active, and has its balance
)

// byRule is a step of the program.
type byRule struct {
	office  *Office
	figures *Figures
	card    identity.Card
	purse   ledger.Fen
	torn    []load.Torn
	lost    bool       // it was reported lost as it was replaced
	used    ledger.Day // last, of one that is active or inactive

	record Record
	other  *byRule // a card whose deposit pays for this one
	places *load.Placement
	over   []load.Torn // go over in this step
	moving *load.Moving
}

// do makes the step that is due, if any is.
func (s *byRule) do(ctx context.Context) (did bool, err error) {
	if s.torn, err = load.TornOf(ctx, s.office.Ledger, s.card); err != nil {
		return false, err
	}
	_, err = s.office.Ledger.PostOnce(ctx, Stream, s.office.Owner, 0, func(b *ledger.Batch) error {
		b.Prepare = func(ctx context.Context, tx pgx.Tx) error { return s.prepare(ctx, tx, b) }
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			return nil, s.finish(ctx, tx, b, out)
		}
		return nil
	})
	if errors.Is(err, errNothing) {
		return false, nil
	}
	return err == nil, err
}

// prepare plans the step inside its transaction; errNothing says that nothing is due any more.
func (s *byRule) prepare(ctx context.Context, tx pgx.Tx, b *ledger.Batch) error {
	was, steps, err := standing(ctx, tx, s.card, locking)
	if err != nil {
		return err
	}
	// Another process may look at the same card: the balance is read with the card's row locked.
	if s.purse, err = shadow.BalanceIn(ctx, tx, ledger.IDOfCode(chart.Float), s.card.Subject()); err != nil {
		return err
	}
	s.lost = false
	b.Transfers, s.places, s.other, s.over, s.moving, s.record = nil, nil, nil, nil, nil, Record{}
	due := was.Lapses > 0 && was.Lapses <= s.figures.today()
	r := s.begun(was, steps)
	switch was.State {
	case Brief:
		if !due {
			return errNothing
		}
		r.Do, r.Left.State, r.Left.Since = Lapse, Active, s.figures.today()
		s.record = r
		return chained(b, s.card, &s.record, nil)
	case Replaced:
		if was.Lapses > s.figures.today() {
			return errNothing
		}
		s.record = r
		return s.follows(ctx, tx, b, due)
	case Returned, Refunded:
		s.record = r
		return s.owes(ctx, tx, b)
	case Active, Inactive:
		return s.rests(b, &r, &was, due)
	}
	return errNothing
}

// owes has what a returned or refunded card has wait in its own name, for two people to pay it out.
// What it is overdrawn is settled. What a tap at the counter took is not owed: the customer has it,
// and the tap is still to come. A load whose word is still to come makes up for what is overdrawn.
func (s *byRule) owes(ctx context.Context, tx pgx.Tx, b *ledger.Batch) error {
	if s.purse < 0 {
		lacking := -s.purse
		for i := range s.torn {
			lacking -= s.torn[i].Fen
		}
		if lacking <= 0 {
			return errNothing
		}
		return s.borne(b, lacking, nil)
	}
	emptying, err := emptying(ctx, tx, s.card)
	if err != nil {
		return err
	}
	owed := s.purse - emptying
	if owed <= 0 {
		return errNothing
	}
	s.record.Do = Owe
	s.places = &load.Placement{Placer: load.PlacedFor(s.card), Number: load.BalanceNumber(s.card, s.record.Step), Card: s.card, Fen: owed, Source: chart.Float}
	return s.fill(b, nil)
}

// begun is the record of the step after some.
func (s *byRule) begun(was Standing, steps int64) Record {
	left := was
	left.Lapses = 0
	return Record{Step: steps + 1, Do: Transfer, At: s.figures.Now.Unix(), Order: fmt.Sprintf("rule %d", steps+1), Left: left}
}

// follows has what a replaced card has wait for the last card that took its place. Torn loads of
// it count as its own: it is listed for good, so it can use none.
func (s *byRule) follows(ctx context.Context, tx pgx.Tx, b *ledger.Batch, due bool) error {
	other, err := s.last(ctx, tx, s.record.Left.Other)
	if err != nil {
		return err
	}
	if !other.known {
		return refusal(language.Textf("the registry has no such new card"), language.Textf("check its number"))
	}
	if asked, err := s.askedBack(ctx, tx); err != nil || asked {
		return errors.Join(err, errIf(asked, errNothing))
	}
	back, err := s.back(ctx, tx)
	if err != nil {
		return err
	}
	have := s.purse + s.record.Float
	s.over = s.torn
	if s.moving, err = load.MovingOf(ctx, tx, s.card, other.card()); err != nil {
		return err
	}
	if !due && s.purse == 0 && len(s.moving.Notes()) == 0 {
		return errNothing
	}
	for i := range s.torn {
		t := &s.torn[i]
		s.record.Torn = append(s.record.Torn, GivenOver{t.Load.Kind, t.Load.Sequence, t.Load.Attempt, t.To(), t.Fen})
		if t.Placer == "" { // else it waits again, for people: the card may have it
			have += t.Fen
		}
	}
	switch {
	case have < 0:
		if !s.lost { // else who found it may have used it: its holder does not pay for that
			if err := s.offDeposit(ctx, tx, b, &other, -have); err != nil {
				return err
			}
		}
		return s.borne(b, -have, back)
	case have > 0:
		s.places = &load.Placement{Placer: load.PlacedFor(s.card), Number: load.BalanceNumber(s.card, s.record.Step), Card: other.card(), Fen: have, Source: chart.Float}
	}
	return s.fill(b, back)
}

// askedBack reports whether it waits for two people whether a torn load of the card is given back
// to its channel, which has given its cash back: they decide before anything goes over.
func (s *byRule) askedBack(ctx context.Context, tx pgx.Tx) (bool, error) {
	if len(s.torn) == 0 {
		return false, nil
	}
	refunds, err := proposal.Requests[release.Refund](ctx, tx, release.KindRefund)
	return slices.ContainsFunc(refunds, func(r release.Refund) bool {
		return slices.ContainsFunc(s.torn, func(t load.Torn) bool { return r.Means(&t) })
	}), err
}

// back finds torn loads that went over before, and of which the card's word came after all. What
// that brought, from suspense, goes there again: the customer has it on the other card.
func (s *byRule) back(ctx context.Context, tx pgx.Tx) (moves []move, err error) {
	list, err := steps(ctx, tx, s.card, 0)
	if err != nil {
		return nil, err
	}
	var given []GivenOver
	for i := range list {
		switch list[i].Do {
		case ReportLoss, ReportBrief:
			s.lost = true
		case Find, Lapse:
			s.lost = false
		}
		given = append(given, list[i].Torn...)
		given = slices.DeleteFunc(given, func(g GivenOver) bool { return slices.Contains(list[i].Back, g) })
	}
	orders := make([]*load.Order, len(given))
	for i, g := range given {
		orders[i] = &load.Order{Card: s.card.Subject(), Load: identity.Load{Kind: g.Kind, Sequence: g.Sequence}}
	}
	days, err := load.WrittenOn(ctx, tx, orders)
	for i, day := range days {
		if day != 0 {
			s.record.Back, s.record.Float = append(s.record.Back, given[i]), s.record.Float-given[i].Fen
			moves = append(moves, move{chart.Float, chart.Suspense(verdict.LoadNotPaid), given[i].Fen, chart.PurposeTornAgain})
		}
	}
	return moves, err
}

// fill makes the chain of the step: its note, its own money, torn loads that are the card's then,
// and what is placed for the card that took its place.
func (s *byRule) fill(b *ledger.Batch, moves []move) error {
	if err := chained(b, s.card, &s.record, moves); err != nil {
		return err
	}
	for i := range s.over {
		b.Transfers = append(b.Transfers, s.over[i].Refund())
	}
	if s.moving != nil {
		b.Transfers = append(b.Transfers, s.moving.Notes()...)
	}
	if s.places != nil {
		transfer, err := s.places.Transfer()
		if err != nil {
			return err
		}
		b.Transfers = append(b.Transfers, transfer)
	}
	for i := range b.Transfers {
		b.Transfers[i].Linked = i < len(b.Transfers)-1
	}
	return nil
}

// borne books what a card is overdrawn: the issuer bears it.
func (s *byRule) borne(b *ledger.Batch, fen ledger.Fen, moves []move) error {
	s.record.Do = Settle
	s.record.Float += fen
	return s.fill(b, append(moves, move{chart.Overdrawn, chart.Float, fen, chart.PurposeOverdrawn}))
}

// offDeposit takes what a card is overdrawn off the deposit of the last card that took its place.
func (s *byRule) offDeposit(ctx context.Context, tx pgx.Tx, b *ledger.Batch, other *registered, fen ledger.Fen) error {
	stands, steps, err := standing(ctx, tx, other.card(), locking)
	if err != nil {
		return err
	}
	part := min(fen, stands.Deposit)
	if part <= 0 {
		return nil
	}
	s.other = &byRule{office: s.office, figures: s.figures, card: other.card()}
	s.other.record = s.other.begun(stands, steps)
	r := &s.other.record
	r.Do, r.Left.Lapses, r.Left.Deposit = Settle, stands.Lapses, stands.Deposit-part
	return chained(b, s.other.card, r, []move{{chart.Deposits, chart.Overdrawn, part, chart.PurposeOverdrawn}})
}

// last is the card that took a card's place, or the place of that one.
func (s *byRule) last(ctx context.Context, tx pgx.Tx, number string) (other registered, err error) {
	const most = 100 // cards in a row
	for range most {
		if other, err = s.office.lookUp(ctx, number, s.figures.Now); err != nil || !other.known {
			return other, err
		}
		stands, _, err := standing(ctx, tx, other.card(), "")
		if err != nil || stands.State != Replaced {
			return other, err
		}
		number = stands.Other
	}
	return other, nil
}

func (s *byRule) finish(ctx context.Context, tx pgx.Tx, b *ledger.Batch, out *ledger.Outcome) error {
	for _, answer := range out.Transfers {
		if answer.Result != ledger.Inserted {
			return refusal(language.Textf("the ledger refused: %v", answer.Err), language.Textf("look at the accounts with citycard account"))
		}
	}
	for _, of := range []*byRule{s, s.other} {
		if of == nil {
			continue
		}
		if err := keep(ctx, tx, of.card, &of.record, b.Day, ""); err != nil {
			return err
		}
	}
	for i := range s.over {
		written, err := s.over[i].KeepRefund(ctx, tx)
		if err != nil || written {
			return errors.Join(err, errIf(written, errTorn))
		}
	}
	if s.moving != nil {
		if err := s.moving.Keep(ctx, tx); err != nil {
			return err
		}
	}
	if s.places == nil {
		return nil
	}
	return s.places.Keep(ctx, tx, b.Day)
}

// errTorn ends a step of which a torn load was confirmed meanwhile; it is done again.
var errTorn = errors.New("a torn load of the card was confirmed meanwhile")
