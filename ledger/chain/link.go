package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// StreamID is a stream's number in the journal, made from its name as an AccountID is made from a
// code.
type StreamID int64

// IDOfStream returns the stream number that belongs to a name.
func IDOfStream(name string) StreamID { return StreamID(number(name)) }

// Link is one batch's link in its stream's chain, as stored in the batches table.
type Link struct {
	Stream     StreamID
	Sequence   int64
	From, Next int64
	Day        Day
	Shard      int32
	Epoch      int64     // of the lease under which it was posted
	At         time.Time // when the database took it, to the microsecond
	Transfers  int32     // rows
	Memos      int32
	Root       Hash
	Note       []byte
	Head       Hash
}

// HeadAfter computes what Head must be, given the head before it (zero for the first batch of a
// stream): the SHA-256 over the text "ledger batch 2", the previous head, stream, sequence, from,
// next, epoch and the microsecond since 1970 as 8 bytes each, day, shard, transfers and memos as 4,
// all big endian, the root, and the SHA-256 of the note.
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

// LeafOfHead returns the leaf that a batch contributes to the root over what its stream booked in
// a day.
func LeafOfHead(head Hash) Hash { return sha256.Sum256(append([]byte{0}, head[:]...)) }

// LeaseHash computes the hash that stands beside a stream's lease: the SHA-256 over the text
// "ledger claim 1", the lease's number as 8 bytes, big endian, and the stream's and the owner's
// name, each after its length as 4 bytes.
func LeaseHash(stream string, epoch int64, owner string) Hash {
	b := binary.BigEndian.AppendUint64([]byte("ledger claim 1"), uint64(epoch))
	return sha256.Sum256(AppendSized(AppendSized(b, stream), owner))
}
