package counters

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"citycard/ledger"
	"citycard/ledger/shadow"
)

// The content of a row of histories.
const (
	kindCards = 1
	kindSAMs  = 2
)

// start stores the round and its parts, or, if the round was started before, reads it.
func (p *pass) start(ctx context.Context, reopened int, begin before) error {
	p.before = begin
	cuts, err := p.cuts(ctx)
	if err != nil {
		return err
	}
	numbers := make([]int32, len(cuts))
	for i := range numbers {
		numbers[i] = int32(i + 1)
	}
	err = p.Ledger.Write(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `INSERT INTO passes (day, round, reopened, before_day, before_round, done, rows_read, cards, sams)
			VALUES ($1, $2, $3, $4, $5, false, 0, 0, 0) ON CONFLICT (day, round) DO NOTHING`, p.day, p.round, reopened, begin.day, begin.round)
		if err != nil {
			return err
		}
		if tag.RowsAffected() > 0 {
			_, err = tx.Exec(ctx, `INSERT INTO history_cuts (day, round, number, last) SELECT $1, $2, u.number, u.last
				FROM unnest($3::INT4[], $4::BYTEA[]) AS u (number, last)`, p.day, p.round, numbers, cuts)
			return err
		}
		return tx.QueryRow(ctx, "SELECT before_day, before_round FROM passes WHERE day = $1 AND round = $2", p.day, p.round).Scan(&p.before.day, &p.before.round)
	})
	if err != nil {
		return fmt.Errorf("start a pass of day %s: %w", p.day, err)
	}
	return nil
}

// known reads the parts, and which are stored, by their numbers.
func (p *pass) known(ctx context.Context) (parts []shadow.Part, stored map[int]bool, err error) {
	rows, err := p.Ledger.Pool().Query(ctx, `SELECT c.number, c.last, s.number IS NOT NULL FROM history_cuts c
		LEFT JOIN history_parts s ON s.day = c.day AND s.round = c.round AND s.number = c.number WHERE c.day = $1 AND c.round = $2 ORDER BY c.number`, p.day, p.round)
	if err != nil {
		return nil, nil, fmt.Errorf("list the parts: %w", err)
	}
	stored = map[int]bool{}
	var number int
	var after, last []byte
	var there bool
	if _, err = pgx.ForEachRow(rows, []any{&number, &last, &there}, func() error {
		parts, stored[number] = append(parts, shadow.Part{After: after, To: bytes.Clone(last)}), there
		after = parts[len(parts)-1].To
		return nil
	}); err != nil {
		return nil, nil, fmt.Errorf("list the parts: %w", err)
	}
	return parts, stored, nil
}

// ends lists the last card of each row of the round before, and the row's number of histories.
func (p *pass) ends(ctx context.Context) (list []packed, err error) {
	err = p.Ledger.Read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT last, items FROM histories WHERE day = $1 AND round = $2 AND kind = $3 ORDER BY last",
			p.before.day, p.before.round, kindCards)
		if err != nil {
			return err
		}
		var row packed
		_, err = pgx.ForEachRow(rows, []any{&row.last, &row.items}, func() error {
			list = append(list, packed{last: bytes.Clone(row.last), items: row.items})
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the histories of day %s: %w", p.before.day, err)
	}
	return list, nil
}

// earlier calls fn, in order, with the rows of packed histories of the round before that overlap
// the part.
func (p *pass) earlier(ctx context.Context, of shadow.Part, fn func(packed []byte) error) error {
	err := p.eachPacked(ctx, fn, `SELECT packed FROM histories WHERE day = $1 AND round = $2 AND kind = $3 AND last > $4 AND after < $5 ORDER BY last`,
		p.before.day, p.before.round, kindCards, orEmpty(of.After), of.To)
	if err != nil {
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

// store stores a part and its findings, unless another worker has stored it.
func (p *pass) store(ctx context.Context, part *part) error {
	histories, uses := part.packer.end(part.To), part.uses.pack()
	digest := digestOf(kindCards, histories)
	err := p.Ledger.Write(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `INSERT INTO history_parts (day, round, number, rows_read, cards, uses, histories) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (day, round, number) DO NOTHING`, p.day, p.round, part.number, part.rows, part.cards, uses, digest)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if err := p.storeHistories(ctx, tx, kindCards, histories); err != nil {
			return err
		}
		return p.storeFindings(ctx, tx, part.findings)
	})
	if err != nil {
		return fmt.Errorf("store a part: %w", err)
	}
	return nil
}

