package cards

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/transit/load"
	"citycard/language"
	"citycard/ledger"
)

// What the program does with cards, by rule.
const (
	Lapse    Do = "lapse"    // a loss for now is over
	Transfer Do = "transfer" // the balance of a replaced card waits for the new one
)

// byRule is a step of the program.
type byRule struct {
	office  *Office
	figures *Figures
	card    identity.Card
	purse   ledger.Fen
	record  Record
	places  *load.Placement
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

func (s *byRule) do(ctx context.Context) (err error) {
	if s.purse, err = s.office.shadowOf(ctx, s.card); err != nil {
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

// prepare plans the step inside its transaction. What is due no more is left as it is.
func (s *byRule) prepare(ctx context.Context, tx pgx.Tx, b *ledger.Batch) error {
	was, steps, err := standing(ctx, tx, s.card, locking)
	if err != nil {
		return err
	}
	b.Transfers, s.places = nil, nil
	if was.Lapses == 0 || was.Lapses > s.figures.today() || was.State != Brief && was.State != Replaced {
		s.record = Record{}
		return nil
	}
	left := was
	left.Lapses = 0
	s.record = Record{Step: steps + 1, Do: Transfer, At: s.figures.Now.Unix(), Order: fmt.Sprintf("rule %d", steps+1)}
	if was.State == Brief {
		s.record.Do, left.State, left.Since = Lapse, Active, s.figures.today()
	}
	s.record.Left = left
	if err := chained(b, s.card, &s.record, nil); err != nil || s.record.Do == Lapse || s.purse <= 0 {
		return err
	}
	other, err := s.last(ctx, tx, was.Other)
	if err != nil {
		return err
	}
	if !other.known {
		return refusal(language.Textf("the registry has no such new card"), language.Textf("check its number"))
	}
	s.places = &load.Placement{Placer: load.PlacedFor(s.card), Number: load.BalanceNumber(s.card, s.record.Step), Card: other.card(), Fen: s.purse, Source: chart.Float}
	transfer, err := s.places.Transfer()
	if err != nil {
		return err
	}
	b.Transfers[0].Linked = true
	b.Transfers = append(b.Transfers, transfer)
	return nil
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
	if s.record.Step == 0 {
		return nil
	}
	for _, answer := range out.Transfers {
		if answer.Result != ledger.Inserted {
			return refusal(language.Textf("the ledger refused: %v", answer.Err), language.Textf("look at the accounts with citycard account"))
		}
	}
	if err := keep(ctx, tx, s.card, &s.record, b.Day, ""); err != nil || s.places == nil {
		return err
	}
	return s.places.Keep(ctx, tx, b.Day)
}
