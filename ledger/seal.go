package ledger

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"

	"citycard/language"
	"citycard/ledger/chain"

	"github.com/jackc/pgx/v5"
)

// SealDay seals a closed day with the signer's key, which must be the one that is pinned
// (PinSealKey): the error is a *SignerError otherwise. The seal of a day that is sealed already is
// returned as it is. The days before it need not be sealed.
func (l *Ledger) SealDay(ctx context.Context, day Day, signer ed25519.PrivateKey) (chain.Seal, error) {
	if len(signer) != ed25519.PrivateKeySize {
		return chain.Seal{}, fmt.Errorf("seal day %v: the signing key has %d bytes, expected %d", day, len(signer), ed25519.PrivateKeySize)
	}
	public, ok := signer.Public().(ed25519.PublicKey)
	if !ok {
		return chain.Seal{}, fmt.Errorf("seal day %v: the signing key is not Ed25519", day)
	}
	var seal chain.Seal
	err := l.Change(ctx, fmt.Sprintf("seal day %v", day), func(tx pgx.Tx) error {
		status, err := LockDay(ctx, tx, day)
		switch {
		case err != nil:
			return err
		case status.State == DaySealed:
			seal, err = readSeal(ctx, tx, day)
			return err
		case status.State != DayClosed:
			return language.Textf("%w: it is %s, expected closed", ErrDay, status.State)
		}
		seal = chain.Seal{Day: day, Signer: public}
		var audit int64
		if seal.Root, seal.Streams, audit, err = dayRoot(ctx, tx, day); err != nil {
			return err
		}
		// The key is the one of the part of the audit that the seal covers, even if another is
		// pinned meanwhile.
		pinned, err := sealKeyAt(ctx, tx, audit)
		switch {
		case err != nil:
			return err
		case !public.Equal(pinned.Key):
			return &SignerError{Day: day, Signer: public, Pinned: pinned.Key}
		}
		seal.Signature = ed25519.Sign(signer, seal.Message())
		_, err = tx.Exec(ctx, "UPDATE days SET state = 'sealed', root = $2, signature = $3, signer = $4 WHERE day = $1",
			day, seal.Root[:], seal.Signature, []byte(seal.Signer))
		return err
	})
	return seal, err
}

// SealOf returns the seal of a sealed day; ErrDay when it is not sealed.
func (l *Ledger) SealOf(ctx context.Context, day Day) (chain.Seal, error) {
	var seal chain.Seal
	err := l.Look(ctx, func(tx pgx.Tx) (err error) {
		seal, err = readSeal(ctx, tx, day)
		return err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = language.Textf("%w: it is not sealed", ErrDay)
	}
	if err != nil {
		return chain.Seal{}, fmt.Errorf("seal of day %v: %w", day, err)
	}
	return seal, nil
}

func readSeal(ctx context.Context, tx pgx.Tx, day Day) (chain.Seal, error) {
	seal := chain.Seal{Day: day}
	err := tx.QueryRow(ctx, `SELECT root, signature, signer, (SELECT count(*) FROM day_heads h WHERE h.day = d.day)
		FROM days d WHERE day = $1 AND state = 'sealed'`, day).Scan(&seal.Root, &seal.Signature, &seal.Signer, &seal.Streams)
	return seal, err
}

// dayRoot stores what each stream booked in the day and the last entry of the audit, whose number
// it returns, and computes the day's root.
func dayRoot(ctx context.Context, tx pgx.Tx, day Day) (root chain.Hash, streams int, audit int64, err error) {
	rows, err := tx.Query(ctx, "SELECT stream, sequence, head, batches FROM day_heads WHERE day = $1 AND stream <> $2", day, chain.AuditStream)
	if err != nil {
		return root, 0, 0, err
	}
	heads, err := pgx.CollectRows(rows, pgx.RowToStructByPos[streamHead])
	if err != nil {
		return root, 0, 0, err
	}
	for i := range heads {
		root, err := batchesRoot(ctx, tx, day, &heads[i])
		if err != nil {
			return root, 0, 0, err
		}
		heads[i].Batches = root[:]
		if _, err = tx.Exec(ctx, "UPDATE day_heads SET batches = $3 WHERE day = $1 AND stream = $2", day, heads[i].Stream, root[:]); err != nil {
			return root, 0, 0, err
		}
	}
	last, err := scanAudit(tx.QueryRow(ctx, selectAudit+"ORDER BY number DESC LIMIT 1"))
	if err == nil {
		entry := streamHead{chain.AuditStream, last.Number, last.Hash[:], make([]byte, len(chain.Hash{}))}
		heads = append(heads, entry)
		_, err = tx.Exec(ctx, "INSERT INTO day_heads (day, stream, sequence, head, batches) VALUES ($1, $2, $3, $4, $5)",
			day, entry.Stream, entry.Sequence, entry.Head, entry.Batches)
	}
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return root, 0, 0, err
	}
	root, streams, err = rootOfHeads(day, heads)
	return root, streams, last.Number, err
}

