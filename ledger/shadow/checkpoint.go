package shadow

import (
	"bytes"
	"context"
	"errors"

	"citycard/ledger"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// defaultChunk is about how many rows of the journal one chunk of checkpoints reads.
const defaultChunk = 20_000

// The rows a chunk looks at: those booked in the day $1 by subjects after $3 up to $4, in the day's
// prompt window $2 or noted as late.
const (
	chunkRows = `(SELECT subject, effective_day, debit, credit, amount, kind, flags FROM journal
			WHERE effective_day = ANY($2::INT4[]) AND subject > $3 AND subject <= $4 AND booking_day = $1
		UNION ALL SELECT j.subject, j.effective_day, j.debit, j.credit, j.amount, j.kind, j.flags
			FROM late l JOIN journal j ON j.effective_day = l.effective_day AND j.subject = l.subject
			WHERE l.booking_day = $1 AND l.subject > $3 AND l.subject <= $4 AND j.booking_day = $1)`

	writeActivity = `INSERT INTO activity (subject, effective_day) SELECT DISTINCT subject, effective_day FROM ` + chunkRows + ` AS r
		ON CONFLICT (subject, effective_day) DO NOTHING`

	writeCheckpoints = `WITH moved AS (SELECT subject, debit, credit, amount FROM ` + chunkRows + ` AS r WHERE kind IS NULL AND ` + chain.MovesMoney + `)
		INSERT INTO checkpoints (account, subject, day, balance)
		SELECT s.account, s.subject, $1, s.left_over + coalesce(p.balance, 0)
		FROM (SELECT account, subject, sum(fen)::INT8 AS left_over FROM (
				SELECT credit AS account, subject, amount AS fen FROM moved UNION ALL SELECT debit, subject, -amount FROM moved) AS sides
			GROUP BY account, subject) AS s
		LEFT JOIN LATERAL (SELECT c.balance FROM checkpoints c WHERE c.account = s.account AND c.subject = s.subject AND c.day < $1
			ORDER BY c.day DESC LIMIT 1) AS p ON true
		ON CONFLICT (account, subject, day) DO NOTHING`

	writeShadows = `INSERT INTO shadows (account, subject, day, balance)
		SELECT c.account, c.subject, c.day, c.balance FROM (
			SELECT DISTINCT side.account, side.subject FROM (
				SELECT credit AS account, subject FROM ` + chunkRows + ` AS r WHERE kind IS NULL AND ` + chain.MovesMoney + `
				UNION ALL SELECT debit, subject FROM ` + chunkRows + ` AS r WHERE kind IS NULL AND ` + chain.MovesMoney + `) AS side) AS moved
		JOIN checkpoints c ON c.account = moved.account AND c.subject = moved.subject AND c.day = $1
		ON CONFLICT (account, subject) DO UPDATE SET day = excluded.day, balance = excluded.balance`
)

// Checkpoint writes the next chunk of checkpoints: what each subject's transfers left on each
// account at the end of the earliest sealed day that has none yet, and the days on which the
// subject was active. chunk is about how many rows of the journal to read (0: 20,000). It
// returns the day it worked on, 0 when there is nothing to do. It may be stopped anywhere and
// called again, by any process.
func Checkpoint(ctx context.Context, l *ledger.Ledger, chunk int) (ledger.Day, error) {
	if chunk <= 0 {
		chunk = defaultChunk
	}
	var day ledger.Day
	err := l.Change(ctx, "write checkpoints", func(tx pgx.Tx) error {
		var state ledger.DayState
		err := tx.QueryRow(ctx, `SELECT d.day, d.state FROM days d LEFT JOIN checkpointing c ON c.day = d.day
			WHERE c.done IS NULL OR NOT c.done ORDER BY d.day LIMIT 1`).Scan(&day, &state)
		if errors.Is(err, pgx.ErrNoRows) || err == nil && state != ledger.DaySealed {
			day = 0
			return nil
		}
		if err != nil {
			return err
		}
		return checkpointChunk(ctx, tx, day, chunk)
	})
	return day, err
}

// CheckpointAll writes checkpoints until none are missing.
func CheckpointAll(ctx context.Context, l *ledger.Ledger, chunk int) error {
	for {
		if day, err := Checkpoint(ctx, l, chunk); err != nil || day == 0 {
			return err
		}
	}
}

func checkpointChunk(ctx context.Context, tx pgx.Tx, day ledger.Day, chunk int) error {
	if _, err := tx.Exec(ctx, "INSERT INTO checkpointing (day, reached, done) VALUES ($1, $2, false) ON CONFLICT (day) DO NOTHING", day, []byte{}); err != nil {
		return err
	}
	var reached []byte
	var done bool
	if err := tx.QueryRow(ctx, "SELECT reached, done FROM checkpointing WHERE day = $1 FOR UPDATE", day).Scan(&reached, &done); err != nil || done {
		return err
	}
	window := ledger.PromptDays(day)
	until, err := chunkEnd(ctx, tx, window, reached, chunk)
	if err != nil {
		return err
	}
	for _, statement := range []string{writeActivity, writeCheckpoints, writeShadows} {
		if _, err = tx.Exec(ctx, statement, day, window, reached, until); err != nil {
			return err
		}
	}
	_, err = tx.Exec(ctx, "UPDATE checkpointing SET reached = $2, done = $3 WHERE day = $1", day, until, bytes.Equal(until, pastSubjects))
	return err
}

// chunkEnd returns the last subject of a chunk of about the given number of rows of each day of the
// window.
func chunkEnd(ctx context.Context, tx pgx.Tx, window []int32, reached []byte, chunk int) ([]byte, error) {
	until := pastSubjects
	for _, day := range window {
		rows, err := tx.Query(ctx, "SELECT subject FROM journal WHERE effective_day = $1 AND subject > $2 ORDER BY effective_day, subject, id LIMIT $3", day, reached, chunk)
		if err != nil {
			return nil, err
		}
		var subject, last []byte
		tag, err := pgx.ForEachRow(rows, []any{&subject}, func() error {
			last = subject
			return nil
		})
		if err != nil {
			return nil, err
		}
		if tag.RowsAffected() == int64(chunk) && bytes.Compare(last, until) < 0 {
			until = bytes.Clone(last)
		}
	}
	return until, nil
}

// selectCheckpointed reads the last booking day whose checkpoints are complete, 0 if there is none.
const selectCheckpointed = "SELECT coalesce(max(day), 0)::INT4 FROM checkpointing WHERE done"
