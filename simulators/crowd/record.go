package crowd

import (
	"google.golang.org/protobuf/encoding/protowire"

	"citycard/cardos/keys"
)

// record is a tap's message in a form that is quick to change and to write.
type record struct {
	keys.PurchaseRecord // what is signed, and the TAC
	tac                 []byte
	keyVersion          uint32
	algorithm           uint32

	medium, counter, balance, mode, movement uint32
	line, station, entryStation              uint32
	entryTime                                []byte
	cardType                                 uint32
	fares, vehicle                           string
	before                                   []byte // the message of the ride before
}

// append appends the message as protobuf writes it: fields in order, zero ones left
// out. scratch is for the inner message.
func (r *record) append(b, scratch []byte) []byte {
	b = number(b, 1, r.medium)
	b = bytesField(b, 2, r.debit(scratch))
	b = number(b, 3, r.counter)
	b = number(b, 4, r.balance)
	b = number(b, 5, r.mode)
	b = number(b, 6, r.movement)
	b = number(b, 7, r.line)
	b = number(b, 8, r.station)
	b = number(b, 9, r.entryStation)
	b = bytesField(b, 10, r.entryTime)
	b = number(b, 11, r.cardType)
	b = text(b, 12, r.fares)
	b = text(b, 13, r.vehicle)
	return bytesField(b, 19, r.before)
}

// claim is the ride before, and the number of the operator of this one, as a tap has them.
func claim(mode, operator uint32, at [7]byte, here uint32) []byte {
	b := number(make([]byte, 0, 20), 1, mode)
	b = number(b, 2, operator)
	b = bytesField(b, 3, at[:])
	return number(b, 4, here)
}

func (r *record) debit(b []byte) []byte {
	b = bytesField(b[:0], 1, r.Card.ASN[:])
	b = bytesField(b, 2, r.Card.Issuer[:])
	b = number(b, 3, uint32(r.Type))
	b = number(b, 4, r.Amount)
	b = bytesField(b, 5, r.Terminal[:])
	if r.TerminalSequence != 0 {
		b = protowire.AppendFixed32(protowire.AppendTag(b, 6, protowire.Fixed32Type), r.TerminalSequence)
	}
	b = bytesField(b, 7, r.Time[:])
	b = bytesField(b, 8, r.tac)
	b = number(b, 9, r.keyVersion)
	return number(b, 10, r.algorithm)
}

func number(b []byte, field protowire.Number, v uint32) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
}

func bytesField(b []byte, field protowire.Number, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func text(b []byte, field protowire.Number, v string) []byte {
	if v == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), v)
}
