package export

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"runtime"
	"time"

	"citycard/ledger"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// Extent is how much of the books is read.
type Extent int

// Whole is all that an export has. ToVerify leaves out evidence and reasons, whose hash is made
// when they are read, and holds, which the database compares with the journal itself; it adds
// samples.
const (
	Whole Extent = iota
	ToVerify
)

// books reads the lines of the books out of the database.
type books struct {
	ctx    context.Context
	view   *ledger.View
	extent Extent
	hand   func(*Line) error
}

// Books calls fn for each line of the books but the first and the last, in the order of an export.
// A line's row is good until fn returns. Rows are read by several connections, and sorted in files
// on the file system of the directory for temporary ones, which have no name there.
func Books(ctx context.Context, v *ledger.View, extent Extent, fn func(*Line) error) error {
	x := &books{ctx: ctx, view: v, extent: extent, hand: fn}
	return x.all(x.identity, x.audit, x.chart, x.accounts, x.streams, x.journal, x.sums, x.holds, x.days)
}

// part is Books for a part of them.
func part(ctx context.Context, v *ledger.View, name string, fn func(*Line) error) error {
	if name == "" {
		return Books(ctx, v, Whole, fn)
	}
	x := &books{ctx: ctx, view: v, extent: Whole, hand: fn}
	return x.all(x.identity, x.audit, x.chart, x.days)
}

