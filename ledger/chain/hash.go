package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Hash is a SHA-256 value.
type Hash [sha256.Size]byte

// MarshalText writes the hash in hex.
func (h Hash) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h[:])), nil }

// UnmarshalText reads a hash in hex.
func (h *Hash) UnmarshalText(text []byte) error {
	if n, err := hex.Decode(make([]byte, len(text)), text); err != nil || n != len(h) {
		return fmt.Errorf("%q is not a hash: expected %d hex digits", text, 2*len(h))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// AppendSized writes a field of any length: its length as 4 bytes, big endian, then the field.
func AppendSized[T ~string | ~[]byte](b []byte, field T) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
	return append(b, field...)
}

// Tree computes an RFC 6962 Merkle root over leaf hashes as they come, in memory that grows with
// the logarithm of their number. The zero Tree is empty.
type Tree struct {
	nodes *compact.Range
}

// Add appends one leaf hash.
func (t *Tree) Add(leaf Hash) error {
	if t.nodes == nil {
		t.nodes = (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	}
	if err := t.nodes.Append(append([]byte(nil), leaf[:]...), nil); err != nil {
		return fmt.Errorf("merkle tree: %w", err)
	}
	return nil
}

// Root returns the root over the leaves added so far; the SHA-256 of nothing when there are none.
func (t *Tree) Root() (Hash, error) {
	if t.nodes == nil {
		return Hash(rfc6962.DefaultHasher.EmptyRoot()), nil
	}
	root, err := t.nodes.GetRootHash(nil)
	if err != nil {
		return Hash{}, fmt.Errorf("merkle tree: %w", err)
	}
	return Hash(root), nil
}
