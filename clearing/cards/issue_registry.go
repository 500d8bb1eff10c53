package cards

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/registry"
	"citycard/clearing/stock"
	"citycard/language"
)

// openCard is a card that was issued, and that the registry does not have yet.
type openCard struct {
	Serial int64
	Made   stock.Made
}

// RegistryRefused marks an issued card that the registry refused: two people bring it in
// (citycard registry import), or nobody does.
const RegistryRefused = -2

// mostTries is how many changes of the registry of cards one call tries: more than it takes to
// halve what it read down to one card.
const mostTries = 20

// following is one call's issued cards on their way into the registry.
type following struct {
	office  *Office
	of      *registry.Follower
	tries   int
	done    int
	refused []error
}

// FollowIssued brings up to a thousand of the cards that were issued into the registry, and reports
// how many. A card that the registry refuses keeps no other one back: it is marked, and the error
// names it once.
func (o *Office) FollowIssued(ctx context.Context) (n int, err error) {
	list, err := o.openCards(ctx)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	f := &following{office: o, of: registry.NewFollower(o.Ledger)}
	if err = f.bring(ctx, list); errors.Is(err, registry.ErrStale) {
		err = nil
	}
	return f.done, errors.Join(append(f.refused, err)...)
}

// bring makes a change of cards. Those whose lines the registry refuses are marked, and the others
// tried again. Where it names no line, each half is tried by itself. What is left after the last
// try is for the next call.
func (f *following) bring(ctx context.Context, list []openCard) error {
	if len(list) == 0 || f.tries == mostTries {
		return nil
	}
	f.tries++
	err := f.follow(ctx, list)
	if err == nil {
		f.done += len(list)
		return nil
	}
	var faults *registry.ImportError
	if !errors.As(err, &faults) {
		return err
	}
	wrong, others := apart(list, faults)
	if half := len(list) / 2; len(wrong) == 0 && half > 0 {
		if err := f.bring(ctx, list[:half]); err != nil {
			return err
		}
		return f.bring(ctx, list[half:])
	}
	if len(wrong) == 0 { // it is refused alone
		wrong, others = list, nil
	}
	if err := f.office.markRefused(ctx, wrong); err != nil {
		return err
	}
	f.refused = append(f.refused, language.Textf("issued cards that the registry refuses: %w", faults))
	return f.bring(ctx, others)
}

// apart parts the cards whose lines have a fault from the others.
func apart(list []openCard, faults *registry.ImportError) (wrong, others []openCard) {
	lines := map[int]bool{}
	for _, fault := range faults.Faults {
		lines[fault.Line] = true
	}
	for n, c := range list {
		if lines[firstRow+n] {
			wrong = append(wrong, c)
		} else {
			others = append(others, c)
		}
	}
	return wrong, others
}

// markRefused has cards wait for people, and not for the program.
func (o *Office) markRefused(ctx context.Context, list []openCard) error {
	err := o.Ledger.Write(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE issued_cards SET change = $1 WHERE change = 0 AND blank = ANY($2)", RegistryRefused, blanks(list))
		return err
	})
	if err != nil {
		return fmt.Errorf("mark issued cards that the registry refuses: %w", err)
	}
	return nil
}

func blanks(list []openCard) []int64 {
	serials := make([]int64, len(list))
	for n := range list {
		serials[n] = list[n].Serial
	}
	return serials
}

func (o *Office) openCards(ctx context.Context) (list []openCard, err error) {
	rows, err := o.Ledger.Pool().Query(ctx, "SELECT blank, made FROM issued_cards WHERE change = 0 ORDER BY blank LIMIT $1", mostFollowed)
	if err == nil {
		list, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c openCard, err error) {
			var text string
			if err = row.Scan(&c.Serial, &text); err == nil {
				err = json.Unmarshal([]byte(text), &c.Made)
			}
			return c, err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("read issued cards: %w", err)
	}
	return list, nil
}

// firstRow is the line of the first row of a file of the registry.
const firstRow = 2

// follow makes one change of the registry of cards.
func (f *following) follow(ctx context.Context, list []openCard) error {
	var file strings.Builder
	file.WriteString(strings.Join(registry.Cards.Columns(), ",") + "\n")
	for n := range list {
		m := &list[n].Made
		fmt.Fprintf(&file, "%s,%s,%02x,active,%s,%s,%s\n", m.Number, m.Issuer, m.Type, m.Begins, m.Expires, m.Holder())
	}
	return f.of.Follow(ctx, registry.ActIssued, registry.Files{"cards.csv": file.String()}, func(ctx context.Context, tx pgx.Tx, change int64) error {
		if change == 0 {
			change = SaidBefore
		}
		_, err := tx.Exec(ctx, "UPDATE issued_cards SET change = $1 WHERE change = 0 AND blank = ANY($2)", change, blanks(list))
		return err
	})
}
