package rules

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/clearing/transit/fare"
)

// Proposal is what became of a proposal.
type Proposal struct {
	Number   int64       `json:"proposal"`
	Kinds    []Kind      `json:"kinds"`
	Base     int64       `json:"base"`
	Proposer string      `json:"proposed_by"`
	Reason   string      `json:"reason"`
	At       time.Time   `json:"proposed_at"`
	Act      string      `json:"decision,omitempty"` // found, approve or reject; empty while it waits
	Decider  string      `json:"decided_by,omitempty"`
	Decided  time.Time   `json:"decided_at,omitzero"`
	Edition  string      `json:"edition,omitempty"`    // that it made
	Change   fare.Change `json:"fare_change,omitzero"` // of prices, as it was when it was proposed
}

// History lists all proposals, oldest first.
func (s *Store) History(ctx context.Context) (all []Proposal, err error) {
	err = s.Ledger.Read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT p.number, p.base, p.person, p.reason, p.at, p.fare_change, coalesce(d.act, ''), coalesce(d.person, ''), coalesce(d.at, 0),
				coalesce(e.number, 0), e.head, (SELECT array_agg(r.kind ORDER BY r.kind) FROM rule_documents r WHERE r.proposal = p.number)
			FROM rule_proposals p LEFT JOIN rule_decisions d ON d.proposal = p.number LEFT JOIN rule_editions e ON e.proposal = p.number ORDER BY p.number`)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (p Proposal, err error) {
			var at, decided int64
			var edition Edition
			var head []byte
			var change string
			err = row.Scan(&p.Number, &p.Base, &p.Proposer, &p.Reason, &at, &change, &p.Act, &p.Decider, &decided, &edition.Number, &head, &p.Kinds)
			p.At = time.Unix(at, 0)
			if p.Act != "" {
				p.Decided = time.Unix(decided, 0)
			}
			if edition.Number > 0 {
				copy(edition.Head[:], head)
				p.Edition = edition.String()
			}
			if err == nil && change != "" {
				err = json.Unmarshal([]byte(change), &p.Change)
			}
			return p, err
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("history of the rules: %w", err)
	}
	return all, nil
}

// edition is the edition in force; ErrEmpty if there is none.
func (s *Store) edition(ctx context.Context) (e Edition, err error) {
	err = s.Ledger.Read(ctx, func(tx pgx.Tx) error {
		e, err = lastEdition(ctx, tx)
		return err
	})
	return e, err
}

// InForce reads the documents in force; ErrEmpty if there are none.
func (s *Store) InForce(ctx context.Context) (*Set, error) {
	last, err := s.edition(ctx)
	if err != nil {
		return nil, err
	}
	return s.At(ctx, last.Number)
}

// At reads the documents of an edition, and checks that they are those that were approved.
func (s *Store) At(ctx context.Context, number int64) (*Set, error) {
	edition, err := s.checked(ctx, number)
	if err != nil {
		return nil, fmt.Errorf("edition %d of the rules: %w", number, err)
	}
	contents, err := s.contents(ctx, `WHERE (kind, proposal) IN (SELECT d.kind, max(e.proposal) FROM rule_editions e
		JOIN rule_documents d ON d.proposal = e.proposal WHERE e.number <= $1 GROUP BY d.kind)`, number)
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

// checked follows the heads of the editions up to one of them.
func (s *Store) checked(ctx context.Context, number int64) (last Edition, err error) {
	type link struct {
		number, proposal int64
		head, digest     []byte
	}
	var links []link
	hashes := map[int64]map[Kind][]byte{}
	err = s.Ledger.Read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT e.number, e.proposal, e.head, p.digest FROM rule_editions e JOIN rule_proposals p ON p.number = e.proposal WHERE e.number <= $1 ORDER BY e.number", number)
		if err != nil {
			return err
		}
		links, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (l link, err error) {
			err = row.Scan(&l.number, &l.proposal, &l.head, &l.digest)
			return l, err
		})
		if err != nil {
			return err
		}
		rows, err = tx.Query(ctx, "SELECT d.proposal, d.kind, d.hash FROM rule_editions e JOIN rule_documents d ON d.proposal = e.proposal WHERE e.number <= $1", number)
		if err != nil {
			return err
		}
		var proposal int64
		var kind Kind
		var hash []byte
		_, err = pgx.ForEachRow(rows, []any{&proposal, &kind, &hash}, func() error {
			if hashes[proposal] == nil {
				hashes[proposal] = map[Kind][]byte{}
			}
			hashes[proposal][kind] = append([]byte{}, hash...)
			return nil
		})
		return err
	})
	if err != nil {
		return Edition{}, err
	}
	if number < 1 || int64(len(links)) != number {
		return Edition{}, fmt.Errorf("want 1 to %d", len(links))
	}
	for _, l := range links {
		sum := Digest(hashes[l.proposal])
		last = last.Next(sum)
		if l.number != last.Number || string(l.digest) != string(sum[:]) || string(l.head) != string(last.Head[:]) {
			return Edition{}, fmt.Errorf("from number %d on: %w", l.number, ErrAltered)
		}
	}
	return last, nil
}

// contents reads documents and checks their hashes.
func (s *Store) contents(ctx context.Context, where string, arguments ...any) (contents map[Kind][]byte, err error) {
	contents = map[Kind][]byte{}
	err = s.Ledger.Read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT kind, content, hash FROM rule_documents "+where, arguments...)
		if err != nil {
			return err
		}
		var kind Kind
		var content, hash []byte
		_, err = pgx.ForEachRow(rows, []any{&kind, &content, &hash}, func() error {
			if sum := sha256.Sum256(content); string(sum[:]) != string(hash) {
				return fmt.Errorf("%s: %w", kind, ErrAltered)
			}
			contents[kind] = append([]byte{}, content...)
			return nil
		})
		return err
	})
	return contents, err
}
