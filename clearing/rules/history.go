package rules

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/transit/fare"
)

// Entry is an edition, as the audit tells it.
type Entry struct {
	Edition  string      `json:"edition"`
	Kinds    []Kind      `json:"kinds"`
	Reason   string      `json:"reason"`
	Proposer string      `json:"proposed_by,omitempty"` // of the founding: nobody
	Approver string      `json:"approved_by"`           // of the founding: who founded it
	At       time.Time   `json:"at"`
	Change   fare.Change `json:"fare_change,omitzero"` // of prices, as it was when it was proposed
}

// History lists all editions, oldest first.
func (s *Store) History(ctx context.Context) ([]Entry, error) {
	entries, err := s.Ledger.Audit(ctx, ActFound, ActApprove)
	if err != nil {
		return nil, err
	}
	all := make([]Entry, 0, len(entries))
	for _, e := range entries {
		var what Entered
		if err := json.Unmarshal([]byte(e.What), &what); err != nil {
			return nil, fmt.Errorf("entry %d of the audit: %w", e.Number, err)
		}
		edition := Edition{Number: what.Edition}
		if _, err := hex.Decode(edition.Head[:], []byte(what.Head)); err != nil || len(what.Head) != 2*len(edition.Head) {
			return nil, fmt.Errorf("entry %d of the audit: a head of %q", e.Number, what.Head)
		}
		entry := Entry{Edition: edition.String(), Kinds: slices.Sorted(maps.Keys(what.Documents)), Reason: e.Reason, Proposer: e.First, Approver: e.Second, At: e.At, Change: what.Change}
		if e.Act == ActFound {
			entry.Proposer, entry.Approver = "", e.First
		}
		all = append(all, entry)
	}
	return all, nil
}

// Edition is the edition in force; ErrEmpty if there is none.
func (s *Store) Edition(ctx context.Context) (e Edition, err error) {
	err = s.Ledger.Read(ctx, func(tx pgx.Tx) error {
		e, err = lastEdition(ctx, tx)
		return err
	})
	return e, err
}

// InForce reads the documents in force; ErrEmpty if there are none.
func (s *Store) InForce(ctx context.Context) (*Set, error) {
	last, err := s.Edition(ctx)
	if err != nil {
		return nil, err
	}
	return s.At(ctx, last.Number)
}

// At reads the documents of an edition, and checks that they are those that were approved.
func (s *Store) At(ctx context.Context, number int64) (*Set, error) {
	edition, hashes, err := s.checked(ctx, number)
	if err != nil {
		return nil, fmt.Errorf("edition %d of the rules: %w", number, err)
	}
	contents, err := s.contents(ctx, hashes)
	if err != nil {
		return nil, fmt.Errorf("edition %d of the rules: %w", number, err)
	}
	set, err := Read(contents)
	if err != nil {
		return nil, fmt.Errorf("edition %d of the rules: %w", number, err)
	}
	set.Edition = edition
	return set, nil
}

// checked follows the heads of the editions up to one of them, and finds the hashes of the
// documents that are in force then.
func (s *Store) checked(ctx context.Context, number int64) (last Edition, inForce map[Kind][]byte, err error) {
	type link struct {
		number int64
		head   []byte
	}
	var links []link
	hashes := map[int64]map[Kind][]byte{}
	err = s.Ledger.Read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT number, head FROM editions WHERE number <= $1 ORDER BY number", number)
		if err != nil {
			return err
		}
		links, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l link, err error) {
			err = row.Scan(&l.number, &l.head)
			return l, err
		})
		if err != nil {
			return err
		}
		rows, err = tx.Query(ctx, "SELECT edition, kind, hash FROM edition_documents WHERE edition <= $1", number)
		if err != nil {
			return err
		}
		var edition int64
		var kind Kind
		var hash []byte
		_, err = pgx.ForEachRow(rows, []any{&edition, &kind, &hash}, func() error {
			if hashes[edition] == nil {
				hashes[edition] = map[Kind][]byte{}
			}
			hashes[edition][kind] = bytes.Clone(hash)
			return nil
		})
		return err
	})
	if err != nil {
		return Edition{}, nil, err
	}
	if number < 1 || int64(len(links)) != number {
		return Edition{}, nil, fmt.Errorf("want 1 to %d", len(links))
	}
	inForce = map[Kind][]byte{}
	for _, l := range links {
		last = last.Next(Digest(hashes[l.number]))
		if l.number != last.Number || string(l.head) != string(last.Head[:]) {
			return Edition{}, nil, fmt.Errorf("from number %d on: %w", l.number, ErrAltered)
		}
		maps.Copy(inForce, hashes[l.number])
	}
	return last, inForce, nil
}

// contents reads documents and checks their hashes.
func (s *Store) contents(ctx context.Context, hashes map[Kind][]byte) (contents map[Kind][]byte, err error) {
	contents = map[Kind][]byte{}
	last, _ := s.rehearsed.Find(digestText(hashes))
	err = s.Ledger.Read(ctx, func(tx pgx.Tx) error {
		for kind, hash := range hashes {
			content, rehearsed := last[kind]
			if sum := sha256.Sum256(content); !rehearsed || !bytes.Equal(sum[:], hash) {
				err := tx.QueryRow(ctx, "SELECT content FROM document_contents WHERE hash = $1", hash).Scan(&content)
				if errors.Is(err, pgx.ErrNoRows) {
					err = ErrAltered
				}
				if err != nil {
					return fmt.Errorf("%s: %w", kind, err)
				}
			}
			if sum := sha256.Sum256(content); !bytes.Equal(sum[:], hash) {
				return fmt.Errorf("%s: %w", kind, ErrAltered)
			}
			contents[kind] = content
		}
		return nil
	})
	return contents, err
}
