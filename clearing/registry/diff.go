package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"slices"

	"github.com/jackc/pgx/v5"

	"citycard/language"
)

// ErrUnfinished says that a change has not all its rows.
var ErrUnfinished = language.Textf("the import did not come to its end")

// Effect is what a row of a change does to the registry.
type Effect string

// The effects.
const (
	Added     Effect = "added"     // nothing was in force for its key on its first day
	Changed   Effect = "changed"   // takes the place, from its first day on, of a row that began before
	Corrected Effect = "corrected" // takes the place of a row with the same first day
	Ended     Effect = "ended"     // gives a last day, or an earlier one, and changes nothing else
)

// Effects lists them.
func Effects() []Effect { return []Effect{Added, Changed, Corrected, Ended} }

// Difference is a row of a change beside what the registry says without that change.
type Difference struct {
	Kind    Kind              `json:"-"`
	Effect  Effect            `json:"effect"`
	Row     map[string]string `json:"row"`
	Before  map[string]string `json:"before,omitempty"`  // the row that began last, up to the first day of Row
	Differs []string          `json:"differs,omitempty"` // columns in which the two differ
}

// Size is how many rows a version added to a kind.
type Size struct {
	Version int64 `json:"version"`
	Rows    int64 `json:"rows"`
}

// Sum counts the rows that a change has of a kind.
type Sum struct {
	Kind    Kind
	Rows    int64
	Effects map[Effect]int64
	Last    []Size // of the last approved changes that had rows of the kind, the newest first
}

// Diff compares a change with the version that it was checked against. Rows are read page by page,
// so a change of any size is compared in the same memory.
type Diff struct {
	Change int64 // 0: it is not stored
	Base   int64 // version
	Rows   int64
	Digest [sha256.Size]byte // over the rows, as it was stored with them

	store *Store
	pages func(ctx context.Context, kind Kind, fn func([]stored) error) error
}

// stored is a row as the database has it.
type stored struct {
	Key  []byte
	From int64
	Line string
}

// Diff finds a stored change, in whatever state it is.
func (s *Store) Diff(ctx context.Context, change int64) (*Diff, error) {
	d := &Diff{Change: change, store: s}
	var digest []byte
	err := s.pool.QueryRow(ctx, "SELECT base, rows, digest FROM registry_changes WHERE number = $1", change).Scan(&d.Base, &d.Rows, &digest)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, language.Textf("change %d: %w", change, ErrNoChange)
	case err != nil:
		return nil, fmt.Errorf("read change %d: %w", change, err)
	case len(digest) != sha256.Size:
		return nil, language.Textf("change %d has a digest of %d bytes: %w", change, len(digest), ErrAltered)
	}
	d.Digest = [sha256.Size]byte(digest)
	d.pages = func(ctx context.Context, kind Kind, fn func([]stored) error) error {
		last := stored{Key: []byte{}}
		for {
			rows, err := s.pool.Query(ctx, selectPage, change, int64(kind), last.Key, last.From, keysPage)
			if err != nil {
				return err
			}
			// All are read first: fn asks the database too, which may allow one session.
			page, err := pgx.CollectRows(rows, pgx.RowToStructByPos[stored])
			if err != nil || len(page) == 0 {
				return err
			}
			if err := fn(page); err != nil {
				return err
			}
			last = page[len(page)-1]
		}
	}
	return d, nil
}

