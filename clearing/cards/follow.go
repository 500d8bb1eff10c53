package cards

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/registry"
	"citycard/clearing/registry/index"
	"citycard/ledger"
)

// Wanted is what the registry is to say of a card because of all its steps.
type Wanted struct {
	reasons map[int64]string // of rows of the hotlist, by their beginning
	until   map[int64]int64
	order   []int64
	expires ledger.Day
}

// NewWanted is of a card without steps.
func NewWanted() *Wanted {
	return &Wanted{reasons: map[int64]string{}, until: map[int64]int64{}}
}

// Add adds what is due because of the next step.
func (w *Wanted) Add(of Due) {
	switch {
	case of.Expires != 0:
		w.expires = of.Expires
	case of.Since == 0:
		w.end(of.Until)
	default:
		w.list(of.Since, of.Until, of.Reason)
	}
}

// Expires is the card's last day; 0 if no step has changed it.
func (w *Wanted) Expires() ledger.Day { return w.expires }

// Listed are the rows of the hotlist, in the order of their steps.
func (w *Wanted) Listed() (rows []Due) {
	for _, from := range w.order {
		row := Due{Since: from, Reason: w.reasons[from]}
		if until := w.until[from]; until != 0 {
			row.Until = max(until, from)
		}
		rows = append(rows, row)
	}
	return rows
}

// list adds a row, or has the one that holds already hold as long.
func (w *Wanted) list(since, until int64, reason string) {
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
func (w *Wanted) end(at int64) {
	for _, from := range w.order {
		if to := w.until[from]; from <= at && (to == 0 || at <= to) {
			w.until[from] = at
		}
	}
}

// mostFollowed is how many cards one change of the registry follows.
const mostFollowed = 1000

// SaidBefore is the change of what is due where the registry said it already.
const SaidBefore = -1

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
	err = registry.NewFollower(o.Ledger).Follow(ctx, registry.ActFollow, files, func(ctx context.Context, tx pgx.Tx, change int64) error {
		if change == 0 {
			change = SaidBefore
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

// open reads the numbers of cards of which something is due, each with all that was ever due of it,
// but for last days that the registry has said: by now people may have said others.
func (o *Office) open(ctx context.Context) (all map[string]*Wanted, said dues, err error) {
	rows, err := o.Ledger.Pool().Query(ctx, `SELECT d.card, d.step, d.number, d.since, d.until, d.reason, d.expires, d.change FROM registry_dues d
		WHERE d.card IN (SELECT card FROM registry_dues WHERE change = 0 ORDER BY card LIMIT $1) ORDER BY d.card, d.step`, mostFollowed)
	if err != nil {
		return nil, said, fmt.Errorf("read what the registry is to say: %w", err)
	}
	all = map[string]*Wanted{}
	var card []byte
	var number string
	var step, change int64
	var of Due
	_, err = pgx.ForEachRow(rows, []any{&card, &step, &number, &of.Since, &of.Until, &of.Reason, &of.Expires, &change}, func() error {
		said.cards, said.steps = append(said.cards, slices.Clone(card)), append(said.steps, step)
		if all[number] == nil {
			all[number] = NewWanted()
		}
		if of.Expires == 0 || change == 0 {
			all[number].Add(of)
		}
		return nil
	})
	if err != nil {
		return nil, said, fmt.Errorf("read what the registry is to say: %w", err)
	}
	return all, said, nil
}

// files are the files of the change.
func (o *Office) files(ctx context.Context, all map[string]*Wanted) (registry.Files, error) {
	figures, err := o.InForce(ctx)
	if err != nil {
		return nil, err
	}
	var hotlist, cards strings.Builder
	hotlist.WriteString(strings.Join(registry.Hotlist.Columns(), ",") + "\n")
	cards.WriteString(strings.Join(registry.Cards.Columns(), ",") + "\n")
	listed, extended := 0, 0
	for number, of := range all {
		for _, row := range of.Listed() {
			to := ""
			if row.Until != 0 {
				to = strconv.FormatInt(row.Until, 10)
			}
			listed++
			fmt.Fprintf(&hotlist, "%s,%s,%d,%s\n", number, row.Reason, row.Since, to)
		}
		if of.expires == 0 {
			continue
		}
		r, err := o.lookUp(ctx, number, figures.Now)
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
