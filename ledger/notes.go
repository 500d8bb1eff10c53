package ledger

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Notes calls fn for every batch that was booked in a day and has a note, in the order of streams
// and sequences.
func (l *Ledger) Notes(ctx context.Context, day Day, fn func(note []byte) error) error {
	err := l.ReadByKey(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT note FROM batches WHERE day = $1 AND length(note) > 0 ORDER BY stream, sequence", day)
		if err != nil {
			return err
		}
		var note []byte
		_, err = pgx.ForEachRow(rows, []any{&note}, func() error { return fn(note) })
		return err
	})
	if err != nil {
		return fmt.Errorf("read the notes of day %v: %w", day, err)
	}
	return nil
}
