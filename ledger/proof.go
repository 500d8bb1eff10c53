package ledger

import (
	"context"
	"errors"
	"fmt"

	"citycard/language"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// pathOf computes the inclusion path of one of the leaves. It is the other half of rootFrom: the
// leaves are all in memory here, a few thousand.
func pathOf(leaves []chain.Hash, index int) ([]chain.Hash, error) {
	nodes, err := proof.Inclusion(uint64(index), uint64(len(leaves)))
	if err != nil {
		return nil, fmt.Errorf("inclusion path: %w", err)
	}
	hashes := make([][]byte, len(nodes.IDs))
	for i, id := range nodes.IDs {
		first, last := id.Index<<id.Level, min((id.Index+1)<<id.Level, uint64(len(leaves)))
		root := chain.RootOf(leaves[first:last])
		hashes[i] = root[:]
	}
	rehashed, err := nodes.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
	if err != nil {
		return nil, fmt.Errorf("inclusion path: %w", err)
	}
	path := make([]chain.Hash, len(rehashed))
	for i := range rehashed {
		path[i] = chain.Hash(rehashed[i])
	}
	return path, nil
}

// Prove makes the proof of the row under a key. The error is ErrNoRow when there is none, ErrDay
// when its booking day is not sealed. The rows of its batch are searched in the effective days that
// the batch can have.
func (l *Ledger) Prove(ctx context.Context, k Key) (*chain.Proof, error) {
	p := &chain.Proof{Version: 1}
	err := l.Read(ctx, func(tx pgx.Tx) error {
		found := false
		err := EachRow(ctx, tx, func(r Row) error { p.Row, found = r, true; return nil },
			"journal WHERE effective_day = $1 AND subject = $2 AND id = $3", k.Day, []byte(k.Subject), []byte(k.ID))
		switch {
		case err != nil:
			return err
		case !found:
			return ErrNoRow
		}
		if p.Seal, err = readSeal(ctx, tx, p.Row.BookingDay); errors.Is(err, pgx.ErrNoRows) {
			return language.Textf("%w: %v, in which it is booked, is not sealed", ErrDay, p.Row.BookingDay)
		}
		for _, step := range []func(context.Context, pgx.Tx, *chain.Proof) error{findBatch, findRows, findStream} {
			if err == nil {
				err = step(ctx, tx, p)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("prove a row: %w", err)
	}
	return p, nil
}

// findBatch reads the row's link and the head before it.
func findBatch(ctx context.Context, tx pgx.Tx, p *chain.Proof) error {
	k := &p.Link
	k.Stream, k.Sequence = p.Row.Stream, p.Row.Sequence
	err := tx.QueryRow(ctx, `SELECT from_position, next_position, day, shard, epoch, at, transfers, memos, root, note, head FROM batches
		WHERE stream = $1 AND sequence = $2`, k.Stream, k.Sequence).Scan(&k.From, &k.Next, &k.Day, &k.Shard, &k.Epoch, &k.At, &k.Transfers, &k.Memos, &k.Root, &k.Note, &k.Head)
	if err != nil || k.Sequence == 1 {
		return err
	}
	return tx.QueryRow(ctx, "SELECT head FROM batches WHERE stream = $1 AND sequence = $2", k.Stream, k.Sequence-1).Scan(&p.Previous)
}

// findRows reads the hashes of all rows of the batch, and makes the row's path.
func findRows(ctx context.Context, tx pgx.Tx, p *chain.Proof) error {
	rows, err := tx.Query(ctx, `SELECT position, hash FROM journal WHERE stream = $1 AND sequence = $2 AND effective_day = ANY($3::INT4[])
		UNION ALL SELECT j.position, j.hash FROM late l JOIN journal j ON j.effective_day = l.effective_day AND j.subject = l.subject
		WHERE l.booking_day = $4 AND j.stream = $1 AND j.sequence = $2 ORDER BY position`,
		p.Link.Stream, p.Link.Sequence, PromptDays(p.Link.Day), p.Link.Day)
	if err != nil {
		return err
	}
	var position int32
	var hash []byte
	var leaves []chain.Hash
	_, err = pgx.ForEachRow(rows, []any{&position, &hash}, func() error {
		if int(position) != len(leaves) || len(hash) != len(chain.Hash{}) {
			return fmt.Errorf("row %d of the batch has a hash of %d bytes; %d rows come before it", position, len(hash), len(leaves))
		}
		leaves = append(leaves, chain.Hash(hash))
		return nil
	})
	if err != nil {
		return err
	}
	if rows := int64(p.Link.Transfers) + int64(p.Link.Memos); int64(len(leaves)) != rows {
		return fmt.Errorf("the batch has %d rows, its link says %d", len(leaves), rows)
	}
	p.RowPath, err = pathOf(leaves, int(p.Row.Position))
	return err
}

// findStream makes the paths of the batch in its stream's day and of the stream in the day.
func findStream(ctx context.Context, tx pgx.Tx, p *chain.Proof) error {
	rows, err := tx.Query(ctx, "SELECT stream, sequence, head, batches FROM day_heads WHERE day = $1", p.Seal.Day)
	if err != nil {
		return err
	}
	heads, err := pgx.CollectRows(rows, pgx.RowToStructByPos[streamHead])
	if err != nil {
		return err
	}
	streams, err := leavesOf(p.Seal.Day, heads)
	if err != nil {
		return err
	}
	for i := range heads {
		at := &heads[i]
		if IDOfStream(at.Stream) != p.Link.Stream {
			continue
		}
		p.Stream, p.Sequence, p.Head, p.StreamIndex = at.Stream, at.Sequence, chain.Hash(at.Head), i
		var links []chain.Hash
		err = eachHead(ctx, tx, p.Seal.Day, at, func(sequence int64, head chain.Hash) error {
			if sequence == p.Link.Sequence {
				p.LinkIndex = len(links)
			}
			links = append(links, chain.LeafOfHead(head))
			return nil
		})
		if err != nil {
			return err
		}
		p.Links = len(links)
		if p.LinkPath, err = pathOf(links, p.LinkIndex); err != nil {
			return err
		}
		p.StreamPath, err = pathOf(streams, i)
		return err
	}
	return fmt.Errorf("the stream of the batch left no head in day %v", p.Seal.Day)
}
