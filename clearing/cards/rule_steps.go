package cards

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
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
	waits   bool       // a load waits for it
	lost    bool       // it was reported lost as it was replaced
	used    ledger.Day // last, of one that is active or inactive

	record Record
	other  *byRule // a card whose deposit pays for this one
	places *load.Placement
	over   []load.Torn // go over in this step
	moving *load.Moving
}

// mostNamed is how many cards that failed one error names.
const mostNamed = 10

// ByRule does what is due today, and reports for how many cards. A card that fails keeps no other
// one back. It reads so many at once.
func (o *Office) ByRule(ctx context.Context, page int) (n int, err error) {
	figures, err := o.InForce(ctx)
	if err != nil {
		return 0, err
	}
	failures := 0
	var named []error
	for after := (dueCard{}); ; {
		list, err := o.due(ctx, figures.today(), after, page)
		if err != nil {
			return n, err
		}
		for _, d := range list {
			s := &byRule{office: o, figures: figures, card: identity.Card(d.Card)}
			if err := s.do(ctx); err != nil {
				if failures++; len(named) < mostNamed {
					named = append(named, fmt.Errorf("card %s: %w", s.card, err))
				}
				continue
			}
			n++
		}
		if len(list) < page || ctx.Err() != nil {
			break
		}
		after = list[len(list)-1]
	}
	if failures > len(named) {
		named = append(named, fmt.Errorf("and of %d cards more", failures-len(named)))
	}
	return n, errors.Join(named...)
}

// dueCard is a card of which something is due from a day on.
type dueCard struct {
	Lapses ledger.Day
	Card   []byte
}

// due reads the cards of which something is due, in order, behind one.
func (o *Office) due(ctx context.Context, today ledger.Day, after dueCard, page int) ([]dueCard, error) {
	rows, err := o.Ledger.Pool().Query(ctx, `SELECT lapses, card FROM cards WHERE lapses > 0 AND lapses <= $1 AND state = ANY($2) AND (lapses, card) > ($3, $4)
		ORDER BY lapses, card LIMIT $5`, today, []string{string(Brief), string(Replaced)}, after.Lapses, append([]byte{}, after.Card...), page)
	var list []dueCard
	if err == nil {
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[dueCard])
	}
	if err != nil {
		return nil, fmt.Errorf("read what is due: %w", err)
	}
	return list, nil
}

// Late looks at the next cards behind one: what came late follows those that are ended, and those
// that nobody uses become inactive, or active again. It reports up to which it has come, nil at the
// end, and of how many cards something was done.
func (o *Office) Late(ctx context.Context, after []byte, page int) (next []byte, n int, err error) {
	figures, err := o.InForce(ctx)
	if err != nil {
		return nil, 0, err
	}
	states := []string{string(Active), string(Inactive), string(Replaced), string(Returned), string(Refunded)}
	rows, err := o.Ledger.Pool().Query(ctx, "SELECT card FROM cards WHERE state = ANY($1) AND card > $2 ORDER BY card LIMIT $3", states, append([]byte{}, after...), page)
	var list [][]byte
	if err == nil {
		list, err = pgx.CollectRows(rows, pgx.RowTo[[]byte])
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read the cards to look at: %w", err)
	}
	var failures []error
	for _, card := range list {
		s := &byRule{office: o, figures: figures, card: identity.Card(card)}
		did, err := s.late(ctx)
		if err != nil {
			failures = append(failures, fmt.Errorf("card %s: %w", s.card, err))
		} else if did {
			n++
		}
	}
	if len(list) == page {
		next = list[len(list)-1]
	}
	return next, n, errors.Join(failures[:min(len(failures), mostNamed)]...)
}

// late does a step of a card that is ended and whose purse should be empty, or of one whose use or
// disuse has it change.
func (s *byRule) late(ctx context.Context) (did bool, err error) {
	was, _, err := standing(ctx, s.office.Ledger.Pool(), s.card, "")
	if err != nil {
		return false, err
	}
	if was.State == Replaced && was.Lapses > 0 { // it is due on its day
		return false, nil
	}
	if was.State == Active || was.State == Inactive {
		if change, err := s.disused(ctx, &was); err != nil || !change {
			return false, err
		}
		err := s.do(ctx)
		return s.record.Step > 0, err
	}
	if s.purse, err = s.office.shadowOf(ctx, s.card); err != nil {
		return false, err
	}
	waits, held, err := load.WaitingFen(ctx, s.office.Ledger.Pool(), s.card)
	if s.waits = waits > held; err != nil || s.purse == 0 && !s.waits {
		return false, err
	}
	if err := s.do(ctx); err != nil {
		return false, err
	}
	return s.record.Step > 0, nil
}

func (s *byRule) do(ctx context.Context) (err error) {
	if s.torn, err = load.TornOf(ctx, s.office.Ledger, s.card); err != nil {
		return err
	}
	_, err = s.office.Ledger.PostOnce(ctx, Stream, s.office.Owner, 0, func(b *ledger.Batch) error {
		b.Prepare = func(ctx context.Context, tx pgx.Tx) error { return s.prepare(ctx, tx, b) }
		b.Finish = func(ctx context.Context, tx pgx.Tx, out *ledger.Outcome) ([]byte, error) {
			return nil, s.finish(ctx, tx, b, out)
		}
		return nil
	})
	return err
}

// prepare plans the step inside its transaction. Where nothing is due any more nothing is done.
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
			return nil
		}
		r.Do, r.Left.State, r.Left.Since = Lapse, Active, s.figures.today()
		s.record = r
		return chained(b, s.card, &s.record, nil)
	case Replaced:
		if was.Lapses > s.figures.today() || !due && s.purse == 0 && !s.waits {
			return nil
		}
		s.record = r
		return s.follows(ctx, tx, b)
	case Returned, Refunded:
		if s.purse != 0 {
			s.record = r
			return s.owes(b)
		}
	case Active, Inactive:
		return s.rests(b, &r, &was, due)
	}
	return nil
}

// owes has what a returned or refunded card has wait in its own name, for two people to pay it out.
// What it is overdrawn is settled.
func (s *byRule) owes(b *ledger.Batch) error {
	if s.purse < 0 {
		return s.borne(b, -s.purse, nil)
	}
	s.record.Do = Owe
	s.places = &load.Placement{Placer: load.PlacedFor(s.card), Number: load.BalanceNumber(s.card, s.record.Step), Card: s.card, Fen: s.purse, Source: chart.Float}
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
func (s *byRule) follows(ctx context.Context, tx pgx.Tx, b *ledger.Batch) error {
	other, _, err := s.last(ctx, tx, s.record.Left.Other)
	if err != nil {
		return err
	}
	if !other.known {
		return refusal(language.Textf("the registry has no such new card"), language.Textf("check its number"))
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

// last is the card that took a card's place, or the place of that one, and how it stands.
func (s *byRule) last(ctx context.Context, tx pgx.Tx, number string) (other registered, stands Standing, err error) {
	const most = 100 // cards in a row
	for range most {
		if other, err = s.office.lookUp(ctx, number, s.figures.Now); err != nil || !other.known {
			return other, stands, err
		}
		if stands, _, err = standing(ctx, tx, other.card(), ""); err != nil || stands.State != Replaced {
			return other, stands, err
		}
		number = stands.Other
	}
	return other, stands, nil
}

func (s *byRule) finish(ctx context.Context, tx pgx.Tx, b *ledger.Batch, out *ledger.Outcome) error {
	if s.record.Step == 0 {
		return nil
	}
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
