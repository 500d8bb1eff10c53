package registry

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people/proposal"
)

// second is the second that the database's clock shows.
const second = "floor(extract(epoch FROM clock_timestamp()))::INT8"

// hold has the rows of a change stay: it is proposed, or comes in force.
func hold(ctx context.Context, tx pgx.Tx, change int64) error {
	held, err := tx.Exec(ctx, "UPDATE registry_changes SET drafted = 0 WHERE number = $1 AND drafted >= 0", change)
	if err == nil && held.RowsAffected() == 0 {
		err = proposal.ErrForgotten
	}
	return err
}

// Forget removes the changes that nobody has proposed for a time, and says how many. Each is marked
// first, so that nobody proposes it while its rows go; one that was interrupted goes on. Of the
// newest change the number stays, without rows, until there is a newer one: a number is never
// another change's.
func (s *Store) Forget(ctx context.Context, after time.Duration) (n int, err error) {
	err = attempts(ctx, func() error {
		marked, err := s.pool.Exec(ctx, `UPDATE registry_changes SET drafted = -1 WHERE drafted > 0 AND drafted <= `+second+` - $1
			AND NOT EXISTS (SELECT 1 FROM registry_versions v WHERE v.change = registry_changes.number)`, int64(after/time.Second))
		n = int(marked.RowsAffected())
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("mark drafts of the registry: %w", err)
	}
	rows, err := s.pool.Query(ctx, "SELECT number FROM registry_changes WHERE drafted < 0 ORDER BY number")
	if err != nil {
		return 0, fmt.Errorf("read drafts of the registry: %w", err)
	}
	numbers, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	for _, number := range numbers {
		if err == nil {
			err = s.forgetRows(ctx, number)
		}
	}
	if err == nil {
		err = attempts(ctx, func() error {
			_, err := s.pool.Exec(ctx, "DELETE FROM registry_changes WHERE drafted < 0 AND number < (SELECT max(number) FROM registry_changes)")
			return err
		})
	}
	if err != nil {
		return 0, fmt.Errorf("remove drafts of the registry: %w", err)
	}
	return n, nil
}

func (s *Store) forgetRows(ctx context.Context, change int64) error {
	for {
		var gone int64
		err := attempts(ctx, func() error {
			tag, err := s.pool.Exec(ctx, `DELETE FROM registry_rows WHERE change = $1 AND (kind, key, effective_from) IN
				(SELECT kind, key, effective_from FROM registry_rows WHERE change = $1 ORDER BY kind, key, effective_from LIMIT $2)`, change, rowsChunk)
			gone = tag.RowsAffected()
			return err
		})
		if err != nil || gone < rowsChunk {
			return err
		}
	}
}
