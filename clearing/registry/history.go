package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"citycard/cardos/keys"
	"citycard/clearing/registry/index"
	"citycard/ledger"
)

// version is a version of the registry, with the change that it added.
type version struct {
	number, change, rows int64
	digest, head         [32]byte
}

// versions lists those after a version, in order.
func (s *Store) versions(ctx context.Context, after int64) ([]version, error) {
	rows, err := s.pool.Query(ctx, `SELECT v.number, v.change, v.head, c.rows, c.digest FROM registry_versions v
		JOIN registry_changes c ON c.number = v.change WHERE v.number > $1 ORDER BY v.number`, after)
	if err != nil {
		return nil, fmt.Errorf("read the registry's versions: %w", err)
	}
	versions, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (v version, err error) {
		var head, digest []byte
		err = r.Scan(&v.number, &v.change, &head, &v.rows, &digest)
		copy(v.head[:], head)
		copy(v.digest[:], digest)
		return v, err
	})
	if err != nil {
		return nil, fmt.Errorf("read the registry's versions: %w", err)
	}
	return versions, nil
}

// Follows reports, in a transaction, whether the registry has a version after one.
func Follows(ctx context.Context, tx pgx.Tx, number int64) (follows bool, err error) {
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM registry_versions WHERE number = $1)", number+1).Scan(&follows); err != nil {
		return false, fmt.Errorf("read the registry's versions: %w", err)
	}
	return follows, nil
}

// Load reads the edition in force, checking all rows against what was approved. It
// fails with ErrEmpty where there is none. With kinds it reads only rows of these
// and checks nothing.
func (s *Store) Load(ctx context.Context, only ...Kind) (*index.Edition, error) {
	return s.LoadVersion(ctx, 0, only...)
}

// LoadVersion reads what was in force at a version; 0 is the latest.
func (s *Store) LoadVersion(ctx context.Context, number int64, only ...Kind) (*index.Edition, error) {
	versions, err := s.versions(ctx, 0)
	if err != nil {
		return nil, err
	}
	if len(versions) == 0 {
		return nil, ErrEmpty
	}
	if number < 0 || number > int64(len(versions)) {
		return nil, fmt.Errorf("registry version %d: want 1 to %d", number, len(versions))
	}
	if number > 0 {
		versions = versions[:number]
	}
	edition := &index.Edition{}
	for _, v := range versions {
		draft, err := s.draft(ctx, v, only)
		if err != nil {
			return nil, err
		}
		if edition = draft.on(edition); edition.Head() != v.head {
			return nil, fmt.Errorf("registry version %d: %w", v.number, ErrAltered)
		}
	}
	return edition, nil
}

// draft reads the rows of a change. It goes through them in pages by key, so that
// no statement is open for long.
func (s *Store) draft(ctx context.Context, v version, only []Kind) (*Draft, error) {
	all := layouts()
	if len(only) == 0 {
		for _, l := range all {
			only = append(only, l.kind)
		}
	}
	b := builder{base: &index.Rows{}, stored: true}
	digest := sha256.New()
	var count int64
	for _, kind := range only {
		var fields []string
		layout := all[kind-1]
		columns := len(layout.all())
		err := s.pages(ctx, v.change, kind, func(line string) (err error) {
			if fields, err = splitRecord(fields[:0], line); err != nil {
				return err
			}
			if len(fields) != columns {
				return fmt.Errorf("%d columns, want %d", len(fields), columns)
			}
			count++
			hashRecord(digest, kind, line)
			return layout.parse(&b, fields)
		})
		if err != nil {
			return nil, fmt.Errorf("registry change %d, %s: %w", v.change, kind, err)
		}
	}
	if len(only) == len(all) && (count != v.rows || [32]byte(digest.Sum(nil)) != v.digest) {
		return nil, fmt.Errorf("registry change %d: %w", v.change, ErrAltered)
	}
	b.finish(func(index.Number, index.Conflict) {}, func(index.Listing, index.Listing) {})
	return &Draft{rows: b.rows, base: v.number - 1, count: v.rows, digest: v.digest}, nil
}

