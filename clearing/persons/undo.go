package persons

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// undo takes an import that has not ended away, as if it had not begun. Before anything else it
// takes the file's hash and the head off it: a process that still imports finds another head and
// stops, and nobody goes on with it.
func (s *Store) undo(ctx context.Context) error {
	var number int32
	var nothing [sha256.Size]byte
	err := s.ledger.Write(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "UPDATE person_imports SET file = $1, head = $1 WHERE NOT done RETURNING number", nothing[:]).Scan(&number)
	})
	if errors.Is(err, pgx.ErrNoRows) || err == nil && s.ledger.Rehearses() {
		return nil
	}
	if err == nil {
		err = s.undoPersons(ctx, number)
	}
	if err == nil {
		err = s.ledger.Write(ctx, func(tx pgx.Tx) error {
			for _, statement := range []string{
				"DELETE FROM person_rejects WHERE import = $1", "DELETE FROM person_parts WHERE import = $1",
				"DELETE FROM person_imports WHERE number = $1 AND NOT done",
			} {
				if _, err := tx.Exec(ctx, statement, number); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("undo an import that has not ended: %w", err)
	}
	return nil
}

// undoPersons goes through all persons once, in the order of their key.
func (s *Store) undoPersons(ctx context.Context, number int32) error {
	const page = 20_000
	after := []byte{}
	for {
		var tokens [][]byte
		n := 0
		err := s.ledger.Retry(ctx, func(ctx context.Context) error {
			tokens, n = nil, 0
			return s.ledger.ReadByKey(ctx, func(tx pgx.Tx) error {
				rows, err := tx.Query(ctx, "SELECT token, import FROM persons WHERE (token, import) > ($1, 0) ORDER BY token, import LIMIT $2", after, page)
				if err != nil {
					return err
				}
				var of int32
				var token []byte
				_, err = pgx.ForEachRow(rows, []any{&token, &of}, func() error {
					n++
					if of == number {
						tokens = append(tokens, append([]byte{}, token...))
					}
					return nil
				})
				if n > 0 {
					after = append([]byte{}, token...)
				}
				return err
			})
		})
		if err != nil {
			return err
		}
		if len(tokens) > 0 {
			err = s.ledger.Write(ctx, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, "DELETE FROM persons WHERE import = $1 AND token = ANY($2)", number, tokens)
				return err
			})
			if err != nil {
				return err
			}
		}
		if n < page {
			return nil
		}
	}
}
