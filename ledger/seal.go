package ledger

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Seal is the proof of one booking day: a root over the heads of all streams at the end of the day, signed.
type Seal struct {
	Day       Day
	Streams   int
	Root      Hash
	Signature []byte // Ed25519, over Message()
	Signer    ed25519.PublicKey
}

// Message returns the bytes that are signed: the text "ledger day 1", the day as 4 bytes big endian, and the root.
func (s *Seal) Message() []byte {
	b := binary.BigEndian.AppendUint32([]byte("ledger day 1"), uint32(s.Day))
	return append(b, s.Root[:]...)
}

// Valid reports whether the signature is the signer's. Whether the signer is the right one is for the caller to know.
func (s *Seal) Valid() bool {
	return len(s.Signer) == ed25519.PublicKeySize && ed25519.Verify(s.Signer, s.Message(), s.Signature)
}

// auditStream stands in the place of a stream's name for the audit, as no stream can be called.
const auditStream = ""

// HeadLeaf returns the leaf a stream contributes to a day's root: the RFC 6962 leaf hash over day, sequence (big endian), the head of its chain when it
// left the day, the Merkle root over the heads of the batches it booked in the day, and its name. The audit, once there is any, contributes one with
// the number and hash of its last entry, a root of zeros, and no name.
func HeadLeaf(day Day, stream string, sequence int64, head, batches Hash) Hash {
	r := binary.BigEndian.AppendUint32([]byte{0}, uint32(day))
	r = binary.BigEndian.AppendUint64(r, uint64(sequence))
	r = append(append(r, head[:]...), batches[:]...)
	return sha256.Sum256(append(r, stream...))
}

// SealDay seals a closed day with the signer's key. The seal of a day that is sealed already is returned as it is. The days
// before it need not be sealed.
func (l *Ledger) SealDay(ctx context.Context, day Day, signer ed25519.PrivateKey) (Seal, error) {
	if len(signer) != ed25519.PrivateKeySize {
		return Seal{}, fmt.Errorf("seal day %v: the signing key has %d bytes, expected %d", day, len(signer), ed25519.PrivateKeySize)
	}
	public, ok := signer.Public().(ed25519.PublicKey)
	if !ok {
		return Seal{}, fmt.Errorf("seal day %v: the signing key is not Ed25519", day)
	}
	var seal Seal
	err := l.change(ctx, fmt.Sprintf("seal day %v", day), func(ctx context.Context, tx pgx.Tx) error {
		status, err := LockDay(ctx, tx, day)
		switch {
		case err != nil:
			return err
		case status.State == DaySealed:
			seal, err = readSeal(ctx, tx, day)
			return err
		case status.State != DayClosed:
			return fmt.Errorf("%w: it is %s, expected closed", ErrDay, status.State)
		}
		seal = Seal{Day: day, Signer: public}
		if seal.Root, seal.Streams, err = dayRoot(ctx, tx, day); err != nil {
			return err
		}
		seal.Signature = ed25519.Sign(signer, seal.Message())
		_, err = tx.Exec(ctx, "UPDATE days SET state = 'sealed', root = $2, signature = $3, signer = $4 WHERE day = $1",
			day, seal.Root[:], seal.Signature, []byte(seal.Signer))
		return err
	})
	return seal, err
}