// selectPage reads a page of the rows of a kind in a change, in order of key and first day.
const selectPage = `SELECT key, effective_from, record FROM registry_rows
	WHERE change = $1 AND kind = $2 AND (key, effective_from) > ($3, $4) ORDER BY change, kind, key, effective_from LIMIT $5`

func (s *Store) pages(ctx context.Context, change int64, kind Kind, fn func(line string) error) error {
	const page = 20_000
	key, from := []byte{}, int64(0)
	for {
		n := 0
		rows, err := s.pool.Query(ctx, selectPage, change, int64(kind), key, from, page)
		if err != nil {
			return err
		}
		var nextKey []byte
		var line string
		if _, err = pgx.ForEachRow(rows, []any{&nextKey, &from, &line}, func() error {
			n++
			return fn(line)
		}); err != nil {
			return err
		}
		if n < page {
			return nil
		}
		key = nextKey
	}
}

// Version is a version of the registry, as the audit tells it.
type Version struct {
	Number   int64     `json:"version"`
	Hash     string    `json:"hash"` // as recorded with batches
	Change   int64     `json:"change"`
	Rows     int64     `json:"rows"`
	Reason   string    `json:"reason"`
	Proposer string    `json:"proposed_by,omitempty"` // of the founding: nobody
	Approver string    `json:"approved_by"`           // of the founding: who founded it
	At       time.Time `json:"at"`
}

// History lists all versions, oldest first.
func History(ctx context.Context, l *ledger.Ledger) ([]Version, error) {
	entries, err := l.Audit(ctx, ActFound, ActApprove, ActFollow)
	if err != nil {
		return nil, err
	}
	all := make([]Version, 0, len(entries))
	for _, e := range entries {
		var what Entered
		if err := json.Unmarshal([]byte(e.What), &what); err != nil {
			return nil, fmt.Errorf("entry %d of the audit: %w", e.Number, err)
		}
		v := Version{Number: what.Version, Change: what.Change, Rows: what.Rows, Reason: e.Reason, Proposer: e.First, Approver: e.Second, At: e.At}
		if e.Act == ActFound {
			v.Proposer, v.Approver = "", e.First
		}
		var head [sha256.Size]byte
		if _, err := hex.Decode(head[:], []byte(what.Head)); err != nil || len(what.Head) != 2*len(head) {
			return nil, fmt.Errorf("entry %d of the audit: a head of %q", e.Number, what.Head)
		}
		v.Hash = index.VersionOf(head)
		all = append(all, v)
	}
	return all, nil
}

// Row is a row of the registry with the change that brought it.
type Row struct {
	Change, Version int64
	From            ledger.Day
	Columns         []string // in order
	Fields          map[string]string
}

// Rows lists the rows of a key in all versions, by day and version. An unknown key has none.
func (s *Store) Rows(ctx context.Context, kind Kind, key string) ([]Row, error) {
	layout := layouts()[kind-1]
	raw, err := layout.key(strings.TrimSpace(key))
	if err != nil {
		return nil, err
	}
	rows, err := s.pool.Query(ctx, `SELECT v.change, v.number, r.effective_from, r.record FROM registry_versions v
		JOIN registry_rows r ON r.change = v.change WHERE r.kind = $1 AND r.key = $2 ORDER BY r.effective_from, v.number`, int64(kind), raw)
	if err != nil {
		return nil, fmt.Errorf("show %s %s: %w", kind, key, err)
	}
	list, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (Row, error) {
		row := Row{Columns: layout.all()}
		var from int64
		var text string
		err := r.Scan(&row.Change, &row.Version, &from, &text)
		if err != nil {
			return row, err
		}
		if row.From = ledger.Day(from); kind.bySecond() {
			row.From = ledger.Day(from / 1_000_000)
		}
		row.Fields, err = layout.row(text)
		return row, err
	})
	if err != nil {
		return nil, fmt.Errorf("show %s %s: %w", kind, key, err)
	}
	return list, nil
}

