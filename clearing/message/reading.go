package message

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// Reading has the fields of a tap or load that tell the card's state at that moment.
type Reading struct {
	Time    [TimeLen]byte // as signed
	Counter uint32        // of a tap: the offline sequence before it
	Balance uint32        // after it, fen; a load's TAC signs it, of a tap it is only a claim
}

// Field numbers of citycard.proto.
const (
	tapDebit, tapCounter, tapBalance protowire.Number = 2, 3, 4
	debitTime                        protowire.Number = 7
	loadTime, loadBalance            protowire.Number = 8, 9
)

// TapReading reads them from an encoded tap without decoding the rest: a day's close
// reads every tap of the day. ok is false where the bytes are no tap.
func TapReading(b []byte) (c Reading, ok bool) {
	ok = fields(b, func(number protowire.Number, value uint64, inner []byte) bool {
		switch number {
		case tapCounter:
			c.Counter = uint32(value)
		case tapBalance:
			c.Balance = uint32(value)
		case tapDebit:
			return fields(inner, func(number protowire.Number, _ uint64, inner []byte) bool {
				return number != debitTime || Fixed(c.Time[:], inner)
			})
		}
		return true
	})
	return c, ok
}

// LoadReading reads them from an encoded load; Counter stays 0.
func LoadReading(b []byte) (c Reading, ok bool) {
	ok = fields(b, func(number protowire.Number, value uint64, inner []byte) bool {
		switch number {
		case loadBalance:
			c.Balance = uint32(value)
		case loadTime:
			return Fixed(c.Time[:], inner)
		}
		return true
	})
	return c, ok
}

// fields calls fn for each field of a message, with the value of a varint or the
// bytes of a length-delimited one.
func fields(b []byte, fn func(number protowire.Number, value uint64, inner []byte) bool) bool {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return false
		}
		b = b[n:]
		var value uint64
		var inner []byte
		switch kind {
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			inner, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 || !fn(number, value, inner) {
			return false
		}
		b = b[n:]
	}
	return true
}
