package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

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

// ScanBytes reads a hash as a database has it: NULL is zero. Bytes of another length are none.
func (h *Hash) ScanBytes(stored []byte) error {
	if stored != nil && len(stored) != len(h) {
		return fmt.Errorf("%x is not a hash: %d bytes, expected %d", stored, len(stored), len(h))
	}
	*h = StoredHash(stored)
	return nil
}

// StoredHash is ScanBytes for those who check hashes: bytes of another length become a hash that
// nothing has, so that the check fails where they stand.
func StoredHash(stored []byte) Hash {
	switch len(stored) {
	case len(Hash{}):
		return Hash(stored)
	case 0:
		if stored == nil {
			return Hash{}
		}
	}
	return sha256.Sum256(append([]byte("ledger no hash 1"), stored...))
}

// AppendSized writes a field of any length: its length as 4 bytes, big endian, then the field.
func AppendSized[T ~string | ~[]byte](b []byte, field T) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
	return append(b, field...)
}

// Tree computes an RFC 6962 Merkle root over leaf hashes as they come, in memory that grows with
// the logarithm of their number. The zero Tree is empty.
type Tree struct {
	leaves uint64
	// nodes are the roots of whole subtrees, one for each bit of leaves that is set, the largest
	// first.
	nodes []Hash
}

// Add appends one leaf hash.
func (t *Tree) Add(leaf Hash) {
	for n := t.leaves; n&1 == 1; n >>= 1 {
		last := len(t.nodes) - 1
		leaf = parent(t.nodes[last], leaf)
		t.nodes = t.nodes[:last]
	}
	t.nodes = append(t.nodes, leaf)
	t.leaves++
}

// Root returns the root over the leaves added so far; the SHA-256 of nothing when there are none.
func (t *Tree) Root() Hash {
	if len(t.nodes) == 0 {
		return sha256.Sum256(nil)
	}
	last := len(t.nodes) - 1
	root := t.nodes[last]
	for _, left := range slices.Backward(t.nodes[:last]) {
		root = parent(left, root)
	}
	return root
}

// Reset empties the tree and keeps its memory.
func (t *Tree) Reset() { t.leaves, t.nodes = 0, t.nodes[:0] }

// RootOf returns the root over leaf hashes.
func RootOf(leaves []Hash) Hash {
	var t Tree
	for _, leaf := range leaves {
		t.Add(leaf)
	}
	return t.Root()
}

func parent(left, right Hash) Hash {
	var b [1 + 2*len(Hash{})]byte
	b[0] = rfc6962.RFC6962NodeHashPrefix
	copy(b[1:], left[:])
	copy(b[1+len(left):], right[:])
	return sha256.Sum256(b[:])
}
