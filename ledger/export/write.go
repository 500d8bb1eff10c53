package export

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash"
	"io"
	"time"

	"citycard/ledger"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// writer numbers and hashes the lines it writes.
type writer struct {
	ctx   context.Context
	tx    pgx.Tx
	out   *bufio.Writer
	sum   hash.Hash
	lines int64
}

// Write exports the books of l to w.
func Write(ctx context.Context, l *ledger.Ledger, w io.Writer) error {
	out := bufio.NewWriterSize(w, 1<<16)
	err := l.Read(ctx, func(tx pgx.Tx) error {
		x := &writer{ctx: ctx, tx: tx, out: out, sum: sha256.New()}
		if err := x.line(&Line{Export: &Header{Version, l.Dialect().String()}}); err != nil {
			return err
		}
		for _, part := range []func() error{x.audit, x.chart, x.accounts, x.streams, x.journal, x.sums, x.holds, x.days} {
			if err := part(); err != nil {
				return err
			}
		}
		return x.line(&Line{End: &End{x.lines, chain.Hash(x.sum.Sum(nil))}})
	})
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return nil
}

func (x *writer) line(line *Line) error {
	data, err := json.Marshal(line)
	if err != nil {
		return err
	}
	data = append(data, '\n')
	x.sum.Write(data)
	x.lines++
	_, err = x.out.Write(data)
	return err
}

