package persons

import (
	"context"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/ledger"
)

// Undo is the content of the audit entry by which a person has an import undone.
type Undo struct {
	Import int32  `json:"import"`
	File   string `json:"file"` // SHA-256, in hexadecimal
}

// Text is what the person signs.
func (u *Undo) Text() string {
	return fmt.Sprintf("import %d of persons, roster sha256:%s", u.Import, u.File)
}

// undoParts is of how many parts an undoing looks at the rows, or goes through the lines, in one
// transaction.
const undoParts = 4

// undo takes away what an import that was found in the way has stored, unless it has ended since,
// or was undone. Before anything else it marks it: nobody goes on with it then, and a process that
// still imports it stops. Its row stays, marked as undone, so that no other import gets its number:
// two processes may undo it at once, and one that comes late takes nothing away that is another's.
// The person signs for the mark, which is one commit with its entry in the audit.
func (s *Store) undo(ctx context.Context, p *progress, o *Order) error {
	page := undoParts * int64(o.Part)
	number, undoing := p.number, Undo{p.number, hex.EncodeToString(p.file[:])}
	by, err := o.Sign(ActUndo, undoing.Text())
	if err != nil {
		return err
	}
	err = s.ledger.Write(ctx, func(tx pgx.Tx) (err error) {
		if p, err = scanImport(tx.QueryRow(ctx, selectImport+"WHERE number = $1", number)); err != nil || p.ended() {
			return err
		}
		if _, err = tx.Exec(ctx, "UPDATE person_imports SET state = 'undoing' WHERE number = $1 AND state = 'begun'", number); err != nil {
			return err
		}
		return record(ctx, tx, ActUndo, undoing, by)
	})
	if err == nil && (p.ended() || s.ledger.Rehearses()) {
		return nil
	}
	if err == nil {
		err = s.undoPersons(ctx, number, page)
	}
	if err == nil {
		err = s.undoRejects(ctx, p, page)
	}
	if err == nil {
		err = s.ledger.Write(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "DELETE FROM person_parts WHERE import = $1", p.number); err != nil {
				return err
			}
			ended, err := tx.Exec(ctx, "UPDATE person_imports SET state = 'undone' WHERE number = $1 AND file = $2 AND state = 'undoing'", p.number, p.file[:])
			if err != nil {
				return err
			}
			if ended.RowsAffected() == 0 {
				return p.moved(ctx, tx, p.head, Undone)
			}
			return record(ctx, tx, ActEnd, p.imported(Undone), ledger.Approval{})
		})
	}
	if err != nil {
		return fmt.Errorf("undo import %d: %w", number, err)
	}
	return nil
}

// undoPersons goes through all persons once, in the order of their key.
func (s *Store) undoPersons(ctx context.Context, number int32, page int64) error {
	after, afterOf := []byte{}, int32(0)
	for {
		var tokens [][]byte
		var last []byte
		var of int32
		n := int64(0)
		err := s.ledger.Look(ctx, func(tx pgx.Tx) error {
			tokens, n = nil, 0
			rows, err := tx.Query(ctx, "SELECT token, import FROM persons WHERE (token, import) > ($1, $2) ORDER BY token, import LIMIT $3", after, afterOf, page)
			if err != nil {
				return err
			}
			_, err = pgx.ForEachRow(rows, []any{&last, &of}, func() error {
				n++
				if of == number {
					tokens = append(tokens, last)
				}
				return nil
			})
			return err
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
		after, afterOf = last, of // of the reading that succeeded
	}
}

func (s *Store) undoRejects(ctx context.Context, p *progress, page int64) error {
	for line := int64(FirstLine); line < p.next; line += page {
		err := s.ledger.Write(ctx, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "DELETE FROM person_rejects WHERE import = $1 AND line >= $2 AND line < $3", p.number, line, line+page)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
