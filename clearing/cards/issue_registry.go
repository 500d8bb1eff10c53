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

// FollowIssued brings up to a thousand of the cards that were issued into the registry, and reports
// how many. A card that the registry refuses keeps no other one back: it is marked, and the error
// names it once.
func (o *Office) FollowIssued(ctx context.Context) (n int, err error) {
	list, err := o.openCards(ctx)
	if err != nil || len(list) == 0 {
		return 0, err
	}
	done, refused, err := o.followCards(ctx, list)
	if refused == nil || err != nil {
		return len(done), errors.Join(refused, err)
	}
	in := map[int64]bool{}
	for _, c := range done {
		in[c.Serial] = true
	}
	var out []int64
	for _, c := range list {
		if !in[c.Serial] {
			out = append(out, c.Serial)
		}
	}
	err = o.Ledger.Write(ctx, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE issued_cards SET change = $1 WHERE change = 0 AND blank = ANY($2)", RegistryRefused, out)
		return err
	})
	return len(done), errors.Join(refused, err)
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

// followCards makes one change of the registry of cards. Those that it refuses are left out, and
// named.
func (o *Office) followCards(ctx context.Context, list []openCard) (done []openCard, refused, err error) {
	err = o.follow(ctx, list)
	var faults *registry.ImportError
	if !errors.As(err, &faults) {
		if errors.Is(err, registry.ErrStale) {
			return nil, nil, nil
		}
		return list, nil, err
	}
	wrong := map[int]bool{}
	for _, fault := range faults.Faults {
		if fault.Line >= firstRow {
			wrong[fault.Line-firstRow] = true
		}
	}
	for n := range list {
		if !wrong[n] {
			done = append(done, list[n])
		}
	}
	refused = language.Textf("issued cards that the registry refuses: %w", faults)
	switch {
	case len(wrong) == 0: // none of the faults names a line
		return nil, nil, refused
	case len(done) == 0:
		return nil, refused, nil
	}
	err = o.follow(ctx, done)
	if errors.Is(err, registry.ErrStale) {
		return nil, nil, nil
	}
	return done, refused, err
}

// firstRow is the line of the first row of a file of the registry.
const firstRow = 2

func (o *Office) follow(ctx context.Context, list []openCard) error {
	var file strings.Builder
	file.WriteString(strings.Join(registry.Cards.Columns(), ",") + "\n")
	serials := make([]int64, len(list))
	for n := range list {
		m := &list[n].Made
		serials[n] = list[n].Serial
		fmt.Fprintf(&file, "%s,%s,%02x,active,%s,%s,%s\n", m.Number, m.Issuer, m.Type, m.Begins, m.Expires, m.Holder())
	}
	return registry.Follow(ctx, o.Ledger, registry.ActIssued, registry.Files{"cards.csv": file.String()}, func(ctx context.Context, tx pgx.Tx, change int64) error {
		if change == 0 {
			change = SaidBefore
		}
		_, err := tx.Exec(ctx, "UPDATE issued_cards SET change = $1 WHERE change = 0 AND blank = ANY($2)", change, serials)
		return err
	})
}
