package chain

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
)

// Seal is the proof of one booking day: a root over the heads of all streams at the end of the day,
// signed.
type Seal struct {
	Day       Day
	Streams   int
	Root      Hash
	Signature []byte // Ed25519, over Message()
	Signer    ed25519.PublicKey
}

// Message returns the bytes that are signed: the text "ledger day 1", the day as 4 bytes big
// endian, and the root.
func (s *Seal) Message() []byte {
	b := binary.BigEndian.AppendUint32([]byte("ledger day 1"), uint32(s.Day))
	return append(b, s.Root[:]...)
}

// Valid reports whether the signature is the signer's. The caller must know whether the signer is
// the right one.
func (s *Seal) Valid() bool {
	return len(s.Signer) == ed25519.PublicKeySize && ed25519.Verify(s.Signer, s.Message(), s.Signature)
}

// AuditStream is the name of the audit where the name of a stream is expected. No stream has an
// empty name.
const AuditStream = ""

// HeadLeaf returns the leaf a stream contributes to a day's root: the RFC 6962 leaf hash over day,
// sequence (big endian), the head of its chain when it left the day, the Merkle root over the heads
// of the batches it booked in the day, and its name. If the audit has entries, it contributes a
// leaf with the number and hash of its last entry, a root of zeros, and no name.
func HeadLeaf(day Day, stream string, sequence int64, head, batches Hash) Hash {
	r := binary.BigEndian.AppendUint32([]byte{0}, uint32(day))
	r = binary.BigEndian.AppendUint64(r, uint64(sequence))
	r = append(append(r, head[:]...), batches[:]...)
	return sha256.Sum256(append(r, stream...))
}
