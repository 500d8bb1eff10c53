package crowd

import (
	"google.golang.org/protobuf/encoding/protowire"

	"citycard/cardos/keys"
	"citycard/clearing/message"
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
	return text(b, 13, r.vehicle)
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

// Field is a field of a tap that can be tampered with.
type Field struct {
	Name   string
	Signed bool // the TAC covers it, or it is the TAC
	change func(*record)
}

// digit changes the last digit of a BCD number.
func digit(b []byte) {
	last := len(b) - 1
	b[last] = b[last]&0xF0 | (b[last]&0x0F+1)%10
}

// Fields lists every field of a tap, the signed ones first.
func Fields() []Field {
	return []Field{
		{"amount", true, func(r *record) { r.Amount += 100 }},
		{"type", true, func(r *record) { r.Type = 0x06 }},
		{"terminal", true, func(r *record) { digit(r.Terminal[:]) }},
		{"sequence", true, func(r *record) { r.TerminalSequence++ }},
		{"time", true, func(r *record) { digit(r.Time[:]) }},
		{"card", true, func(r *record) { digit(r.Card.ASN[:]) }},
		{"issuer", true, func(r *record) { r.Card.Issuer[3] ^= 0x01 }},
		{"tac", true, func(r *record) { r.tac[0] ^= 0x01 }},
		{"medium", false, func(r *record) { r.medium = uint32(message.Medium_MEDIUM_PHONE) }},
		{"counter", false, func(r *record) { r.counter += 7 }},
		{"balance", false, func(r *record) { r.balance += 5_000 }},
		{"mode", false, func(r *record) { r.mode = 3 - r.mode }},
		{"movement", false, func(r *record) { r.movement = r.movement%3 + 1 }},
		{"line", false, func(r *record) { r.line++ }},
		{"station", false, func(r *record) { r.station += 3 }},
		{"entry-station", false, func(r *record) { r.entryStation += 2 }},
		{"entry-time", false, func(r *record) { r.entryTime = []byte{0x20, 0x26, 0x01, 0x01, 0x01, 0x02, 0x03} }},
		{"card-type", false, func(r *record) { r.cardType++ }},
		{"fare-version", false, func(r *record) { r.fares += "x" }},
		{"vehicle", false, func(r *record) { r.vehicle += "X" }},
		{"key-version", false, func(r *record) { r.keyVersion += 2 }},
		{"algorithm", false, func(r *record) { r.algorithm = 1 - r.algorithm }},
	}
}