// SealOf returns the seal of a sealed day; ErrDay when it is not sealed.
func (l *Ledger) SealOf(ctx context.Context, day Day) (Seal, error) {
	var seal Seal
	err := l.run(ctx, func(ctx context.Context) error {
		return l.inTx(ctx, readOnly, func(tx pgx.Tx) (err error) {
			seal, err = readSeal(ctx, tx, day)
			return err
		})
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = fmt.Errorf("%w: it is not sealed", ErrDay)
	}
	if err != nil {
		return Seal{}, fmt.Errorf("seal of day %v: %w", day, err)
	}
	return seal, nil
}

func readSeal(ctx context.Context, tx pgx.Tx, day Day) (Seal, error) {
	seal := Seal{Day: day}
	var root []byte
	err := tx.QueryRow(ctx, `SELECT root, signature, signer, (SELECT count(*) FROM day_heads h WHERE h.day = d.day)
		FROM days d WHERE day = $1 AND state = 'sealed'`, day).Scan(&root, &seal.Signature, &seal.Signer, &seal.Streams)
	copy(seal.Root[:], root)
	return seal, err
}

// dayRoot notes what each stream booked in the day, and where the audit stands, and computes the day's root.
func dayRoot(ctx context.Context, tx pgx.Tx, day Day) (Hash, int, error) {
	rows, err := tx.Query(ctx, "SELECT stream, sequence, head, batches FROM day_heads WHERE day = $1 AND stream <> $2", day, auditStream)
	if err != nil {
		return Hash{}, 0, err
	}
	heads, err := pgx.CollectRows(rows, pgx.RowToStructByPos[streamHead])
	if err != nil {
		return Hash{}, 0, err
	}
	for i := range heads {
		root, err := batchesRoot(ctx, tx, day, &heads[i])
		if err != nil {
			return Hash{}, 0, err
		}
		heads[i].Batches = root[:]
		if _, err = tx.Exec(ctx, "UPDATE day_heads SET batches = $3 WHERE day = $1 AND stream = $2", day, heads[i].Stream, root[:]); err != nil {
			return Hash{}, 0, err
		}
	}
	last, err := scanAudit(tx.QueryRow(ctx, selectAudit+"ORDER BY number DESC LIMIT 1"))
	if err == nil {
		entry := streamHead{auditStream, last.Number, last.Hash[:], make([]byte, len(Hash{}))}
		heads = append(heads, entry)
		_, err = tx.Exec(ctx, "INSERT INTO day_heads (day, stream, sequence, head, batches) VALUES ($1, $2, $3, $4, $5)",
			day, entry.Stream, entry.Sequence, entry.Head, entry.Batches)
	}
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return Hash{}, 0, err
	}
	return rootOfHeads(day, heads)
}

// batchesRoot computes the Merkle root over the heads (each hashed as an RFC 6962 leaf) of the batches a stream booked in a day, in order.
func batchesRoot(ctx context.Context, tx pgx.Tx, day Day, at *streamHead) (Hash, error) {
	var tree Tree
	err := eachHead(ctx, tx, day, at, func(_ int64, head Hash) error { return tree.Add(LeafOfHead(head)) })
	if err != nil {
		return Hash{}, err
	}
	return tree.Root()
}

// eachHead calls fn for the batches a stream booked in a day, in order.
func eachHead(ctx context.Context, tx pgx.Tx, day Day, at *streamHead, fn func(sequence int64, head Hash) error) error {
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
		if len(head) != len(Hash{}) {
			return fmt.Errorf("stream %q: the head of batch %d has %d bytes, expected %d", at.Stream, sequence, len(head), len(Hash{}))
		}
		return fn(sequence, Hash(head))
	})
	return err
}

// LeafOfHead returns the leaf a batch contributes to the root over what its stream booked in a day.
func LeafOfHead(head Hash) Hash { return sha256.Sum256(append([]byte{0}, head[:]...)) }

// leavesOf sorts the streams of a day by name and returns their leaves.
func leavesOf(day Day, heads []streamHead) ([]Hash, error) {
	slices.SortFunc(heads, func(a, b streamHead) int { return strings.Compare(a.Stream, b.Stream) })
	leaves := make([]Hash, len(heads))
	for i, h := range heads {
		if len(h.Head) != len(Hash{}) || len(h.Batches) != len(Hash{}) {
			return nil, fmt.Errorf("stream %q: its head has %d bytes and its root %d, expected %d", h.Stream, len(h.Head), len(h.Batches), len(Hash{}))
		}
		leaves[i] = HeadLeaf(day, h.Stream, h.Sequence, Hash(h.Head), Hash(h.Batches))
	}
	return leaves, nil
}

// rootOfHeads computes a day's root: the RFC 6962 Merkle root over the leaves of its streams, by name.
func rootOfHeads(day Day, heads []streamHead) (Hash, int, error) {
	leaves, err := leavesOf(day, heads)
	if err != nil {
		return Hash{}, 0, err
	}
	var tree Tree
	for _, leaf := range leaves {
		if err = tree.Add(leaf); err != nil {
			return Hash{}, 0, err
		}
	}
	root, err := tree.Root()
	return root, len(heads), err
}