func (p *pass) storeHistories(ctx context.Context, tx pgx.Tx, kind int, rows []packed) error {
	for _, row := range rows {
		if _, err := tx.Exec(ctx, "INSERT INTO histories (day, round, kind, last, after, items, packed) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			p.day, p.round, kind, orEmpty(row.last), orEmpty(row.after), row.items, orEmpty(row.bytes)); err != nil {
			return err
		}
	}
	return nil
}

func (p *pass) storeFindings(ctx context.Context, tx pgx.Tx, findings []Finding) error {
	for some := range slices.Chunk(findings, 5000) {
		n := len(some)
		kinds, subjects := make([]int32, n), make([][]byte, n)
		firsts, lasts, fen := make([]int64, n), make([]int64, n), make([]int64, n)
		for i, f := range some {
			kinds[i], subjects[i], firsts[i], lasts[i], fen[i] = int32(f.Kind), f.Subject, f.First, f.Last, f.Fen
		}
		if _, err := tx.Exec(ctx, `INSERT INTO findings (day, round, kind, subject, first, last, fen)
			SELECT $1, $2, u.kind, u.subject, u.first, u.last, u.fen
			FROM unnest($3::INT4[], $4::BYTEA[], $5::INT8[], $6::INT8[], $7::INT8[]) AS u (kind, subject, first, last, fen)
			ON CONFLICT (day, round, kind, subject, first) DO NOTHING`, p.day, p.round, kinds, subjects, firsts, lasts, fen); err != nil {
			return err
		}
	}
	return nil
}

// errParts says that the parts of a round are not all there.
var errParts = errors.New("not all parts are stored")

// finish computes the SAMs' histories of the day and ends the round, unless another worker has
// ended it.
func (p *pass) finish(ctx context.Context) error {
	m := modules{}
	if err := p.eachPacked(ctx, m.use, "SELECT uses FROM history_parts WHERE day = $1 AND round = $2 AND length(uses) > 0", p.day, p.round); err != nil {
		return err
	}
	if err := p.eachPacked(ctx, m.begin, "SELECT packed FROM histories WHERE day = $1 AND round = $2 AND kind = $3", p.before.day, p.before.round, kindSAMs); err != nil {
		return err
	}
	findings := m.live(p.unread.taps)
	histories := m.pack(p.limit())
	return p.Ledger.Write(ctx, func(tx pgx.Tx) error {
		var done, whole bool
		if err := tx.QueryRow(ctx, "SELECT done FROM passes WHERE day = $1 AND round = $2 FOR UPDATE", p.day, p.round).Scan(&done); err != nil || done {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM history_cuts WHERE day = $1 AND round = $2) = (SELECT count(*) FROM history_parts WHERE day = $1 AND round = $2)`,
			p.day, p.round).Scan(&whole); err != nil {
			return err
		}
		if !whole {
			return errParts
		}
		if err := p.storeHistories(ctx, tx, kindSAMs, histories); err != nil {
			return err
		}
		if err := p.storeFindings(ctx, tx, findings); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE passes SET done = true, sams = $3,
			rows_read = (SELECT coalesce(sum(rows_read), 0)::INT8 FROM history_parts WHERE day = $1 AND round = $2),
			cards = (SELECT coalesce(sum(cards), 0)::INT8 FROM history_parts WHERE day = $1 AND round = $2)
			WHERE day = $1 AND round = $2`, p.day, p.round, len(m)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "UPDATE history_parts SET uses = $3 WHERE day = $1 AND round = $2", p.day, p.round, []byte{}); err != nil {
			return err
		}
		return p.audit(ctx, tx, digestOf(kindSAMs, histories))
	})
}

// eachPacked calls fn with each value of a query's result; the query has no time limit.
func (p *pass) eachPacked(ctx context.Context, fn func([]byte) error, query string, args ...any) error {
	return p.Ledger.Read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		var packed []byte
		_, err = pgx.ForEachRow(rows, []any{&packed}, func() error { return fn(packed) })
		return err
	})
}