// each runs a query, scans each of its rows and writes the line that was made of it.
func (x *writer) each(query string, makeLine func(pgx.Rows) (*Line, error)) error {
	rows, err := x.tx.Query(x.ctx, query)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		line, err := makeLine(rows)
		if err != nil {
			return err
		}
		if err = x.line(line); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (x *writer) chart() error {
	return x.each(`SELECT coalesce((SELECT version FROM chart), -1), coalesce((SELECT number FROM audit_end), -1),
		(SELECT hash FROM audit_end)`, func(rows pgx.Rows) (*Line, error) {
		c := &Chart{}
		var hash []byte
		err := rows.Scan(&c.Version, &c.Audit, &hash)
		copy(c.AuditHash[:], hash)
		return &Line{Chart: c}, err
	})
}

func (x *writer) accounts() error {
	return x.each(`SELECT account, code, kind, owner, flags, shards, cap, alarm, version, opened, hash FROM accounts
		ORDER BY opened, account`, func(rows pgx.Rows) (*Line, error) {
		a := &Account{}
		var hash []byte
		err := rows.Scan(&a.Account, &a.Code, &a.Kind, &a.Owner, &a.Flags, &a.Shards, &a.Cap, &a.Alarm, &a.Version, &a.Opened, &hash)
		copy(a.Hash[:], hash)
		return &Line{Account: a}, err
	})
}

func (x *writer) streams() error {
	return x.each("SELECT stream, number, next, sequence, epoch, owner, claim, day, head FROM streams ORDER BY number", func(rows pgx.Rows) (*Line, error) {
		s := &Stream{}
		var lease, head []byte
		err := rows.Scan(&s.Stream, &s.Number, &s.Next, &s.Sequence, &s.Epoch, &s.Owner, &lease, &s.Day, &head)
		copy(s.Lease[:], lease)
		copy(s.Head[:], head)
		return &Line{Stream: s}, err
	})
}

// Links and rows come in one stream, each batch's link before its rows.
const journalQuery = `
	SELECT stream, sequence, -1 AS place, from_position, next_position, day, shard, epoch, at, transfers, memos, root, note, head,
		0::INT4, NULL::BYTEA, NULL::BYTEA, 0::INT8, 0::INT8, 0::INT8, 0::INT4, 0::INT2, ''::TEXT, ''::TEXT, NULL::BYTEA, 0::INT4, NULL::BYTEA, 0::INT8
	FROM batches
	UNION ALL
	SELECT stream, sequence, position, 0::INT8, 0::INT8, 0::INT4, 0::INT4, 0::INT8, NULL::TIMESTAMPTZ, 0::INT4, 0::INT4, NULL::BYTEA, NULL::BYTEA, NULL::BYTEA,
		effective_day, subject, id, coalesce(debit, 0), coalesce(credit, 0), amount, purpose, flags, coalesce(kind, ''), coalesce(reason, ''), evidence,
		booking_day, hash, coalesce(expires, 0)
	FROM journal
	ORDER BY stream, sequence, place`

func (x *writer) journal() error {
	return x.each(journalQuery, func(rows pgx.Rows) (*Line, error) {
		var k chain.Link
		var r ledger.Row
		var root, head, subject, id, hash []byte
		var purpose int32
		var flags int16
		var expires int64
		var at *time.Time
		err := rows.Scan(&r.Stream, &r.Sequence, &r.Position, &k.From, &k.Next, &k.Day, &k.Shard, &k.Epoch, &at, &k.Transfers, &k.Memos, &root, &k.Note, &head,
			&r.Day, &subject, &id, &r.Debit, &r.Credit, &r.Amount, &purpose, &flags, &r.Kind, &r.Reason, &r.Evidence, &r.BookingDay, &hash, &expires)
		if err != nil {
			return nil, err
		}
		if r.Day == 0 {
			k.Stream, k.Sequence, k.At = r.Stream, r.Sequence, at.UTC()
			copy(k.Root[:], root)
			copy(k.Head[:], head)
			return &Line{Batch: &k}, nil
		}
		r.Subject, r.ID = ledger.Subject(subject), ledger.ID(id)
		r.SetStored(purpose, flags, expires)
		copy(r.Hash[:], hash)
		return &Line{Row: &r}, nil
	})
}

func (x *writer) sums() error {
	err := x.each(`SELECT account, sum(debits)::INT8, sum(credits)::INT8, sum(debits_held)::INT8, sum(credits_held)::INT8
		FROM balances GROUP BY account ORDER BY account`, func(rows pgx.Rows) (*Line, error) {
		b := &Balance{}
		return &Line{Balance: b}, rows.Scan(&b.Account, &b.Debits, &b.Credits, &b.DebitsHeld, &b.CreditsHeld)
	})
	if err != nil {
		return err
	}
	return x.each("SELECT account, day, sum(debits)::INT8, sum(credits)::INT8 FROM turnovers GROUP BY account, day ORDER BY account, day",
		func(rows pgx.Rows) (*Line, error) {
			t := &Turnover{}
			return &Line{Turnover: t}, rows.Scan(&t.Account, &t.Day, &t.Debits, &t.Credits)
		})
}

func (x *writer) holds() error {
	return x.each("SELECT day, subject, id, state, posted FROM holds ORDER BY day, subject, id", func(rows pgx.Rows) (*Line, error) {
		h := &Hold{}
		var subject, id []byte
		err := rows.Scan(&h.Day, &subject, &id, &h.State, &h.Posted)
		h.Subject, h.ID = hex.EncodeToString(subject), hex.EncodeToString(id)
		return &Line{Hold: h}, err
	})
}

func (x *writer) days() error {
	err := x.each("SELECT day, stream, sequence, head, batches FROM day_heads ORDER BY day, stream", func(rows pgx.Rows) (*Line, error) {
		h := &Head{}
		var head, batches []byte
		err := rows.Scan(&h.Day, &h.Stream, &h.Sequence, &head, &batches)
		copy(h.Head[:], head)
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

func hashOrNone(data []byte) *chain.Hash {
	if data == nil {
		return nil
	}
	var h chain.Hash
	copy(h[:], data)
	return &h
}

func (x *writer) audit() error {
	return x.each("SELECT number, at, act, what, first, second, reason, hash FROM audit ORDER BY number", func(rows pgx.Rows) (*Line, error) {
		e := &chain.AuditEntry{}
		var at int64
		var hash []byte
		err := rows.Scan(&e.Number, &at, &e.Act, &e.What, &e.First, &e.Second, &e.Reason, &hash)
		e.At = time.Unix(at, 0).UTC()
		copy(e.Hash[:], hash)
		return &Line{Audit: e}, err
	})
}
