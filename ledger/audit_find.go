package ledger

import (
	"context"
	"fmt"
	"math"
	"time"

	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// AuditSearch says which entries of the audit are looked for. Its empty fields match every entry.
type AuditSearch struct {
	Act    string
	Person string // one of its people, in any case of letters
	About  string // a part of what it is about, or of its reason, in any case of letters
	// From is the first second, To the first one that is too late.
	From, To time.Time
	// OldestFirst turns the order round: the newest come first without it.
	OldestFirst bool
}

// auditPage is how many entries one statement looks at. Their numbers have no gaps, so each takes
// the same time and memory, however few of them match.
const auditPage = 2000

// SearchAudit calls fn for each entry that matches, until fn returns an error, which it passes on.
func (l *Ledger) SearchAudit(ctx context.Context, s AuditSearch, fn func(chain.AuditEntry) error) error {
	first, last, err := l.auditSpan(ctx, &s)
	if err != nil {
		return fmt.Errorf("search the audit: %w", err)
	}
	for ; first <= last; first, last = s.rest(first, last) {
		from, to := s.page(first, last)
		entries, err := l.auditPage(ctx, &s, from, to)
		if err != nil {
			return fmt.Errorf("search the audit: %w", err)
		}
		for i := range entries {
			if err := fn(entries[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// page returns the first and the last number that the next statement looks at.
func (s *AuditSearch) page(first, last int64) (from, to int64) {
	if s.OldestFirst {
		return first, min(last, first+auditPage-1)
	}
	return max(first, last-auditPage+1), last
}

// rest returns the span without the page.
func (s *AuditSearch) rest(first, last int64) (from, to int64) {
	from, to = s.page(first, last)
	if s.OldestFirst {
		return to + 1, last
	}
	return first, from - 1
}

// seconds returns the bounds of time as the database has them.
func (s *AuditSearch) seconds() (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	if !s.From.IsZero() {
		from = s.From.Unix()
	}
	if !s.To.IsZero() {
		to = s.To.Unix()
	}
	return from, to
}

// auditSpan returns the first and the last number within the bounds of time: 1 and 0 where there is
// none. Without bounds it reads one row, otherwise the part of an index that lies within.
func (l *Ledger) auditSpan(ctx context.Context, s *AuditSearch) (first, last int64, err error) {
	query, args := "SELECT 1::INT8, number FROM audit_end WHERE one = 1", []any(nil)
	if !s.From.IsZero() || !s.To.IsZero() {
		from, to := s.seconds()
		query, args = "SELECT coalesce(min(number), 1), coalesce(max(number), 0) FROM (SELECT number FROM audit WHERE at >= $1 AND at < $2 ORDER BY at, number OFFSET 0) AS a", []any{from, to}
	}
	err = l.Look(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, query, args...).Scan(&first, &last) })
	return first, last, err
}

func (l *Ledger) auditPage(ctx context.Context, s *AuditSearch, first, last int64) (entries []chain.AuditEntry, err error) {
	// The sum keeps the index of the time out of it: by that, each page would read the whole span.
	query := selectAudit + `WHERE number >= $1 AND number <= $2 AND at + 0 >= $3 AND at + 0 < $4 AND ($5 = '' OR act = $5)
		AND ($6 = '' OR lower(first) = lower($6) OR lower(second) = lower($6))
		AND ($7 = '' OR strpos(lower(what), lower($7)) > 0 OR strpos(lower(reason), lower($7)) > 0) ORDER BY number`
	if !s.OldestFirst {
		query += " DESC"
	}
	from, to := s.seconds()
	err = l.Look(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, first, last, from, to, s.Act, s.Person, s.About)
		if err != nil {
			return err
		}
		entries, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (chain.AuditEntry, error) { return scanAudit(row) })
		return err
	})
	return entries, err
}
