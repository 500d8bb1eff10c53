package chain

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
)

// Subject is whose statement a row belongs to: a card, a person, an organisation. Raw bytes, 1 to
// 64.
type Subject string

// ScanBytes reads a subject as a database has it.
func (s *Subject) ScanBytes(stored []byte) error { *s = Subject(stored); return nil }

// ID tells the rows of one subject and day apart. Raw bytes, 1 to 64, made by the caller of what is
// signed; the first bytes 0xFD to 0xFF are the ledger's own.
type ID string

// ScanBytes reads an id as a database has it.
func (id *ID) ScanBytes(stored []byte) error { *id = ID(stored); return nil }

// Purpose is the caller's number for what a transfer was for.
type Purpose uint16

// Key identifies a row of the journal.
type Key struct {
	Day     Day
	Subject Subject
	ID      ID
}

// Row is one row of the journal: a transfer, or a memo when Kind is not empty.
type Row struct {
	Day     Day
	Subject Subject
	ID      ID

	Debit, Credit AccountID
	Amount        Fen
	Purpose       Purpose
	Linked        bool
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
}

// Key is what identifies the row.
func (r *Row) Key() Key { return Key{r.Day, r.Subject, r.ID} }

// IsMemo reports whether the row is a memo.
func (r *Row) IsMemo() bool { return r.Kind != "" }

// MovesMoney is the condition in SQL on stored flags that the row's amount moved when it was
// booked. What a hold reserves moves with the row that ends it.
const MovesMoney = "(flags & 28) <> 4"

// Flags is what the journal stores of Linked and Act: 1 for linked, and the act times four. The
// bit of value 2 is reserved: no row has it.
func (r *Row) Flags() byte {
	var flags byte
	if r.Linked {
		flags = 1
	}
	return flags | byte(r.Act)<<2
}

// noAct is an act that no row has.
const noAct = 1<<6 - 1

// SetStored sets the fields whose columns in the journal have more values than a row can have: the
// purpose, the flags as Flags returns them, and when a hold lapses, in seconds since 1970 (0:
// never). An invalid purpose becomes the highest one, and flags that Flags never returns become
// those of an act that no row has. So the row's hash shows that they were changed.
func (r *Row) SetStored(purpose int32, flags int16, expires int64) {
	r.Purpose = math.MaxUint16
	if purpose >= 0 && purpose < math.MaxUint16 {
		r.Purpose = Purpose(purpose)
	}
	if flags != flags&^2&math.MaxUint8 {
		flags = noAct << 2
	}
	r.Linked, r.Act = flags&1 != 0, Act(flags>>2)
	r.Expires = Unix(expires)
}

// StoredKind is a row's kind as its column has it; NULL is a transfer's, which has none. An empty
// one, which no row has, becomes bytes that no text is: so the row stays a memo, as all queries see
// it, and its hash shows that it was changed.
func StoredKind(stored []byte) []byte {
	if stored != nil && len(stored) == 0 {
		return []byte{0xFF}
	}
	return stored
}

// ExpiresUnix is when the row lapses, in seconds since 1970; 0 is never.
func (r *Row) ExpiresUnix() int64 {
	if r.Expires.IsZero() {
		return 0
	}
	return r.Expires.Unix()
}

// Unix is the time of a second since 1970; 0 is none. The second of Go's zero time, which would be
// none too, gets a nanosecond more: so every second stays another value.
func Unix(second int64) time.Time {
	if second == 0 {
		return time.Time{}
	}
	at := time.Unix(second, 0)
	if at.IsZero() {
		at = at.Add(1)
	}
	return at
}

// Lapsed reports whether a hold that stands in the row has lapsed at the given time.
func (r *Row) Lapsed(now time.Time) bool {
	return !r.Expires.IsZero() && !now.Before(r.Expires)
}

// Moved returns the amount that the row moved: 0 for a hold or a memo.
func (r *Row) Moved() Fen {
	if r.Act == Hold {
		return 0
	}
	return r.Amount
}

// ContentHash computes what Hash must be: the RFC 6962 leaf hash, SHA-256 over what AppendCanonical
// writes.
func (r *Row) ContentHash() Hash {
	var scratch [1024]byte
	return sha256.Sum256(r.AppendCanonical(scratch[:0]))
}

// The offsets of the numbers in the canonical bytes. A row that lapses has 8 more bytes at atLapse,
// before its fields.
const (
	atVersion    = 1
	atDay        = 2
	atBookingDay = 6
	atDebit      = 10
	atCredit     = 18
	atAmount     = 26
	atPurpose    = 34
	atFlags      = 36
	atStream     = 37
	atSequence   = 45
	atPosition   = 53
	atLapse      = 57
)

// AppendCanonical writes the row's canonical bytes: the zero byte of a leaf and a version byte 1;
// the days, accounts, amount, purpose, flags, stream number, sequence and position as fixed-width
// big-endian numbers; for a row that lapses, which has version byte 2, the second at which it does
// as 8 bytes; then subject, id, kind, reason and evidence, each after its length as 4 bytes.
func (r *Row) AppendCanonical(b []byte) []byte {
	version := byte(1)
	if !r.Expires.IsZero() {
		version = 2
	}
	b = append(b, rfc6962.RFC6962LeafHashPrefix, version)
	b = binary.BigEndian.AppendUint32(b, uint32(r.Day))
	b = binary.BigEndian.AppendUint32(b, uint32(r.BookingDay))
	b = AppendContent(b, r.Debit, r.Credit, r.Amount, r.Purpose)
	b = append(b, r.Flags())
	b = binary.BigEndian.AppendUint64(b, uint64(r.Stream))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Sequence))
	b = binary.BigEndian.AppendUint32(b, uint32(r.Position))
	if version == 2 {
		b = binary.BigEndian.AppendUint64(b, uint64(r.ExpiresUnix()))
	}
	b = AppendSized(b, r.Subject)
	b = AppendSized(b, r.ID)
	b = AppendSized(b, r.Kind)
	b = AppendSized(b, r.Reason)
	return AppendSized(b, r.Evidence)
}

// AppendContent writes the content by which transfers without evidence are compared.
func AppendContent(b []byte, debit, credit AccountID, amount Fen, purpose Purpose) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(debit))
	b = binary.BigEndian.AppendUint64(b, uint64(credit))
	b = binary.BigEndian.AppendUint64(b, uint64(amount))
	return binary.BigEndian.AppendUint16(b, uint16(purpose))
}