// On reports whether a key's row holds on a day: the latest that has begun by then, at its last
// version. The kind is one whose rows may have a last day.
func (s *Store) On(ctx context.Context, kind Kind, key string, day ledger.Day) (bool, error) {
	rows, err := s.Rows(ctx, kind, key)
	if err != nil {
		return false, err
	}
	for _, row := range slices.Backward(rows) {
		if row.From <= day {
			to := row.Fields["effective_to"]
			return to == "" || day.String() <= to, nil
		}
	}
	return false, nil
}

// querier reads rows: a pool or a transaction.
type querier interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

// EachCounter passes all rows of terminals at counters that were ever in force, by version. A row
// that cannot be read is passed over; then the answer is ErrAltered.
func EachCounter(ctx context.Context, q querier, fn func(terminal [6]byte, at index.Counter)) error {
	// The kind stands in the text, so that the index of these rows is used.
	rows, err := q.Query(ctx, fmt.Sprintf(`SELECT r.record FROM registry_rows r JOIN registry_versions v ON v.change = r.change
		WHERE r.kind = %d ORDER BY v.number, r.key, r.effective_from`, Counters))
	if err == nil {
		var line string
		var bad error
		_, err = pgx.ForEachRow(rows, []any{&line}, func() error {
			fields, wrong := splitRecord(nil, line)
			if wrong != nil || len(fields) != len(layouts()[Counters-1].all()) {
				bad = errors.Join(wrong, ErrAltered)
				return nil
			}
			c := cells{fields: fields, stored: true}
			terminal, at := counterOf(&c)
			if c.err != nil {
				bad = errors.Join(c.err, ErrAltered)
				return nil
			}
			fn(terminal, at)
			return nil
		})
		err = errors.Join(err, bad)
	}
	if err != nil {
		return fmt.Errorf("read the counters of channels: %w", err)
	}
	return nil
}

// Counters reads where the terminals of channels stand in the version in force, without the other
// kinds.
func (s *Store) Counters(ctx context.Context) (*index.Edition, error) {
	var rows index.Rows
	if err := EachCounter(ctx, s.pool, func(terminal [6]byte, at index.Counter) { rows.Counters.Add(terminal, at) }); err != nil {
		return nil, err
	}
	return index.Next(&index.Edition{}, &rows, [sha256.Size]byte{}), nil
}

// IssuerOf finds the issuer of a registered card, without reading the others.
func (s *Store) IssuerOf(ctx context.Context, digits keys.Digits) (issuer [8]byte, known bool, err error) {
	var line string
	err = s.pool.QueryRow(ctx, `SELECT r.record FROM registry_versions v JOIN registry_rows r ON r.change = v.change
		WHERE r.kind = $1 AND r.key = $2 ORDER BY r.effective_from DESC, v.number DESC LIMIT 1`, int64(Cards), digits[:]).Scan(&line)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return issuer, false, nil
	case err != nil:
		return issuer, false, fmt.Errorf("find the issuer of a card: %w", err)
	}
	fields, err := splitRecord(nil, line)
	if err != nil || len(fields) < 2 {
		return issuer, false, errors.Join(err, ErrAltered)
	}
	c := cells{fields: fields}
	c.hex(1, issuer[:])
	return issuer, true, c.err
}

// Issuers lists the ids of the issuers in force; none where there is no registry.
func (s *Store) Issuers(ctx context.Context) ([][8]byte, error) {
	e, err := s.Load(ctx, Issuers)
	if errors.Is(err, ErrEmpty) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	issuers := e.Issuers()
	list := make([][8]byte, len(issuers))
	for i := range issuers {
		list[i] = issuers[i].ID
	}
	return list, nil
}
