package chain

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// ErrProof means that a proof does not prove what it should.
var ErrProof = errors.New("the proof does not hold")

// Proof shows that one row of the journal is covered by the seal of its booking day. It needs no
// database to check: the row makes a leaf of its batch's root, the batch's link a leaf of the root
// over what its stream booked in the day, and that a leaf of the day's signed root. It is a few kB,
// however large the day, and tells nothing of other rows.
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

// Check checks the proof with the public key of the day's signer. The caller must know that key
// from another source: the key that the proof names proves nothing. The error wraps ErrProof and
// says what does not hold.
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
