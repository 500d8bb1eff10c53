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

// Standings tells how accounts stand now, with what was booked on them in a booking day: a look at each of their shards, however old the books are.
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

// Reached is how far a reader of notes has come in each stream, by the stream's number; nil is nowhere.
type Reached map[int64]int64

// NotesSince calls fn with the note, where it has one, of every batch that was booked since a reader was there last; for a reader who was
// nowhere, of every batch booked in the days from first on. It returns where the reader has come. What was read before is not read again.
func (l *Ledger) NotesSince(ctx context.Context, first Day, reached Reached, fn func(day Day, note []byte) error) (Reached, error) {
	now := Reached{}
	err := l.inTx(ctx, readOnly, func(tx pgx.Tx) error {
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