// batchesRoot computes the Merkle root over the heads (each hashed as an RFC 6962 leaf) of the
// batches a stream booked in a day, in order.
func batchesRoot(ctx context.Context, tx pgx.Tx, day Day, at *streamHead) (chain.Hash, error) {
	var tree chain.Tree
	err := eachHead(ctx, tx, day, at, func(_ int64, head chain.Hash) error {
		tree.Add(chain.LeafOfHead(head))
		return nil
	})
	return tree.Root(), err
}

// eachHead calls fn for the batches a stream booked in a day, in order.
func eachHead(ctx context.Context, tx pgx.Tx, day Day, at *streamHead, fn func(sequence int64, head chain.Hash) error) error {
	var first int64
	err := tx.QueryRow(ctx, "SELECT coalesce(max(sequence), 0) FROM day_heads WHERE stream = $1 AND day < $2", at.Stream, day).Scan(&first)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, "SELECT sequence, head FROM batches WHERE stream = $1 AND sequence > $2 AND sequence <= $3 ORDER BY sequence",
		IDOfStream(at.Stream), first, at.Sequence)
	if err != nil {
		return err
	}
	var sequence int64
	var head []byte
	_, err = pgx.ForEachRow(rows, []any{&sequence, &head}, func() error {
		if len(head) != len(chain.Hash{}) {
			return fmt.Errorf("stream %q: the head of batch %d has %d bytes, expected %d", at.Stream, sequence, len(head), len(chain.Hash{}))
		}
		return fn(sequence, chain.Hash(head))
	})
	return err
}

// leavesOf sorts the streams of a day by name and returns their leaves.
func leavesOf(day Day, heads []streamHead) ([]chain.Hash, error) {
	slices.SortFunc(heads, func(a, b streamHead) int { return strings.Compare(a.Stream, b.Stream) })
	leaves := make([]chain.Hash, len(heads))
	for i, h := range heads {
		if len(h.Head) != len(chain.Hash{}) || len(h.Batches) != len(chain.Hash{}) {
			return nil, fmt.Errorf("stream %q: its head has %d bytes and its root %d, expected %d", h.Stream, len(h.Head), len(h.Batches), len(chain.Hash{}))
		}
		leaves[i] = chain.HeadLeaf(day, h.Stream, h.Sequence, chain.Hash(h.Head), chain.Hash(h.Batches))
	}
	return leaves, nil
}

// rootOfHeads computes a day's root: the RFC 6962 Merkle root over the leaves of its streams, by
// name.
func rootOfHeads(day Day, heads []streamHead) (chain.Hash, int, error) {
	leaves, err := leavesOf(day, heads)
	if err != nil {
		return chain.Hash{}, 0, err
	}
	return chain.RootOf(leaves), len(heads), nil
}
