package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Standing is what an account holds (credits - debits), and how much of that was booked in one day.
type Standing struct {
	Account AccountID
	Held    Fen
	Today   Fen
}

// Standings returns what accounts hold now, and how much of it was booked in one booking day. It
// reads one row for each of their shards, however old the books are.
func (l *Ledger) Standings(ctx context.Context, day Day, accounts []AccountID) (standings []Standing, err error) {
	err = l.run(ctx, func(ctx context.Context) error {
		rows, err := l.pool.Query(ctx, `SELECT b.account, sum(b.credits - b.debits)::INT8, coalesce(sum(t.credits - t.debits), 0)::INT8
			FROM balances b LEFT JOIN turnovers t ON t.account = b.account AND t.shard = b.shard AND t.day = $1
			WHERE b.account = ANY($2::INT8[]) GROUP BY b.account`, day, accounts)
		if err != nil {
			return err
		}
		standings, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Standing])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("standings of %d accounts: %w", len(accounts), err)
	}
	return standings, nil
}

// Reached is how far a reader of notes has read in each stream, by the stream's number; nil means
// that it has read nothing.
type Reached map[int64]int64

// NotesSince calls fn with the note of every batch that was booked since the reader's last call and
// has one. For a reader that has read nothing (nil), it does so for every batch booked in the days
// from first on. It returns how far the reader has read. Nothing is read twice.
func (l *Ledger) NotesSince(ctx context.Context, first Day, reached Reached, fn func(day Day, note []byte) error) (Reached, error) {
	now := Reached{}
	err := l.ReadByKey(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT number, sequence FROM streams")
		if err != nil {
			return err
		}
		var streams, since []int64
		var number, sequence int64
		if _, err = pgx.ForEachRow(rows, []any{&number, &sequence}, func() error {
			if now[number] = sequence; sequence > reached[number] {
				streams, since = append(streams, number), append(since, reached[number])
			}
			return nil
		}); err != nil {
			return err
		}
		if reached == nil {
			rows, err = tx.Query(ctx, "SELECT day, note FROM batches WHERE day >= $1", first)
		} else {
			rows, err = tx.Query(ctx, `SELECT b.day, b.note FROM unnest($1::INT8[], $2::INT8[]) AS s (stream, since)
				JOIN batches b ON b.stream = s.stream AND b.sequence > s.since`, streams, since)
		}
		if err != nil {
			return err
		}
		var day Day
		var note []byte
		_, err = pgx.ForEachRow(rows, []any{&day, &note}, func() error {
			if len(note) == 0 {
				return nil
			}
			return fn(day, note)
		})
		return err
	})
	if err != nil {
		return reached, fmt.Errorf("read the notes of batches: %w", err)
	}
	return now, nil
}