// latestBefore finds the last complete round of the last day before that has one.
func (c Checker) latestBefore(ctx context.Context, day ledger.Day) (b before, err error) {
	err = c.Ledger.Pool().QueryRow(ctx, "SELECT day, round FROM passes WHERE day < $1 AND done ORDER BY day DESC, round DESC LIMIT 1", day).Scan(&b.day, &b.round)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return before{}, fmt.Errorf("find the pass before day %s: %w", day, err)
	}
	return b, nil
}

// latest reads the day's last complete round, and how often the day had been reopened.
func (c Checker) latest(ctx context.Context, day ledger.Day) (s Summary, reopened int, found bool, err error) {
	s.Day = day
	err = c.Ledger.Pool().QueryRow(ctx, `SELECT round, reopened, before_day, before_round, rows_read, cards, sams FROM passes WHERE day = $1 AND done ORDER BY round DESC LIMIT 1`, day).
		Scan(&s.Round, &reopened, &s.begin.day, &s.begin.round, &s.Rows, &s.Cards, &s.SAMs)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, 0, false, nil
	}
	if err != nil {
		return s, 0, false, fmt.Errorf("read the pass of day %s: %w", day, err)
	}
	s.Found = map[string]int{}
	err = c.Ledger.Read(ctx, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT kind, count(*)::INT8 FROM findings WHERE day = $1 AND round = $2 GROUP BY kind", day, s.Round)
		if err != nil {
			return err
		}
		var kind Kind
		var n int
		_, err = pgx.ForEachRow(rows, []any{&kind, &n}, func() error {
			s.Found[kind.String()] = n
			return nil
		})
		return err
	})
	if err != nil {
		return s, 0, false, fmt.Errorf("count findings of day %s: %w", day, err)
	}
	return s, reopened, true, nil
}

// passed says which days have a complete round.
func (c Checker) passed(ctx context.Context) (map[ledger.Day]bool, error) {
	rows, err := c.Ledger.Pool().Query(ctx, "SELECT day FROM passes WHERE done")
	if err != nil {
		return nil, fmt.Errorf("list the passes: %w", err)
	}
	days := map[ledger.Day]bool{}
	var day ledger.Day
	if _, err = pgx.ForEachRow(rows, []any{&day}, func() error {
		days[day] = true
		return nil
	}); err != nil {
		return nil, fmt.Errorf("list the passes: %w", err)
	}
	return days, nil
}

// Of reads the result of the day's last complete round. found is false if the day has none.
func (c Checker) Of(ctx context.Context, day ledger.Day) (s Summary, found bool, err error) {
	s, _, found, err = c.latest(ctx, day)
	return s, found, err
}

// Findings calls fn for each finding of the day's last complete round, by kind and
// subject; kind 0 is all.
func (c Checker) Findings(ctx context.Context, day ledger.Day, kind Kind, fn func(Finding) error) error {
	s, found, err := c.Of(ctx, day)
	if err != nil || !found {
		return err
	}
	rows, err := c.Ledger.Pool().Query(ctx, `SELECT kind, subject, first, last, fen FROM findings WHERE day = $1 AND round = $2 AND ($3 = 0 OR kind = $3)
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

// Progress returns how many rows the day's latest round has processed; once the round is complete,
// that is all of them.
func (c Checker) Progress(ctx context.Context, day ledger.Day) (rows int64, err error) {
	err = c.Ledger.Pool().QueryRow(ctx, `SELECT coalesce(sum(rows_read), 0)::INT8 FROM history_parts
		WHERE day = $1 AND round = (SELECT max(round) FROM passes WHERE day = $1)`, day).Scan(&rows)
	if err != nil {
		return 0, fmt.Errorf("read the progress of day %s: %w", day, err)
	}
	return rows, nil
}

// Forget drops the histories with which no day can begin any more. It looks for the last passed day
// before the earliest unsealed one, and drops the histories of all days before that day.
func (c Checker) Forget(ctx context.Context, earliestOpen ledger.Day) error {
	begin, err := c.latestBefore(ctx, earliestOpen)
	if err != nil || begin.day == 0 {
		return err
	}
	err = c.Ledger.Write(ctx, func(tx pgx.Tx) error {
		for _, statement := range []string{"DELETE FROM histories WHERE day < $1", "DELETE FROM history_parts WHERE day < $1", "DELETE FROM history_cuts WHERE day < $1"} {
			if _, err := tx.Exec(ctx, statement, begin.day); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("forget histories before day %s: %w", begin.day, err)
	}
	return nil
}