// DiffDraft compares a draft that need not be stored.
func (s *Store) DiffDraft(draft *Draft) *Diff {
	d := &Diff{Base: draft.base, Rows: draft.count, Digest: draft.digest, store: s}
	d.pages = func(_ context.Context, kind Kind, fn func([]stored) error) error {
		page := make([]stored, 0, keysPage)
		err := layouts()[kind-1].each(&draft.rows, func(r record) error {
			line, err := joinRecord(r.fields)
			if err != nil {
				return err
			}
			if page = append(page, stored{r.key, r.from, line}); len(page) < keysPage {
				return nil
			}
			err, page = fn(page), page[:0]
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		return fn(page)
	}
	return d
}

// Sums counts the rows of each kind that the change has. ErrAltered says that they are not the rows
// that were imported.
func (d *Diff) Sums(ctx context.Context) (sums []Sum, err error) {
	digest := sha256.New()
	var rows int64
	for _, l := range layouts() {
		sum := Sum{Kind: l.kind, Effects: map[Effect]int64{}}
		err := d.compare(ctx, l.kind, digest, func(difference *Difference) error {
			sum.Rows++
			sum.Effects[difference.Effect]++
			return nil
		})
		if err != nil {
			return nil, err
		}
		if rows += sum.Rows; sum.Rows == 0 {
			continue
		}
		if sum.Last, err = d.store.lastSizes(ctx, l.kind, d.Base); err != nil {
			return nil, err
		}
		sums = append(sums, sum)
	}
	if rows != d.Rows || [sha256.Size]byte(digest.Sum(nil)) != d.Digest {
		return nil, language.Textf("change %d: %w", d.Change, ErrAltered)
	}
	return sums, nil
}

// errEnough ends a comparison before its end.
var errEnough = errors.New("enough")

// Each calls fn with the first rows of a kind, in order of key and first day; limit 0 means all.
func (d *Diff) Each(ctx context.Context, kind Kind, limit int64, fn func(*Difference) error) error {
	var n int64
	err := d.compare(ctx, kind, nil, func(difference *Difference) error {
		if err := fn(difference); err != nil {
			return err
		}
		if n++; n == limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// compare calls fn with every row of a kind, and adds the rows to a digest.
func (d *Diff) compare(ctx context.Context, kind Kind, digest hash.Hash, fn func(*Difference) error) error {
	err := d.pages(ctx, kind, func(page []stored) error {
		if digest != nil {
			for _, row := range page {
				hashRecord(digest, kind, row.Line)
			}
		}
		return d.comparePage(ctx, kind, page, fn)
	})
	if err != nil {
		return fmt.Errorf("compare the rows of %s: %w", kind, err)
	}
	return nil
}

func (d *Diff) comparePage(ctx context.Context, kind Kind, page []stored, fn func(*Difference) error) error {
	layout := layouts()[kind-1]
	columns := layout.all()
	var keys [][]byte
	for _, row := range page {
		if n := len(keys); n == 0 || !bytes.Equal(keys[n-1], row.Key) {
			keys = append(keys, row.Key)
		}
	}
	known, err := d.store.states(ctx, kind, keys, d.Base)
	if err != nil {
		return err
	}
	for _, row := range page {
		for len(known) > 0 && bytes.Compare(known[0].Key, row.Key) < 0 {
			known = known[1:]
		}
		difference := &Difference{Kind: kind}
		if difference.Row, err = layout.row(row.Line); err != nil {
			return fmt.Errorf("%s from %d: %w", kind.KeyName(row.Key), row.From, err)
		}
		if len(known) > 0 && bytes.Equal(known[0].Key, row.Key) {
			difference.against(known[0].Rows, columns)
		} else {
			difference.against(nil, columns)
		}
		if err := fn(difference); err != nil {
			return err
		}
	}
	return nil
}

// against compares the row with those of its key, which are in order of their first days.
func (d *Difference) against(rows []map[string]string, columns []string) {
	first := firstColumn(columns)
	from := d.Row[first]
	for _, row := range rows {
		if row[first] <= from { // days, or moments, of the same length
			d.Before = row
		}
	}
	if d.Before == nil {
		d.Effect = Added
		return
	}
	for _, column := range columns {
		// The balance that was taken over with a person's first row stays.
		kept := column == "personal_account_fen" && d.Row[column] == "0"
		if d.Row[column] != d.Before[column] && !kept {
			d.Differs = append(d.Differs, column)
		}
	}
	const last = "effective_to"
	to, was := d.Row[last], d.Before[last]
	others := slices.ContainsFunc(d.Differs, func(column string) bool { return column != first && column != last })
	switch {
	case was != "" && was < from:
		d.Effect = Added
	case to != "" && (was == "" || to < was) && !others:
		d.Effect = Ended
	case d.Before[first] == from:
		d.Effect = Corrected
	default:
		d.Effect = Changed
	}
}

// firstColumn is the column of the day, or the moment, from which a row holds.
func firstColumn(columns []string) string {
	if slices.Contains(columns, "effective_from") {
		return "effective_from"
	}
	return "day"
}

// Columns are the names of a kind's columns, in order.
func (k Kind) Columns() []string {
	l := layouts()[k-1]
	return l.all()
}

// lastSizes are the sizes of the last versions that added rows of a kind, up to a version.
func (s *Store) lastSizes(ctx context.Context, kind Kind, upto int64) ([]Size, error) {
	const shown = 3
	rows, err := s.pool.Query(ctx, `WITH latest AS (
			SELECT v.number, v.change FROM registry_versions v
			WHERE v.number <= $2 AND EXISTS (SELECT 1 FROM registry_rows r WHERE r.change = v.change AND r.kind = $1)
			ORDER BY v.number DESC LIMIT $3)
		SELECT number, (SELECT count(*) FROM registry_rows r WHERE r.change = latest.change AND r.kind = $1) FROM latest ORDER BY number DESC`,
		int64(kind), upto, shown)
	if err != nil {
		return nil, fmt.Errorf("read the sizes of changes of %s: %w", kind, err)
	}
	sizes, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Size])
	if err != nil {
		return nil, fmt.Errorf("read the sizes of changes of %s: %w", kind, err)
	}
	return sizes, nil
}
