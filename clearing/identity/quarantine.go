package identity

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"citycard/ledger"
)

// QuarantineSubject is the subject of all records that are kept alone; their effective
// day is the clearing day on which they were.
const QuarantineSubject ledger.Subject = "quarantine"

// The first bytes of the two ids. The id of what was judged again sorts first, so that a reader of
// a day knows it before it reads the kept records.
const (
	kindJudged      = 0x41
	kindQuarantined = 0x42
)

// Quarantined names a record, or a line of one, that is kept alone because it could not be booked.
// It has the record's place in its topic, since nothing in the record can be believed, and a hash
// of its bytes, since one record may have several lines.
type Quarantined struct {
	Stream ledger.StreamID
	Offset int64
	At     time.Time // when the broker appended it, to the millisecond; zero where that is not known
	Hash   [sha256.Size]byte
	Piece  uint16 // numbers the pieces of long bytes
}

// Quarantine is the key under which the record is kept on a clearing day.
func (q Quarantined) Quarantine(day ledger.Day) ledger.Key { return q.key(kindQuarantined, day) }

// Judged is the key of the memo that says that the record was judged again. So it is judged again
// only once.
func (q Quarantined) Judged(day ledger.Day) ledger.Key {
	q.Piece = 0
	return q.key(kindJudged, day)
}

func (q Quarantined) key(kind byte, day ledger.Day) ledger.Key {
	at := int64(0)
	if !q.At.IsZero() {
		at = q.At.UnixMilli()
	}
	b := binary.BigEndian.AppendUint64([]byte{kind}, uint64(q.Stream))
	b = binary.BigEndian.AppendUint64(b, uint64(q.Offset))
	b = append(binary.BigEndian.AppendUint64(b, uint64(at)), q.Hash[:]...)
	return ledger.Key{Day: day, Subject: QuarantineSubject, ID: ledger.ID(binary.BigEndian.AppendUint16(b, q.Piece))}
}

const quarantinedLen = 1 + 8 + 8 + 8 + 2 + sha256.Size

// ParseQuarantined reads the id under which a record is kept alone.
func ParseQuarantined(id ledger.ID) (q Quarantined, ok bool) {
	if len(id) != quarantinedLen || id[0] != kindQuarantined {
		return q, false
	}
	b := []byte(id[1:])
	q.Stream = ledger.StreamID(binary.BigEndian.Uint64(b))
	q.Offset = int64(binary.BigEndian.Uint64(b[8:]))
	if at := int64(binary.BigEndian.Uint64(b[16:])); at != 0 {
		q.At = time.UnixMilli(at)
	}
	copy(q.Hash[:], b[24:])
	q.Piece = binary.BigEndian.Uint16(b[24+sha256.Size:])
	return q, true
}
