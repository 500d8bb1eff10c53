package unconfirmed

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"citycard/ledger"
)

// Watch counts what is open. It remembers what was, and reads only that and what came since, so
// that looking often costs little. The zero value begins with all. It has one user at a time.
type Watch struct {
	from ledger.Day // of what was kept on this clearing day or later, some may be new
	open map[ledger.Key]ledger.Day
}

// Open is how many are open, and the clearing day on which the oldest of them was kept.
type Open struct {
	Count int
	Since ledger.Day // 0 where there is none
}

// behind is by how many days streams may be apart, those of reopened days included.
const behind = 60

// Count reads what is open now.
func (w *Watch) Count(ctx context.Context, l *ledger.Ledger) (now Open, err error) {
	undecided := map[ledger.Key]ledger.Day{}
	err = l.Look(ctx, func(tx pgx.Tx) error {
		clear(undecided)
		return w.undecided(ctx, tx, undecided)
	})
	if err != nil {
		return now, fmt.Errorf("count taps without a TAC: %w", err)
	}
	for keys := range slices.Chunk(slices.Collect(maps.Keys(undecided)), page) {
		rows, err := l.FindAll(ctx, keys)
		if err != nil {
			return now, err
		}
		for i, tap := range rows {
			w.from = max(w.from, undecided[keys[i]].Add(-behind))
			if tap != nil {
				delete(undecided, keys[i])
			}
		}
	}
	w.open = undecided
	for _, booked := range undecided {
		if now.Count++; now.Since == 0 || booked < now.Since {
			now.Since = booked
		}
	}
	return now, nil
}

// undecided finds, among those that were open and those that are new, the ones that nobody has
// decided about.
func (w *Watch) undecided(ctx context.Context, tx pgx.Tx, found map[ledger.Key]ledger.Day) error {
	var cards, ids [][]byte
	var days []int32
	for key := range w.open {
		cards, days, ids = append(cards, []byte(key.Subject)), append(days, int32(key.Day)), append(ids, []byte(key.ID))
	}
	rows, err := tx.Query(ctx, `
		SELECT u.card, u.day, u.id, u.booked FROM unnest($1::BYTEA[], $2::INT4[], $3::BYTEA[]) AS k (card, day, id)
			JOIN unconfirmed_taps u ON u.card = k.card AND u.day = k.day AND u.id = k.id WHERE u.decided = ''
		UNION SELECT card, day, id, booked FROM unconfirmed_taps WHERE booked >= $4 AND decided = ''`, cards, days, ids, w.from)
	if err != nil {
		return err
	}
	var card, id []byte
	var day, booked ledger.Day
	_, err = pgx.ForEachRow(rows, []any{&card, &day, &id, &booked}, func() error {
		found[ledger.Key{Day: day, Subject: ledger.Subject(card), ID: ledger.ID(id)}] = booked
		return nil
	})
	return err
}
