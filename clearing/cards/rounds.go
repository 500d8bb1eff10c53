package cards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/chart"
	"citycard/clearing/identity"
	"citycard/clearing/transit/load"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

// Rounds is how far the looks at cards have come. Each look is at one page, so that no kind waits
// for another; behind the last page comes the first.
type Rounds struct {
	due         dueCard
	ended, used turn
	emptied     emptied
}

// dueCard is a card of which something is due from a day on.
type dueCard struct {
	Lapses ledger.Day
	Card   []byte
	Stands string
}

// turn is the card up to which those of some states were looked at.
type turn struct {
	state string
	card  []byte
}

// stood is a card of a page.
type stood struct {
	card identity.Card
	was  Standing
}

// failures are the cards of a page of which a step failed. They keep no other one back.
type failures struct {
	named []error
	more  int
}

// mostNamed is how many cards that failed one error names.
const mostNamed = 10

func (f *failures) add(card identity.Card, err error) {
	if len(f.named) < mostNamed {
		f.named = append(f.named, fmt.Errorf("card %s: %w", card, err))
	} else {
		f.more++
	}
}

func (f *failures) joined() error {
	if f.more > 0 {
		f.named = append(f.named, fmt.Errorf("and of %d cards more", f.more))
	}
	return errors.Join(f.named...)
}

// ByRule does what is due today of the next page of cards, and reports of how many.
func (o *Office) ByRule(ctx context.Context, at *Rounds, page int) (n int, err error) {
	figures, err := o.InForce(ctx)
	if err != nil {
		return 0, err
	}
	list, err := dueOf(ctx, o.Ledger.Pool(), figures.today(), []State{Brief, Replaced}, at.due, page)
	if err != nil {
		return 0, err
	}
	if at.due = (dueCard{}); len(list) == page {
		at.due = list[page-1]
	}
	var failed failures
	for _, d := range list {
		s := &byRule{office: o, figures: figures, card: identity.Card(d.Card)}
		did, err := s.do(ctx)
		if err != nil {
			failed.add(s.card, err)
		} else if did {
			n++
		}
	}
	return n, failed.joined()
}

// dueOf reads the cards of some states of which something is due, in order, behind one.
func dueOf(ctx context.Context, q querier, today ledger.Day, states []State, after dueCard, limit int) ([]dueCard, error) {
	rows, err := q.Query(ctx, `SELECT lapses, card, stands FROM cards WHERE lapses > 0 AND lapses <= $1 AND state = ANY($2) AND (lapses, card) > ($3, $4)
		ORDER BY lapses, card LIMIT $5`, today, states, after.Lapses, append([]byte{}, after.Card...), limit)
	var list []dueCard
	if err == nil {
		list, err = pgx.CollectRows(rows, pgx.RowToStructByPos[dueCard])
	}
	if err != nil {
		return nil, fmt.Errorf("read what is due: %w", err)
	}
	return list, nil
}

// Late looks at the next page of cards that are ended: what came late follows them, or is owed. It
// reports of how many something was done.
func (o *Office) Late(ctx context.Context, at *Rounds, page int) (n int, err error) {
	figures, err := o.InForce(ctx)
	if err != nil {
		return 0, err
	}
	list, err := o.next(ctx, &at.ended, []State{Replaced, Returned, Refunded}, page)
	if err != nil {
		return 0, err
	}
	all := make([]identity.Card, len(list))
	subjects := make([]ledger.Subject, len(list))
	for i := range list {
		all[i], subjects[i] = list[i].card, list[i].card.Subject()
	}
	purses, err := shadow.BalancesOf(ctx, o.Ledger, ledger.IDOfCode(chart.Float), subjects)
	if err != nil {
		return 0, err
	}
	waits, err := load.GoingOver(ctx, o.Ledger.Pool(), all)
	if err != nil {
		return 0, err
	}
	var failed failures
	for i := range list {
		of := &list[i]
		replaced := of.was.State == Replaced
		// It is due on its day, or nothing is there.
		if replaced && of.was.Lapses > 0 || purses[subjects[i]] == 0 && !(replaced && waits[of.card]) {
			continue
		}
		s := &byRule{office: o, figures: figures, card: of.card}
		did, err := s.do(ctx)
		if err != nil {
			failed.add(s.card, err)
		} else if did {
			n++
		}
	}
	return n, failed.joined()
}

// Disused looks at the next page of cards that are with customers: those that nobody uses become
// inactive, or active again. It reports of how many something was done.
func (o *Office) Disused(ctx context.Context, at *Rounds, page int) (n int, err error) {
	figures, err := o.InForce(ctx)
	if err != nil {
		return 0, err
	}
	list, err := o.next(ctx, &at.used, []State{Active, Inactive}, page)
	if err != nil {
		return 0, err
	}
	var failed failures
	for i := range list {
		s := &byRule{office: o, figures: figures, card: list[i].card}
		did, err := s.disused(ctx, &list[i].was)
		if did && err == nil {
			did, err = s.do(ctx)
		}
		if err != nil {
			failed.add(s.card, err)
		} else if did {
			n++
		}
	}
	return n, failed.joined()
}

// next reads the next page of cards of some states.
func (o *Office) next(ctx context.Context, at *turn, states []State, page int) (list []stood, err error) {
	rows, err := o.Ledger.Pool().Query(ctx, "SELECT state, card, stands FROM cards WHERE state = ANY($1) AND (state, card) > ($2, $3) ORDER BY state, card LIMIT $4",
		states, at.state, append([]byte{}, at.card...), page)
	var last turn
	if err == nil {
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (of stood, err error) {
			var text string
			if err = row.Scan(&last.state, &last.card, &text); err == nil {
				of.card = identity.Card(last.card)
				err = json.Unmarshal([]byte(text), &of.was)
			}
			return of, err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read the cards to look at: %w", err)
	}
	if len(list) < page {
		last = turn{}
	}
	*at = last
	return list, nil
}
