package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Find reads the row under a key, a transfer or a memo. A row never changes; one that was not
// found may be posted later.
func (l *Ledger) Find(ctx context.Context, k Key) (row Row, found bool, err error) {
	err = l.stream(ctx, "find a row", func(r Row) error { row, found = r, true; return nil },
		"journal WHERE effective_day = $1 AND subject = $2 AND id = $3", k.Day, []byte(k.Subject), []byte(k.ID))
	return row, found, err
}

// FindIn is Find inside a transaction: of two serializable ones, of which one posts the
// row and the other has not found it, one sees the other.
func FindIn(ctx context.Context, tx pgx.Tx, k Key) (row Row, found bool, err error) {
	err = EachRow(ctx, tx, func(r Row) error { row, found = r, true; return nil },
		"journal WHERE effective_day = $1 AND subject = $2 AND id = $3", k.Day, []byte(k.Subject), []byte(k.ID))
	if err != nil {
		return row, false, fmt.Errorf("find a row: %w", err)
	}
	return row, found, nil
}

// FindAll reads the rows under keys with one query: one for each key, nil where there is none.
func (l *Ledger) FindAll(ctx context.Context, keys []Key) ([]*Row, error) {
	found := make(map[Key]*Row, len(keys))
	days, subjects, ids := columnsOf(keys)
	err := l.Look(ctx, func(tx pgx.Tx) error {
		return EachRow(ctx, tx, func(r Row) error {
			found[r.Key()] = &r
			return nil
		}, `(SELECT j.* FROM unnest($1::INT4[], $2::BYTEA[], $3::BYTEA[]) AS k (on_day, of_subject, with_id)
			JOIN journal j ON j.effective_day = k.on_day AND j.subject = k.of_subject AND j.id = k.with_id) AS found`, days, subjects, ids)
	})
	if err != nil {
		return nil, fmt.Errorf("find %d rows: %w", len(keys), err)
	}
	rows := make([]*Row, len(keys))
	for i, k := range keys {
		rows[i] = found[k]
	}
	return rows, nil
}

// RowsOf passes the rows of a purpose that subjects have on days, with one query. Of the keys the
// ids do not count.
func (l *Ledger) RowsOf(ctx context.Context, keys []Key, purpose Purpose, fn func(Row) error) error {
	days, subjects, _ := columnsOf(keys)
	err := l.Look(ctx, func(tx pgx.Tx) error {
		return EachRow(ctx, tx, fn, `(SELECT j.* FROM (SELECT DISTINCT on_day, of_subject FROM unnest($1::INT4[], $2::BYTEA[]) AS u (on_day, of_subject)) AS k
			JOIN journal j ON j.effective_day = k.on_day AND j.subject = k.of_subject WHERE j.purpose = $3) AS found`, days, subjects, purpose)
	})
	if err != nil {
		return fmt.Errorf("read the rows of %d subjects: %w", len(keys), err)
	}
	return nil
}

// columnsOf are keys as a query wants them.
func columnsOf(keys []Key) (days []int32, subjects, ids [][]byte) {
	days, subjects, ids = make([]int32, len(keys)), make([][]byte, len(keys)), make([][]byte, len(keys))
	for i, k := range keys {
		days[i], subjects[i], ids[i] = int32(k.Day), []byte(k.Subject), []byte(k.ID)
	}
	return days, subjects, ids
}

// KeysOf lists the keys of a subject's rows whose effective day is a booking day, in no order. It
// reads nothing but keys.
func (l *Ledger) KeysOf(ctx context.Context, subject Subject) (keys []Key, err error) {
	err = l.run(ctx, func(ctx context.Context) error {
		keys = keys[:0]
		return l.Read(ctx, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, `SELECT j.effective_day, j.id FROM days AS d
				JOIN journal AS j ON j.effective_day = d.day AND j.subject = $1`, []byte(subject))
			if err != nil {
				return err
			}
			k := Key{Subject: subject}
			_, err = pgx.ForEachRow(rows, []any{&k.Day, &k.ID}, func() error {
				keys = append(keys, k)
				return nil
			})
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return keys, nil
}

// Amounts reads the amounts that the transfers under keys moved: one amount for each key, 0 where
// there is no transfer. A row of the journal never changes, so an amount that was found stays true;
// one that was not found may be posted later.
func (l *Ledger) Amounts(ctx context.Context, keys []Key) ([]Fen, error) {
	amounts := make([]Fen, len(keys))
	if len(keys) == 0 {
		return amounts, nil
	}
	days, subjects, ids := columnsOf(keys)
	numbers := make([]int32, len(keys))
	for i := range keys {
		numbers[i] = int32(i)
	}
	err := l.run(ctx, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `SELECT k.n, j.amount
			FROM unnest($1::INT4[], $2::BYTEA[], $3::BYTEA[], $4::INT4[]) AS k (day, subject, id, n)
			JOIN journal j ON j.effective_day = k.day AND j.subject = k.subject AND j.id = k.id`, days, subjects, ids, numbers)
		if err != nil {
			return err
		}
		var n int32
		var amount Fen
		_, err = pgx.ForEachRow(rows, []any{&n, &amount}, func() error {
			amounts[n] = amount
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look up amounts: %w", err)
	}
	return amounts, nil
}

// Holdings reads and locks, in a caller's transaction (Batch.Prepare), what accounts hold: credits
// - debits - what is held of it, over all shards. An account on which nothing was ever booked holds
// 0.
func (l *Ledger) Holdings(ctx context.Context, tx pgx.Tx, accounts []AccountID) (map[AccountID]Fen, error) {
	holdings := make(map[AccountID]Fen, len(accounts))
	if len(accounts) == 0 {
		return holdings, nil
	}
	rows, err := tx.Query(ctx, `SELECT account, credits - debits - debits_held FROM balances WHERE account = ANY($1::INT8[])
		ORDER BY account, shard FOR UPDATE`, accounts)
	if err != nil {
		return nil, fmt.Errorf("read holdings: %w", err)
	}
	var account AccountID
	var held Fen
	_, err = pgx.ForEachRow(rows, []any{&account, &held}, func() error {
		holdings[account] += held
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read holdings: %w", err)
	}
	return holdings, nil
}