func (x *books) all(parts ...func() error) error {
	for _, part := range parts {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// each runs a query, scans each of its rows and hands on the line that was made of it.
func (x *books) each(query string, makeLine func(pgx.Rows) (*Line, error)) error {
	rows, err := x.view.Tx.Query(x.ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		line, err := makeLine(rows)
		if err == nil {
			err = x.hand(line)
		}
		if err != nil {
			return err
		}
	}
	return rows.Err()
}

func (x *books) identity() error {
	return x.each("SELECT coalesce((SELECT id::TEXT FROM books), '')", func(rows pgx.Rows) (*Line, error) {
		i := &Identity{}
		return &Line{Books: i}, rows.Scan(&i.ID)
	})
}

func (x *books) audit() error {
	return x.each("SELECT number, at, act, what, first, second, reason, signed, hash FROM audit ORDER BY number", func(rows pgx.Rows) (*Line, error) {
		e := &chain.AuditEntry{}
		var at int64
		var signed string
		err := rows.Scan(&e.Number, &at, &e.Act, &e.What, &e.First, &e.Second, &e.Reason, &signed, (*storedHash)(&e.Hash))
		e.Signed = chain.StoredSignatures(signed)
		e.At = writable(time.Unix(at, 0))
		return &Line{Audit: e}, err
	})
}

func (x *books) chart() error {
	return x.each(`SELECT coalesce((SELECT version FROM chart), -1), coalesce((SELECT number FROM audit_end), -1),
		(SELECT hash FROM audit_end)`, func(rows pgx.Rows) (*Line, error) {
		c := &Chart{}
		return &Line{Chart: c}, rows.Scan(&c.Version, &c.Audit, (*storedHash)(&c.AuditHash))
	})
}

func (x *books) accounts() error {
	return x.each(`SELECT account, code, kind, owner, flags, shards, cap, alarm, version, opened, hash FROM accounts
		ORDER BY opened, account`, func(rows pgx.Rows) (*Line, error) {
		a := &Account{}
		return &Line{Account: a}, rows.Scan(&a.Account, &a.Code, &a.Kind, &a.Owner, &a.Flags, &a.Shards, &a.Cap, &a.Alarm, &a.Version, &a.Opened, (*storedHash)(&a.Hash))
	})
}

func (x *books) streams() error {
	return x.each("SELECT stream, number, next, sequence, epoch, owner, claim, day, head FROM streams ORDER BY number", func(rows pgx.Rows) (*Line, error) {
		s := &Stream{}
		return &Line{Stream: s}, rows.Scan(&s.Stream, &s.Number, &s.Next, &s.Sequence, &s.Epoch, &s.Owner, (*storedHash)(&s.Lease), &s.Day, (*storedHash)(&s.Head))
	})
}

// journal reads the rows in the order in which the database has them, sorts them, and hands on each
// batch's link before its rows.
func (x *books) journal() (err error) {
	piles := make([]*pile, runtime.GOMAXPROCS(0))
	defer func() {
		for _, p := range piles {
			if p != nil {
				err = errors.Join(err, p.file.Close())
			}
		}
	}()
	for i := range piles {
		if piles[i], err = newPile(os.TempDir(), runBytes, runRecords); err != nil {
			return err
		}
	}
	err = x.view.Rows(x.ctx, len(piles), func(part int, r *ledger.Row) error {
		content := r.ContentHash()
		if x.extent == ToVerify {
			r.Evidence, r.Reason = nil, ""
		}
		return piles[part].add(place{int64(r.Stream), r.Sequence, r.Position}, func(b []byte) []byte {
			return append(append(r.AppendCanonical(b), r.Hash[:]...), content[:]...)
		})
	})
	if err != nil {
		return err
	}
	links, err := x.links()
	if err != nil {
		return err
	}
	defer links.rows.Close()
	var row chain.Row
	line := Line{Row: &row}
	err = merge(piles, func(record []byte) (err error) {
		hashes := record[len(record)-2*len(chain.Hash{}):]
		if row, err = chain.ParseRow(record[:len(record)-len(hashes)]); err != nil {
			return err
		}
		copy(row.Hash[:], hashes)
		copy(line.Content[:], hashes[len(row.Hash):])
		if err = links.handUntil(row.Stream, row.Sequence); err != nil {
			return err
		}
		return x.hand(&line)
	})
	if err != nil {
		return err
	}
	return links.handAll()
}

// links reads the links in the order of streams and sequences, one ahead.
type links struct {
	books *books
	rows  pgx.Rows
	ahead *Line
}

func (x *books) links() (*links, error) {
	rows, err := x.view.Tx.Query(x.ctx, `SELECT stream, sequence, from_position, next_position, day, shard, epoch, at, transfers, memos, root, note, head, samples
		FROM batches ORDER BY stream, sequence`)
	if err != nil {
		return nil, err
	}
	l := &links{books: x, rows: rows}
	return l, l.next()
}

func (l *links) next() error {
	l.ahead = nil
	if !l.rows.Next() {
		return l.rows.Err()
	}
	k := &chain.Link{}
	var at pgtype.Timestamptz
	var samples pgtype.Array[[]byte]
	err := l.rows.Scan(&k.Stream, &k.Sequence, &k.From, &k.Next, &k.Day, &k.Shard, &k.Epoch, &at, &k.Transfers, &k.Memos, (*storedHash)(&k.Root), &k.Note, (*storedHash)(&k.Head), &samples)
	k.At = writable(at.Time) // zero, which no batch has, where it is infinite
	l.ahead = &Line{Batch: k, Sampled: true, Samples: inOneRow(samples)}
	return err
}

// inOneRow returns the elements of an array as the ledger writes it. One of several dimensions, or
// that does not begin at 1, gets an element more, so that it differs.
func inOneRow(a pgtype.Array[[]byte]) [][]byte {
	if len(a.Dims) > 1 || len(a.Dims) == 1 && a.Dims[0].LowerBound != 1 {
		return append(a.Elements, nil)
	}
	return a.Elements
}

// handUntil hands on the links up to a batch's.
func (l *links) handUntil(stream chain.StreamID, sequence int64) error {
	for l.ahead != nil && cmp.Or(cmp.Compare(l.ahead.Batch.Stream, stream), cmp.Compare(l.ahead.Batch.Sequence, sequence)) <= 0 {
		if err := l.handOne(); err != nil {
			return err
		}
	}
	return nil
}

func (l *links) handAll() error {
	for l.ahead != nil {
		if err := l.handOne(); err != nil {
			return err
		}
	}
	return nil
}

func (l *links) handOne() error {
	if err := l.books.hand(l.ahead); err != nil {
		return err
	}
	return l.next()
}

// Bounded is SQL of a sum as an INT8. One that is beyond all of them, which no sum of true books
// is, becomes the last, instead of an error that ends the reading.
func Bounded(sum string) string {
	return "greatest(least(" + sum + ", 9223372036854775807), -9223372036854775807)::INT8"
}

func (x *books) sums() error {
	err := x.each("SELECT account, "+Bounded("sum(debits)")+", "+Bounded("sum(credits)")+", "+Bounded("sum(debits_held)")+", "+
		Bounded("sum(credits_held)")+" FROM balances GROUP BY account ORDER BY account", func(rows pgx.Rows) (*Line, error) {
		b := &Balance{}
		return &Line{Balance: b}, rows.Scan(&b.Account, &b.Debits, &b.Credits, &b.DebitsHeld, &b.CreditsHeld)
	})
	if err != nil {
		return err
	}
	return x.each("SELECT account, day, "+Bounded("sum(debits)")+", "+Bounded("sum(credits)")+" FROM turnovers GROUP BY account, day ORDER BY account, day",
		func(rows pgx.Rows) (*Line, error) {
			t := &Turnover{}
			return &Line{Turnover: t}, rows.Scan(&t.Account, &t.Day, &t.Debits, &t.Credits)
		})
}

func (x *books) holds() error {
	if x.extent == ToVerify {
		return nil
	}
	return x.each("SELECT day, subject, id, state, posted FROM holds ORDER BY day, subject, id", func(rows pgx.Rows) (*Line, error) {
		h := &Hold{}
		var subject, id []byte
		err := rows.Scan(&h.Day, &subject, &id, &h.State, &h.Posted)
		h.Subject, h.ID = hex.EncodeToString(subject), hex.EncodeToString(id)
		return &Line{Hold: h}, err
	})
}

func (x *books) days() error {
	err := x.each("SELECT day, stream, sequence, head, batches FROM day_heads ORDER BY day, stream", func(rows pgx.Rows) (*Line, error) {
		h := &Head{}
		var batches []byte
		err := rows.Scan(&h.Day, &h.Stream, &h.Sequence, (*storedHash)(&h.Head), &batches)
		h.Batches = hashOrNone(batches)
		return &Line{Head: h}, err
	})
	if err != nil {
		return err
	}
	return x.each("SELECT day, state, coalesce(next_day, 0), root, signature, signer FROM days ORDER BY day", func(rows pgx.Rows) (*Line, error) {
		d := &Day{}
		var root []byte
		err := rows.Scan(&d.Day, &d.State, &d.Next, &root, &d.Signature, &d.Signer)
		d.Root = hashOrNone(root)
		return &Line{Day: d}, err
	})
}

// storedHash is a hash that a column has, or bytes that are none.
type storedHash chain.Hash

// ScanBytes reads it.
func (h *storedHash) ScanBytes(stored []byte) error {
	*h = storedHash(chain.StoredHash(stored))
	return nil
}

// writable returns a time in UTC. One outside the years that JSON can have becomes the zero time,
// which nothing in the books has.
func writable(t time.Time) time.Time {
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

func hashOrNone(data []byte) *chain.Hash {
	if data == nil {
		return nil
	}
	h := chain.StoredHash(data)
	return &h
}
