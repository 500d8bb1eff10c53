package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"citycard/ledger"
)

// What a row of histories holds.
const (
	kindCards = 1
	kindSAMs  = 2
	kindUses  = 3
)

// stored lists the parts that are there: where each ends, and begins.
func (p *pass) stored(ctx context.Context) (map[string]string, error) {
	rows, err := p.Ledger.Pool().Query(ctx, "SELECT last, after FROM histories WHERE day = $1 AND round = $2 AND kind = $3", p.day, p.round, kindCards)
	if err != nil {
		return nil, fmt.Errorf("list stored parts: %w", err)
	}
	parts := map[string]string{}
	var last, after []byte
	if _, err = pgx.ForEachRow(rows, []any{&last, &after}, func() error {
		parts[string(last)] = string(after)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("list stored parts: %w", err)
	}
	return parts, nil
}

// discard drops what a round that is not complete has stored.
func (p *pass) discard(ctx context.Context) error {
	err := p.Ledger.Write(ctx, func(tx pgx.Tx) error {
		for _, statement := range []string{"DELETE FROM findings WHERE day = $1 AND round = $2", "DELETE FROM histories WHERE day = $1 AND round = $2"} {
			if _, err := tx.Exec(ctx, statement, p.day, p.round); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("discard an incomplete round: %w", err)
	}
	return nil
}

// earlier calls fn with the packed parts of the round before that the part meets, in
// their order.
func (p *pass) earlier(ctx context.Context, of ledger.Part, fn func(packed []byte) error) error {
	if p.before.day == 0 {
		return nil
	}
	rows, err := p.Ledger.Pool().Query(ctx, `SELECT packed FROM histories WHERE day = $1 AND round = $2 AND kind = $3 AND last > $4 AND after < $5 ORDER BY last`,
		p.before.day, p.before.round, kindCards, orEmpty(of.After), of.To)
	if err != nil {
		return fmt.Errorf("read histories of day %s: %w", p.before.day, err)
	}
	var packed []byte
	if _, err = pgx.ForEachRow(rows, []any{&packed}, func() error { return fn(packed) }); err != nil {
		return fmt.Errorf("read histories of day %s: %w", p.before.day, err)
	}
	return nil
}

func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

const insertHistory = `INSERT INTO histories (day, round, kind, last, after, rows_read, items, packed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
	ON CONFLICT (day, round, kind, last) DO NOTHING`

// store keeps a part and its findings, unless another process has.
func (p *pass) store(ctx context.Context, part *part) error {
	err := p.Ledger.Write(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, insertHistory, p.day, p.round, kindCards, part.To, orEmpty(part.After), part.rows, part.cards, orEmpty(part.packed))
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if _, err = tx.Exec(ctx, insertHistory, p.day, p.round, kindUses, part.To, orEmpty(part.After), 0, 0, orEmpty(part.uses)); err != nil {
			return err
		}
		return p.storeFindings(ctx, tx, part.findings)
	})
	if err != nil {
		return fmt.Errorf("store a part: %w", err)
	}
	return nil
}

func (p *pass) storeFindings(ctx context.Context, tx pgx.Tx, findings []Finding) error {
	if len(findings) == 0 {
		return nil
	}
	n := len(findings)
	kinds, subjects := make([]int32, n), make([][]byte, n)
	firsts, lasts, fen := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, f := range findings {
		kinds[i], subjects[i], firsts[i], lasts[i], fen[i] = int32(f.Kind), f.Subject, f.First, f.Last, f.Fen
	}
	_, err := tx.Exec(ctx, `INSERT INTO findings (day, round, kind, subject, first, last, fen)
		SELECT $1, $2, u.kind, u.subject, u.first, u.last, u.fen
		FROM unnest($3::INT4[], $4::BYTEA[], $5::INT8[], $6::INT8[], $7::INT8[]) AS u (kind, subject, first, last, fen)
		ON CONFLICT (day, round, kind, subject, first) DO NOTHING`, p.day, p.round, kinds, subjects, firsts, lasts, fen)
	return err
}

// finish takes the SAMs through the day and ends the round.
func (p *pass) finish(ctx context.Context, reopened int) error {
	uses := map[[6]byte][]uint32{}
	rows, err := p.Ledger.Pool().Query(ctx, "SELECT packed FROM histories WHERE day = $1 AND round = $2 AND kind = $3", p.day, p.round, kindUses)
	if err != nil {
		return err
	}
	var packed []byte
	if _, err = pgx.ForEachRow(rows, []any{&packed}, func() error { return unpackUses(packed, uses) }); err != nil {
		return err
	}
	packed = nil
	if p.before.day != 0 {
		if err := p.Ledger.Pool().QueryRow(ctx, "SELECT packed FROM histories WHERE day = $1 AND round = $2 AND kind = $3",
			p.before.day, p.before.round, kindSAMs).Scan(&packed); err != nil {
			return fmt.Errorf("read histories of day %s: %w", p.before.day, err)
		}
	}
	packed, count, findings, err := sams(packed, uses)
	if err != nil {
		return err
	}
	return p.Ledger.Write(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `INSERT INTO passes (day, round, reopened, before_day, before_round, rows_read, cards, sams)
			SELECT $1::INT4, $2::INT4, $3::INT4, $4::INT4, $5::INT4, coalesce(sum(rows_read), 0)::INT8, coalesce(sum(items), 0)::INT8, $6::INT8
			FROM histories WHERE day = $1 AND round = $2 AND kind = $7
			ON CONFLICT (day, round) DO NOTHING`, p.day, p.round, reopened, p.before.day, p.before.round, count, kindCards)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if _, err = tx.Exec(ctx, insertHistory, p.day, p.round, kindSAMs, []byte{0xFF}, []byte{}, 0, count, orEmpty(packed)); err != nil {
			return err
		}
		if err := p.storeFindings(ctx, tx, findings); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "DELETE FROM histories WHERE day = $1 AND round = $2 AND kind = $3", p.day, p.round, kindUses)
		return err
	})
}

