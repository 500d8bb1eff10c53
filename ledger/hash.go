package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Hash is a SHA-256 value.
type Hash [sha256.Size]byte

// Row is one row of the journal: a transfer, or a memo when Kind is not empty.
type Row struct {
	Day     Day
	Subject Subject
	ID      ID

	Debit, Credit AccountID
	Amount        Fen
	Purpose       Purpose
	Linked, UpTo  bool
	Act           Act
	Expires       time.Time // when a hold lapses; zero for never

	Kind     string
	Reason   string
	Evidence []byte

	BookingDay Day
	Stream     StreamID
	Sequence   int64
	Position   int32
	Hash       Hash

	hold *Row // the hold that this row ends, while it is being posted
}

// IsMemo reports whether the row is a memo.
func (r *Row) IsMemo() bool { return r.Kind != "" }

func (r *Row) flags() byte {
	var flags byte
	if r.Linked {
		flags |= 1
	}
	if r.UpTo {
		flags |= 2
	}
	return flags | byte(r.Act)<<2
}

// noAct is an act that no row has.
const noAct = 1<<6 - 1

// SetFlags sets what the journal stores as flags (linked 1, up-to 2, the act from 4 on) and as the
// second at which a hold lapses (0: never). Flags that exceed the byte that is hashed make an act
// that no row has, so that the row's hash tells.
func (r *Row) SetFlags(flags int16, expires int64) {
	if flags != flags&0xFF {
		flags = noAct << 2
	}
	r.Linked, r.UpTo, r.Act = flags&1 != 0, flags&2 != 0, Act(flags>>2)
	r.Expires = unix(expires)
}

func (r *Row) expires() int64 {
	if r.Expires.IsZero() {
		return 0
	}
	return r.Expires.Unix()
}

// Moved returns what the row moved: nothing for a hold or a memo.
func (r *Row) Moved() Fen {
	if r.Act == Hold {
		return 0
	}
	return r.Amount
}

// ContentHash computes what Hash must be: the RFC 6962 leaf hash (SHA-256 over a zero byte and the row's canonical bytes). The
// canonical bytes are a version byte 1; the days, accounts, amount, purpose, flags (linked 1, up-to 2, act times 4), stream number, sequence
// and position as fixed-width big-endian numbers; for a row that lapses, which has version byte 2, the second at which it does as 8 bytes; then subject, id, kind, reason and evidence, each after its length as 4 bytes.
func (r *Row) ContentHash() Hash {
	var scratch [1024]byte
	return sha256.Sum256(r.appendCanonical(scratch[:0]))
}

func (r *Row) appendCanonical(b []byte) []byte {
	version := byte(1)
	if !r.Expires.IsZero() {
		version = 2
	}
	b = append(b, rfc6962.RFC6962LeafHashPrefix, version)
	b = binary.BigEndian.AppendUint32(b, uint32(r.Day))
	b = binary.BigEndian.AppendUint32(b, uint32(r.BookingDay))
	b = appendContent(b, r.Debit, r.Credit, r.Amount, r.Purpose)
	b = append(b, r.flags())
	b = binary.BigEndian.AppendUint64(b, uint64(r.Stream))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Sequence))
	b = binary.BigEndian.AppendUint32(b, uint32(r.Position))
	if version == 2 {
		b = binary.BigEndian.AppendUint64(b, uint64(r.expires()))
	}
	b = appendSized(b, r.Subject)
	b = appendSized(b, r.ID)
	b = appendSized(b, r.Kind)
	b = appendSized(b, r.Reason)
	return appendSized(b, r.Evidence)
}

// appendContent writes what identifies a transfer that has no evidence.
func appendContent(b []byte, debit, credit AccountID, amount Fen, purpose Purpose) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(debit))
	b = binary.BigEndian.AppendUint64(b, uint64(credit))
	b = binary.BigEndian.AppendUint64(b, uint64(amount))
	return binary.BigEndian.AppendUint16(b, uint16(purpose))
}

func appendSized[T ~string | ~[]byte](b []byte, field T) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(field)))
	return append(b, field...)
}

// Tree computes an RFC 6962 Merkle root over leaf hashes as they come, in memory that grows with the logarithm of their
// number. The zero Tree is empty.
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

// Link is one batch's link in its stream's chain, as stored in the batches table.
type Link struct {
	Stream     StreamID
	Sequence   int64
	From, Next int64
	Day        Day
	Shard      int32
	Epoch      int64     // of the claim under which it was posted
	At         time.Time // when the database took it, to the microsecond
	Transfers  int32     // rows
	Memos      int32
	Root       Hash
	Note       []byte
	Head       Hash
}

// HeadAfter computes what Head must be, given the head before it (zero for the first batch of a stream): the SHA-256 over the text
// "ledger batch 2", the previous head, stream, sequence, from, next, epoch and the microsecond since 1970 as 8 bytes each, day, shard, transfers and memos
// as 4, all big endian, the root, and the SHA-256 of the note.
func (k *Link) HeadAfter(previous Hash) Hash {
	b := make([]byte, 0, 256)
	b = append(b, "ledger batch 2"...)
	b = append(b, previous[:]...)
	for _, n := range []int64{int64(k.Stream), k.Sequence, k.From, k.Next, k.Epoch, k.At.UnixMicro()} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	for _, n := range []int32{int32(k.Day), k.Shard, k.Transfers, k.Memos} {
		b = binary.BigEndian.AppendUint32(b, uint32(n))
	}
	note := sha256.Sum256(k.Note)
	b = append(b, k.Root[:]...)
	return sha256.Sum256(append(b, note[:]...))
}
