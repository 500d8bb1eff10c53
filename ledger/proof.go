package ledger

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// ErrProof means that a proof does not prove what it should.
var ErrProof = errors.New("the proof does not hold")

// Proof shows that one row of the journal is covered by the seal of its booking day. It needs no database to check: the row makes a leaf of its batch's
// root, the batch's link a leaf of the root over what its stream booked in the day, and that a leaf of the day's signed root. It is a few kB, however
// large the day, and tells nothing of other rows.
type Proof struct {
	Version  int    `json:"version"` // 1
	Row      Row    `json:"row"`
	RowPath  []Hash `json:"row_path"`
	Link     Link   `json:"link"`
	Previous Hash   `json:"previous"` // the head before the link's
	// The batch is number LinkIndex of the Links batches its stream booked in the day.
	LinkIndex int    `json:"link_index"`
	Links     int    `json:"links"`
	LinkPath  []Hash `json:"link_path"`
	Stream    string `json:"stream"`
	Sequence  int64  `json:"sequence"` // with which the stream left the day
	Head      Hash   `json:"head"`
	// The stream is number StreamIndex of the seal's.
	StreamIndex int    `json:"stream_index"`
	StreamPath  []Hash `json:"stream_path"`
	Seal        Seal   `json:"seal"`
}

// Check proves the row by the signer of the day, which the caller must know from elsewhere: the one that the proof names proves nothing. The error
// wraps ErrProof and says what does not hold.
func (p *Proof) Check(signer ed25519.PublicKey) error {
	switch {
	case p.Version != 1:
		return fmt.Errorf("%w: version %d, expected 1", ErrProof, p.Version)
	case p.Row.Hash != p.Row.ContentHash():
		return fmt.Errorf("%w: the row's hash is %x, its content makes %x", ErrProof, p.Row.Hash, p.Row.ContentHash())
	case p.Row.Stream != p.Link.Stream || p.Row.Sequence != p.Link.Sequence || p.Row.BookingDay != p.Link.Day:
		return fmt.Errorf("%w: the row belongs to another batch", ErrProof)
	case IDOfStream(p.Stream) != p.Link.Stream || p.Link.Day != p.Seal.Day:
		return fmt.Errorf("%w: the batch belongs to another stream or day", ErrProof)
	case p.Link.HeadAfter(p.Previous) != p.Link.Head:
		return fmt.Errorf("%w: the batch's head is %x, its content makes %x", ErrProof, p.Link.Head, p.Link.HeadAfter(p.Previous))
	case !p.Seal.Valid():
		return fmt.Errorf("%w: the signature does not match the day's root", ErrProof)
	case !signer.Equal(p.Seal.Signer):
		return fmt.Errorf("%w: the day was signed by %x, expected %x", ErrProof, []byte(p.Seal.Signer), []byte(signer))
	}
	rows := int(p.Link.Transfers) + int(p.Link.Memos)
	root, err := rootFrom("row", int(p.Row.Position), rows, p.Row.Hash, p.RowPath)
	if err != nil {
		return err
	}
	if root != p.Link.Root {
		return fmt.Errorf("%w: the row is not in its batch", ErrProof)
	}
	batches, err := rootFrom("batch", p.LinkIndex, p.Links, LeafOfHead(p.Link.Head), p.LinkPath)
	if err != nil {
		return err
	}
	root, err = rootFrom("stream", p.StreamIndex, p.Seal.Streams, HeadLeaf(p.Seal.Day, p.Stream, p.Sequence, p.Head, batches), p.StreamPath)
	if err != nil {
		return err
	}
	if root != p.Seal.Root {
		return fmt.Errorf("%w: the batch is not in the sealed day", ErrProof)
	}
	return nil
}

// rootFrom computes the root that a path leads to.
func rootFrom(what string, index, size int, leaf Hash, path []Hash) (Hash, error) {
	nodes := make([][]byte, len(path))
	for i := range path {
		nodes[i] = path[i][:]
	}
	if index < 0 || index >= size {
		return Hash{}, fmt.Errorf("%w: %s %d of %d", ErrProof, what, index, size)
	}
	root, err := proof.RootFromInclusionProof(rfc6962.DefaultHasher, uint64(index), uint64(size), leaf[:], nodes)
	if err != nil {
		return Hash{}, fmt.Errorf("%w: path of the %s: %w", ErrProof, what, err)
	}
	return Hash(root), nil
}