// latestBefore finds the last complete round of the last day before that has one.
func (a Archive) latestBefore(ctx context.Context, day ledger.Day) (b before, err error) {
	err = a.Ledger.Pool().QueryRow(ctx, "SELECT day, round FROM passes WHERE day < $1 ORDER BY day DESC, round DESC LIMIT 1", day).Scan(&b.day, &b.round)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return before{}, fmt.Errorf("find the pass before day %s: %w", day, err)
	}
	return b, nil
}

// latest reads the day's last complete round, and how often the day had been reopened.
func (a Archive) latest(ctx context.Context, day ledger.Day) (s Summary, reopened int, found bool, err error) {
	s.Day = day
	err = a.Ledger.Pool().QueryRow(ctx, `SELECT round, reopened, before_day, before_round, rows_read, cards, sams FROM passes WHERE day = $1 ORDER BY round DESC LIMIT 1`, day).
		Scan(&s.Round, &reopened, &s.begin.day, &s.begin.round, &s.Rows, &s.Cards, &s.SAMs)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, 0, false, nil
	}
	if err != nil {
		return s, 0, false, fmt.Errorf("read the pass of day %s: %w", day, err)
	}
	rows, err := a.Ledger.Pool().Query(ctx, "SELECT kind, count(*)::INT8 FROM findings WHERE day = $1 AND round = $2 GROUP BY kind", day, s.Round)
	if err != nil {
		return s, 0, false, fmt.Errorf("count findings of day %s: %w", day, err)
	}
	s.Found = map[string]int{}
	var kind Kind
	var n int
	if _, err = pgx.ForEachRow(rows, []any{&kind, &n}, func() error {
		s.Found[kind.String()] = n
		return nil
	}); err != nil {
		return s, 0, false, fmt.Errorf("count findings of day %s: %w", day, err)
	}
	return s, reopened, true, nil
}

// passedAfter lists the later days that have a complete round.
func (a Archive) passedAfter(ctx context.Context, day ledger.Day) ([]ledger.Day, error) {
	rows, err := a.Ledger.Pool().Query(ctx, "SELECT DISTINCT day FROM passes WHERE day > $1 ORDER BY day", day)
	if err != nil {
		return nil, fmt.Errorf("list the passes after day %s: %w", day, err)
	}
	days, err := pgx.CollectRows(rows, pgx.RowTo[ledger.Day])
	if err != nil {
		return nil, fmt.Errorf("list the passes after day %s: %w", day, err)
	}
	return days, nil
}

// Of reads what the day's last complete round came to. found is false where the day
// has not been passed.
func (a Archive) Of(ctx context.Context, day ledger.Day) (s Summary, found bool, err error) {
	s, _, found, err = a.latest(ctx, day)
	return s, found, err
}

// Findings calls fn for each finding of the day's last complete round, by kind and
// subject; kind 0 is all.
func (a Archive) Findings(ctx context.Context, day ledger.Day, kind Kind, fn func(Finding) error) error {
	s, found, err := a.Of(ctx, day)
	if err != nil || !found {
		return err
	}
	rows, err := a.Ledger.Pool().Query(ctx, `SELECT kind, subject, first, last, fen FROM findings WHERE day = $1 AND round = $2 AND ($3 = 0 OR kind = $3)
		ORDER BY kind, subject, first`, day, s.Round, kind)
	if err != nil {
		return fmt.Errorf("read the findings of day %s: %w", day, err)
	}
	var f Finding
	if _, err = pgx.ForEachRow(rows, []any{&f.Kind, (*[]byte)(&f.Subject), &f.First, &f.Last, &f.Fen}, func() error {
		copied := f
		copied.Subject = bytes.Clone(f.Subject)
		return fn(copied)
	}); err != nil {
		return fmt.Errorf("read the findings of day %s: %w", day, err)
	}
	return nil
}

// Progress is how many rows the day's round under way has dealt with; once it is
// complete, all of them.
func (a Archive) Progress(ctx context.Context, day ledger.Day) (rows int64, err error) {
	err = a.Ledger.Pool().QueryRow(ctx, `SELECT coalesce(sum(rows_read), 0)::INT8 FROM histories
		WHERE day = $1 AND kind = $2 AND round = (SELECT max(round) FROM histories WHERE day = $1 AND kind = $2)`, day, kindCards).Scan(&rows)
	if err != nil {
		return 0, fmt.Errorf("read the progress of day %s: %w", day, err)
	}
	return rows, nil
}

// Forget drops histories that no day can begin with any more: those of the days
// before the last one that was passed before the earliest day not sealed.
func (a Archive) Forget(ctx context.Context, earliestOpen ledger.Day) error {
	begin, err := a.latestBefore(ctx, earliestOpen)
	if err != nil || begin.day == 0 {
		return err
	}
	if _, err := a.Ledger.Pool().Exec(ctx, "DELETE FROM histories WHERE day < $1", begin.day); err != nil {
		return fmt.Errorf("forget histories before day %s: %w", begin.day, err)
	}
	return nil
}
