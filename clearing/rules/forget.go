package rules

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/people/proposal"
	"citycard/language"
)

// second is the second that the database's clock shows.
const second = "floor(extract(epoch FROM clock_timestamp()))::INT8"

// holds has the documents stay that a proposal names.
func (s *Store) holds(ctx context.Context, tx pgx.Tx, c Content) error {
	if s.Ledger.Rehearses() {
		return nil
	}
	hashes, err := Hashes(c.Documents)
	if err == nil {
		err = hold(ctx, tx, hashes)
	}
	if errors.Is(err, proposal.ErrForgotten) {
		err = &proposal.Refusal{Text: proposal.ErrForgotten, Todo: language.Textf("propose the documents again")}
	}
	return err
}

// hold has documents stay: they are proposed, or come in force.
func hold(ctx context.Context, tx pgx.Tx, hashes map[Kind][]byte) error {
	for _, kind := range Kinds() {
		hash := hashes[kind]
		if hash == nil {
			continue
		}
		held, err := tx.Exec(ctx, "UPDATE document_contents SET drafted = 0 WHERE hash = $1", hash)
		if err != nil {
			return err
		}
		if held.RowsAffected() == 0 {
			return proposal.ErrForgotten
		}
	}
	return nil
}

// Forget removes the documents that nobody has proposed for a time, and says how many.
func (s *Store) Forget(ctx context.Context, after time.Duration) (n int64, err error) {
	err = s.Ledger.Write(ctx, func(tx pgx.Tx) error {
		gone, err := tx.Exec(ctx, `DELETE FROM document_contents WHERE drafted > 0 AND drafted <= `+second+` - $1
			AND NOT EXISTS (SELECT 1 FROM edition_documents e WHERE e.hash = document_contents.hash)`, int64(after/time.Second))
		n = gone.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("remove drafts of rules: %w", err)
	}
	return n, nil
}
