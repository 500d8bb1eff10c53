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

// HeadLeaf returns the leaf a stream contributes to a day's root: the RFC 6962 leaf hash over day, sequence (big endian), the
// head of its chain when it left the day, and its name.
func HeadLeaf(day Day, stream string, sequence int64, head Hash) Hash {
	r := binary.BigEndian.AppendUint32([]byte{0}, uint32(day))
	r = binary.BigEndian.AppendUint64(r, uint64(sequence))
	r = append(r, head[:]...)
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
	err := l.changeDays(ctx, fmt.Sprintf("seal day %v", day), func(ctx context.Context, tx pgx.Tx) error {
		status, err := lockDay(ctx, tx, day)
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

func dayRoot(ctx context.Context, tx pgx.Tx, day Day) (Hash, int, error) {
	rows, err := tx.Query(ctx, "SELECT stream, sequence, head FROM day_heads WHERE day = $1", day)
	if err != nil {
		return Hash{}, 0, err
	}
	heads, err := pgx.CollectRows(rows, pgx.RowToStructByPos[streamHead])
	if err != nil {
		return Hash{}, 0, err
	}
	return rootOfHeads(day, heads)
}

// rootOfHeads computes a day's root: the RFC 6962 Merkle root over the leaves of its streams, by name.
func rootOfHeads(day Day, heads []streamHead) (Hash, int, error) {
	slices.SortFunc(heads, func(a, b streamHead) int { return strings.Compare(a.Stream, b.Stream) })
	var tree Tree
	for _, h := range heads {
		if len(h.Head) != len(Hash{}) {
			return Hash{}, 0, fmt.Errorf("stream %q: its head has %d bytes, expected %d", h.Stream, len(h.Head), len(Hash{}))
		}
		if err := tree.Add(HeadLeaf(day, h.Stream, h.Sequence, Hash(h.Head))); err != nil {
			return Hash{}, 0, err
		}
	}
	root, err := tree.Root()
	return root, len(heads), err
}
