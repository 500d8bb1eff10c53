package cards

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/identity"
	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/ledger"
)

// wanted is what the registry is to say of a card.
type wanted struct {
	number  string
	reasons map[int64]string // of rows of the hotlist, by their beginning
	until   map[int64]int64
	order   []int64
	expires ledger.Day
}

// list adds a row, or has the one that holds already hold as long.
func (w *wanted) list(since, until int64, reason string) {
	for _, from := range w.order {
		if to := w.until[from]; from <= since && (to == 0 || since <= to) {
			w.until[from] = until
			return
		}
	}
	w.order = append(w.order, since)
	w.until[since], w.reasons[since] = until, reason
}

// end ends what holds at a moment.
func (w *wanted) end(at int64) {
	for _, from := range w.order {
		if to := w.until[from]; from <= at && (to == 0 || at <= to) {
			w.until[from] = at
		}
	}
}

// mostFollowed is how many cards one change of the registry follows.
const mostFollowed = 1000

// Follow brings into force what the registry is to say because of steps, and reports of how many
// cards. Another change at the same time is tried again at the next call.
func (o *Office) Follow(ctx context.Context) (n int, err error) {
	all, said, err := o.open(ctx)
	if err != nil || len(all) == 0 {
		return 0, err
	}
	files, err := o.files(ctx, all)
	if err != nil {
		return 0, err
	}
	err = registry.Follow(ctx, o.Ledger, files, func(ctx context.Context, tx pgx.Tx, change int64) error {
		if change == 0 {
			change = -1 // the registry said it before
		}
		_, err := tx.Exec(ctx, "UPDATE registry_dues SET change = $1 FROM unnest($2::BYTEA[], $3::INT8[]) AS said (card, step) WHERE change = 0 AND registry_dues.card = said.card AND registry_dues.step = said.step", change, said.cards, said.steps)
		return err
	})
	if errors.Is(err, registry.ErrStale) {
		return 0, nil
	}
	return len(all), err
}

// dues names those that were read: one that comes meanwhile is for the next change.
type dues struct {
	cards [][]byte
	steps []int64
}

// open reads the cards of which something is due, each with all that was ever due of it.
func (o *Office) open(ctx context.Context) (all map[identity.Card]*wanted, said dues, err error) {
	rows, err := o.Ledger.Pool().Query(ctx, `SELECT d.card, d.step, d.number, d.since, d.until, d.reason, d.expires FROM registry_dues d
		WHERE d.card IN (SELECT card FROM registry_dues WHERE change = 0 ORDER BY card LIMIT $1) ORDER BY d.card, d.step`, mostFollowed)
	if err != nil {
		return nil, said, fmt.Errorf("read what the registry is to say: %w", err)
	}
	all = map[identity.Card]*wanted{}
	var card []byte
	var number, reason string
	var step, since, until int64
	var expires ledger.Day
	_, err = pgx.ForEachRow(rows, []any{&card, &step, &number, &since, &until, &reason, &expires}, func() error {
		said.cards, said.steps = append(said.cards, slices.Clone(card)), append(said.steps, step)
		of := all[identity.Card(card)]
		if of == nil {
			of = &wanted{number: number, reasons: map[int64]string{}, until: map[int64]int64{}}
			all[identity.Card(card)] = of
		}
		switch {
		case expires != 0:
			of.expires = expires
		case since == 0:
			of.end(until)
		default:
			of.list(since, until, reason)
		}
		return nil
	})
	if err != nil {
		return nil, said, fmt.Errorf("read what the registry is to say: %w", err)
	}
	return all, said, nil
}

// files are the files of the change.
func (o *Office) files(ctx context.Context, all map[identity.Card]*wanted) (registry.Files, error) {
	figures, err := o.InForce(ctx)
	if err != nil {
		return nil, err
	}
	var hotlist, cards strings.Builder
	hotlist.WriteString(strings.Join(registry.Hotlist.Columns(), ",") + "\n")
	cards.WriteString(strings.Join(registry.Cards.Columns(), ",") + "\n")
	listed, extended := 0, 0
	for _, of := range all {
		for _, from := range of.order {
			to := ""
			if until := of.until[from]; until != 0 {
				to = strconv.FormatInt(max(until, from), 10)
			}
			listed++
			fmt.Fprintf(&hotlist, "%s,%s,%d,%s\n", of.number, of.reasons[from], from, to)
		}
		if of.expires == 0 {
			continue
		}
		r, err := o.lookUp(ctx, of.number, figures.Now)
		if err != nil {
			return nil, err
		}
		extended++
		holder := "anonymous"
		if r.person {
			holder = "registered"
		}
		fmt.Fprintf(&cards, "%s,%x,%02x,%s,%s,%s,%s\n", index.Number(r.id.ASN).Digits(), r.id.Issuer, r.kind, r.status, figures.today(), of.expires, holder)
	}
	files := registry.Files{}
	if listed > 0 {
		files["hotlist.csv"] = hotlist.String()
	}
	if extended > 0 {
		files["cards.csv"] = cards.String()
	}
	return files, nil
}
