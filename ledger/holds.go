package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// HoldStatus is one hold.
type HoldStatus struct {
	Key           Key
	Debit, Credit AccountID
	Amount        Fen
	Expires       time.Time // zero for never
	State         HoldState
	Posted        Fen // what was moved of it
}

// Expiry returns the transfer that ends the hold because it has lapsed.
func (h *HoldStatus) Expiry(now time.Time) Transfer {
	return Transfer{Day: h.Key.Day, Subject: h.Key.Subject, ID: h.Key.ID, Act: ExpireHold, Now: now}
}

const selectHolds = "SELECT day, subject, id, debit, credit, amount, expires, state, posted FROM holds "

// Holds calls fn for each hold that has not ended: first those that never lapse, then the others in
// the order in which they lapse.
func (l *Ledger) Holds(ctx context.Context, fn func(HoldStatus) error) error {
	return l.holds(ctx, fn, "WHERE state = 'held' ORDER BY expires, day, subject, id")
}

// Lapsed returns up to limit holds that have lapsed by now and are still held, the oldest first.
func (l *Ledger) Lapsed(ctx context.Context, now time.Time, limit int) ([]HoldStatus, error) {
	var holds []HoldStatus
	err := l.holds(ctx, func(h HoldStatus) error { holds = append(holds, h); return nil },
		"WHERE state = 'held' AND expires > 0 AND expires <= $1 ORDER BY expires, day, subject, id LIMIT $2", now.Unix(), limit)
	return holds, err
}

// HoldOf returns the hold under a key, and whether there is one.
func (l *Ledger) HoldOf(ctx context.Context, k Key) (hold HoldStatus, found bool, err error) {
	err = l.holds(ctx, func(h HoldStatus) error { hold, found = h, true; return nil },
		"WHERE day = $1 AND subject = $2 AND id = $3", k.Day, []byte(k.Subject), []byte(k.ID))
	return hold, found, err
}

func (l *Ledger) holds(ctx context.Context, fn func(HoldStatus) error, condition string, args ...any) error {
	err := l.ReadByKey(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, selectHolds+condition, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var h HoldStatus
			var expires int64
			if err = rows.Scan(&h.Key.Day, &h.Key.Subject, &h.Key.ID, &h.Debit, &h.Credit, &h.Amount, &expires, &h.State, &h.Posted); err != nil {
				return err
			}
			h.Expires = chain.Unix(expires)
			if err = fn(h); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err != nil {
		return fmt.Errorf("read holds: %w", err)
	}
	return nil
}

// holdRows are holds as the database takes them, column by column.
type holdRows struct {
	days                    []int32
	subjects, ids           [][]byte
	debits, credits         []int64
	amounts, lapses, posted []int64
	states                  []string
}

const putHolds = `INSERT INTO holds (day, subject, id, debit, credit, amount, expires, state, posted)
	SELECT d, s, i, de, cr, a, e, st, p
	FROM unnest($1::INT4[], $2::BYTEA[], $3::BYTEA[], $4::INT8[], $5::INT8[], $6::INT8[], $7::INT8[], $8::TEXT[], $9::INT8[]) AS u (d, s, i, de, cr, a, e, st, p)
	ON CONFLICT (day, subject, id) DO UPDATE SET state = excluded.state, posted = excluded.posted`

// queueHolds queues the holds that the rows make and end, each in its state after the batch, in the
// order of their keys.
func queueHolds(batch *pgx.Batch, rows []newRow) {
	after := make(map[Key]*newRow)
	for i := range rows {
		r := &rows[i]
		switch {
		case r.ends != nil:
			after[r.ends.Key()] = r
		case r.Act == Hold:
			after[r.Key()] = r
		}
	}
	if len(after) == 0 {
		return
	}
	keys := make([]Key, 0, len(after))
	for k := range after {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b Key) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.ID, b.ID))
	})
	var h holdRows
	for _, k := range keys {
		h.add(k, after[k])
	}
	batch.Queue(putHolds, h.days, h.subjects, h.ids, h.debits, h.credits, h.amounts, h.lapses, h.states, h.posted)
}

// add adds the hold under k in the state that row r gives it: r is the hold itself or the row that
// ended it.
func (h *holdRows) add(k Key, r *newRow) {
	hold, state, posted := &r.Row, chain.HoldHeld, Fen(0)
	if r.ends != nil {
		hold = r.ends
		switch r.Act {
		case PostHold:
			state, posted = chain.HoldPosted, r.Amount
		case VoidHold:
			state = chain.HoldVoided
		default:
			state = chain.HoldExpired
		}
	}
	h.days, h.subjects, h.ids = append(h.days, int32(k.Day)), append(h.subjects, []byte(k.Subject)), append(h.ids, []byte(k.ID))
	h.debits, h.credits = append(h.debits, int64(hold.Debit)), append(h.credits, int64(hold.Credit))
	h.amounts, h.lapses = append(h.amounts, int64(hold.Amount)), append(h.lapses, hold.ExpiresUnix())
	h.states, h.posted = append(h.states, string(state)), append(h.posted, int64(posted))
}
