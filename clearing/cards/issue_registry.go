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

// FollowIssued brings the cards that were issued into the registry, and reports how many. A card
// that the registry refuses keeps no other one back.
func (o *Office) FollowIssued(ctx context.Context) (n int, err error) {
	var faults []error
	for after := int64(0); ; {
		list, err := o.openCards(ctx, after)
		if err != nil || len(list) == 0 {
			return n, errors.Join(append(faults, err)...)
		}
		done, refused, err := o.followCards(ctx, list)
		if err != nil {
			return n, errors.Join(append(faults, err)...)
		}
		if refused != nil && len(faults) < mostNamed {
			faults = append(faults, refused)
		}
		n, after = n+len(done), list[len(list)-1].Serial
	}
}

func (o *Office) openCards(ctx context.Context, after int64) (list []openCard, err error) {
	rows, err := o.Ledger.Pool().Query(ctx, "SELECT blank, made FROM issued_cards WHERE change = 0 AND blank > $1 ORDER BY blank LIMIT $2", after, mostFollowed)
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
	if len(done) == 0 || len(wrong) == 0 {
		return nil, refused, nil
	}
	return done, refused, o.follow(ctx, done)
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
