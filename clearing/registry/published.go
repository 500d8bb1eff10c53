package registry

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/tunion"
)

// Published are the kinds that readers of topic registry are told. Cards and persons are personal
// and too many, and what purses held is nobody's business. The hotlist has a topic of its own.
func Published() []Kind {
	return []Kind{Operators, Issuers, CardTypes, Lines, Vehicles, Terminals, SAMs, Channels, Hospitals, Modes}
}

// Keyed has everything that a version says about one key: its rows in order of first day, as
// columns by name.
type Keyed struct {
	Kind Kind
	Key  []byte
	Rows []map[string]string
}

// Name names what the rows are about, for errors.
func (k *Keyed) Name() string { return k.Kind.KeyName(k.Key) }

// KeyName names a key for errors: as text, or in hexadecimal where it is none; a card by its
// last digits only.
func (k Kind) KeyName(key []byte) string {
	name := string(key)
	switch digits := hex.EncodeToString(key); {
	case k == Cards || k == Purses || k == Hotlist:
		name = tunion.Masked(digits)
	case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }):
		name = digits
	}
	return k.String() + " " + name
}

// Latest is the number of the newest version, 0 where there is none.
func (s *Store) Latest(ctx context.Context) (number int64, err error) {
	err = s.pool.QueryRow(ctx, "SELECT coalesce(max(number), 0) FROM registry_versions").Scan(&number)
	if err != nil {
		return 0, fmt.Errorf("read the registry's version: %w", err)
	}
	return number, nil
}

// keysPage is how many keys Changed passes to fn at once.
const keysPage = 1000

// Changed calls fn with every key of a kind that the versions from after + 1 to upto changed, and
// with its rows at version upto. The order is fixed: by version, then key; a key that several
// versions changed comes several times.
func (s *Store) Changed(ctx context.Context, kind Kind, after, upto int64, fn func([]Keyed) error) error {
	versions, err := s.versions(ctx, after)
	if err != nil {
		return err
	}
	for _, v := range versions {
		if v.number > upto {
			break
		}
		for last := []byte{}; ; {
			rows, err := s.pool.Query(ctx, `SELECT DISTINCT key FROM registry_rows WHERE change = $1 AND kind = $2 AND key > $3 ORDER BY key LIMIT $4`,
				v.change, int64(kind), last, keysPage)
			if err != nil {
				return fmt.Errorf("read the keys of change %d: %w", v.change, err)
			}
			keys, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
			if err != nil {
				return fmt.Errorf("read the keys of change %d: %w", v.change, err)
			}
			if len(keys) == 0 {
				break
			}
			last = keys[len(keys)-1]
			page, err := s.states(ctx, kind, keys, upto)
			if err == nil {
				err = fn(page)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// states reads the rows of keys at a version; the keys are in order. Of two rows with the same
// first day, the later version's counts.
func (s *Store) states(ctx context.Context, kind Kind, keys [][]byte, upto int64) ([]Keyed, error) {
	layout := layouts()[kind-1]
	// OFFSET 0 keeps PostgreSQL from an order in which it reads all rows of the kind each time.
	rows, err := s.pool.Query(ctx, `SELECT r.key, r.effective_from, r.record
		FROM (SELECT number, change FROM registry_versions
			WHERE number <= $1 AND EXISTS (SELECT 1 FROM registry_rows x WHERE x.change = registry_versions.change AND x.kind = $2) OFFSET 0) v
		CROSS JOIN unnest($3::BYTEA[]) AS k (key)
		CROSS JOIN LATERAL (SELECT y.key, y.effective_from, y.record FROM registry_rows y
			WHERE y.change = v.change AND y.kind = $2 AND y.key = k.key OFFSET 0) r
		ORDER BY r.key, r.effective_from, v.number`, upto, int64(kind), keys)
	if err != nil {
		return nil, fmt.Errorf("read rows of %s: %w", kind, err)
	}
	var page []Keyed
	var key []byte
	var from, before int64
	var text string
	_, err = pgx.ForEachRow(rows, []any{&key, &from, &text}, func() error {
		row, err := layout.row(text)
		if err != nil {
			return fmt.Errorf("%s from %d: %w", kind.KeyName(key), from, err)
		}
		last := len(page) - 1
		switch {
		case last < 0 || !bytes.Equal(page[last].Key, key):
			page = append(page, Keyed{kind, bytes.Clone(key), []map[string]string{row}})
		case before == from:
			page[last].Rows[len(page[last].Rows)-1] = row
		default:
			page[last].Rows = append(page[last].Rows, row)
		}
		before = from
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read rows of %s: %w", kind, err)
	}
	return page, nil
}
