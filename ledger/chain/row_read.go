package chain

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/rfc6962"
)

// ErrCanonical means that bytes are not the canonical ones of a row.
var ErrCanonical = errors.New("not the canonical bytes of a row")

// ParseRow reads a row out of its canonical bytes, in which its evidence stays. It takes only what
// AppendCanonical writes: so what hashes like a row is that row. The stored hash is not among them.
func ParseRow(b []byte) (r Row, err error) {
	if len(b) < atLapse || b[0] != rfc6962.RFC6962LeafHashPrefix || b[atVersion] != 1 && b[atVersion] != 2 || b[atFlags]&2 != 0 {
		return r, fmt.Errorf("%w: %d bytes that begin with %x", ErrCanonical, len(b), b[:min(len(b), atDay)])
	}
	four := func(at int) int32 { return int32(binary.BigEndian.Uint32(b[at:])) }
	eight := func(at int) int64 { return int64(binary.BigEndian.Uint64(b[at:])) }
	r = Row{
		Day: Day(four(atDay)), BookingDay: Day(four(atBookingDay)), Debit: AccountID(eight(atDebit)), Credit: AccountID(eight(atCredit)),
		Amount: Fen(eight(atAmount)), Purpose: Purpose(binary.BigEndian.Uint16(b[atPurpose:])), Linked: b[atFlags]&1 != 0, Act: Act(b[atFlags] >> 2),
		Stream: StreamID(eight(atStream)), Sequence: eight(atSequence), Position: four(atPosition),
	}
	rest := b[atLapse:]
	if b[atVersion] == 2 {
		if len(rest) < 8 || eight(atLapse) == 0 {
			return r, fmt.Errorf("%w: it does not say when it lapses", ErrCanonical)
		}
		r.Expires = Unix(eight(atLapse))
		rest = rest[8:]
	}
	var fields [5][]byte // subject, id, kind, reason, evidence
	for i := range fields {
		if len(rest) < 4 || uint64(len(rest)-4) < uint64(binary.BigEndian.Uint32(rest)) {
			return r, fmt.Errorf("%w: field %d is cut short", ErrCanonical, i+1)
		}
		size := int(binary.BigEndian.Uint32(rest))
		fields[i], rest = rest[4:4+size], rest[4+size:]
	}
	if len(rest) > 0 {
		return r, fmt.Errorf("%w: %d bytes follow it", ErrCanonical, len(rest))
	}
	r.Subject, r.ID, r.Kind, r.Reason = Subject(fields[0]), ID(fields[1]), string(fields[2]), string(fields[3])
	if len(fields[4]) > 0 {
		r.Evidence = fields[4]
	}
	return r, nil
}