// pathOf computes the inclusion path of one of the leaves. It is the other half of rootFrom: the leaves are all in memory here, a few thousand.
func pathOf(leaves []Hash, index int) ([]Hash, error) {
	nodes, err := proof.Inclusion(uint64(index), uint64(len(leaves)))
	if err != nil {
		return nil, fmt.Errorf("inclusion path: %w", err)
	}
	hashes := make([][]byte, len(nodes.IDs))
	for i, id := range nodes.IDs {
		first, last := id.Index<<id.Level, min((id.Index+1)<<id.Level, uint64(len(leaves)))
		var tree Tree
		for _, leaf := range leaves[first:last] {
			if err = tree.Add(leaf); err != nil {
				return nil, err
			}
		}
		root, err := tree.Root()
		if err != nil {
			return nil, err
		}
		hashes[i] = root[:]
	}
	rehashed, err := nodes.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
	if err != nil {
		return nil, fmt.Errorf("inclusion path: %w", err)
	}
	path := make([]Hash, len(rehashed))
	for i := range rehashed {
		path[i] = Hash(rehashed[i])
	}
	return path, nil
}

// Prove makes the proof of the row under a key. The error is ErrNoRow when there is none, ErrDay when its booking day is not sealed. The rows of its
// batch are looked for in the effective days that the batch can have.
func (l *Ledger) Prove(ctx context.Context, k Key) (*Proof, error) {
	p := &Proof{Version: 1}
	err := l.Read(ctx, func(tx pgx.Tx) error {
		found := false
		err := eachRow(ctx, tx, func(r Row) error { p.Row, found = r, true; return nil },
			"journal WHERE effective_day = $1 AND subject = $2 AND id = $3", k.Day, []byte(k.Subject), []byte(k.ID))
		switch {
		case err != nil:
			return err
		case !found:
			return ErrNoRow
		}
		if p.Seal, err = readSeal(ctx, tx, p.Row.BookingDay); errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("%w: %v, in which it is booked, is not sealed", ErrDay, p.Row.BookingDay)
		}
		for _, step := range []func(context.Context, pgx.Tx) error{p.findBatch, p.findRows, p.findStream} {
			if err == nil {
				err = step(ctx, tx)
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
func (p *Proof) findBatch(ctx context.Context, tx pgx.Tx) error {
	k := &p.Link
	k.Stream, k.Sequence = p.Row.Stream, p.Row.Sequence
	var root, head []byte
	err := tx.QueryRow(ctx, `SELECT from_position, next_position, day, shard, epoch, at, transfers, memos, root, note, head FROM batches
		WHERE stream = $1 AND sequence = $2`, k.Stream, k.Sequence).Scan(&k.From, &k.Next, &k.Day, &k.Shard, &k.Epoch, &k.At, &k.Transfers, &k.Memos, &root, &k.Note, &head)
	copy(k.Root[:], root)
	copy(k.Head[:], head)
	if err != nil || k.Sequence == 1 {
		return err
	}
	var previous []byte
	err = tx.QueryRow(ctx, "SELECT head FROM batches WHERE stream = $1 AND sequence = $2", k.Stream, k.Sequence-1).Scan(&previous)
	copy(p.Previous[:], previous)
	return err
}

// findRows reads the hashes of all rows of the batch, and makes the row's path.
func (p *Proof) findRows(ctx context.Context, tx pgx.Tx) error {
	leaves := make([]Hash, p.Link.Transfers+p.Link.Memos)
	rows, err := tx.Query(ctx, `SELECT position, hash FROM journal WHERE stream = $1 AND sequence = $2 AND effective_day = ANY($3::INT4[])
		UNION ALL SELECT j.position, j.hash FROM late l JOIN journal j ON j.effective_day = l.effective_day AND j.subject = l.subject
		WHERE l.booking_day = $4 AND j.stream = $1 AND j.sequence = $2`,
		p.Link.Stream, p.Link.Sequence, promptDaysOf([]Day{p.Link.Day}), p.Link.Day)
	if err != nil {
		return err
	}
	var position int32
	var hash []byte
	found := 0
	_, err = pgx.ForEachRow(rows, []any{&position, &hash}, func() error {
		if position < 0 || int(position) >= len(leaves) || len(hash) != len(Hash{}) {
			return fmt.Errorf("row %d of the batch has a hash of %d bytes; the batch has %d rows", position, len(hash), len(leaves))
		}
		leaves[position] = Hash(hash)
		found++
		return nil
	})
	if err != nil {
		return err
	}
	if found != len(leaves) {
		return fmt.Errorf("the batch has %d rows, its link says %d", found, len(leaves))
	}
	p.RowPath, err = pathOf(leaves, int(p.Row.Position))
	return err
}

// findStream makes the paths of the batch in its stream's day and of the stream in the day.
func (p *Proof) findStream(ctx context.Context, tx pgx.Tx) error {
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
		p.Stream, p.Sequence, p.Head, p.StreamIndex = at.Stream, at.Sequence, Hash(at.Head), i
		var links []Hash
		err = eachHead(ctx, tx, p.Seal.Day, at, func(sequence int64, head Hash) error {
			if sequence == p.Link.Sequence {
				p.LinkIndex = len(links)
			}
			links = append(links, LeafOfHead(head))
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
