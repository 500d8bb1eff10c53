package forgery

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Place is a byte of a field. Fields of an inner message are named as if they were the
// message's own, all with hyphens: card, amount-fen, entry-time.
type Place struct {
	Field string
	Byte  int
}

// String names the place as truth names faults: entry_time_3.
func (p Place) String() string {
	return fmt.Sprintf("%s_%d", strings.ReplaceAll(p.Field, "-", "_"), p.Byte)
}

// holder is a message and one of its fields.
type holder struct {
	message protoreflect.Message
	field   protoreflect.FieldDescriptor
}

func (h holder) name() string { return strings.ReplaceAll(string(h.field.Name()), "_", "-") }

// holders are the fields with bytes of their own, those of inner messages included; with absent
// also those of inner messages that are not there.
func holders(m protoreflect.Message, absent bool) (list []holder) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		switch {
		case f.Kind() != protoreflect.MessageKind:
			list = append(list, holder{m, f})
		case absent || m.Has(f):
			list = append(list, holders(m.Mutable(f).Message(), absent)...)
		}
	}
	return list
}

// Fields names the fields of a message.
func Fields(m proto.Message) (names []string) {
	for _, h := range holders(proto.Clone(m).ProtoReflect(), true) {
		names = append(names, h.name())
	}
	return names
}

// Places lists every byte of a message that can be altered, in the given fields or, if none are
// given, in all.
func Places(m proto.Message, fields []string) (places []Place) {
	for _, h := range holders(proto.Clone(m).ProtoReflect(), false) {
		if name := h.name(); len(fields) == 0 || slices.Contains(fields, name) {
			for i := range h.bytes() {
				places = append(places, Place{name, i})
			}
		}
	}
	return places
}

// bytes is the field as bytes; a list or a map has none.
func (h holder) bytes() []byte {
	if h.field.IsList() || h.field.IsMap() {
		return nil
	}
	switch v := h.message.Get(h.field); h.field.Kind() {
	case protoreflect.BytesKind:
		return slices.Clone(v.Bytes())
	case protoreflect.StringKind:
		return []byte(v.String())
	case protoreflect.EnumKind:
		return binary.BigEndian.AppendUint32(nil, uint32(v.Enum()))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return binary.BigEndian.AppendUint32(nil, uint32(v.Uint()))
	case protoreflect.Int32Kind:
		return binary.BigEndian.AppendUint32(nil, uint32(v.Int()))
	}
	return nil
}

func (h holder) set(b []byte) {
	v := protoreflect.ValueOfBytes(b)
	switch h.field.Kind() {
	case protoreflect.StringKind:
		v = protoreflect.ValueOfString(string(b))
	case protoreflect.EnumKind:
		v = protoreflect.ValueOfEnum(protoreflect.EnumNumber(int32(binary.BigEndian.Uint32(b))))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		v = protoreflect.ValueOfUint32(binary.BigEndian.Uint32(b))
	case protoreflect.Int32Kind:
		v = protoreflect.ValueOfInt32(int32(binary.BigEndian.Uint32(b)))
	}
	h.message.Set(h.field, v)
}

// Altered returns a copy of a message with a changed byte at a place that Places gave, and the
// field's new value. The byte differs in the bits of mask, of which 1 to 0x7F are used.
func Altered[M proto.Message](m M, p Place, mask byte) (altered M, now []byte, err error) {
	altered, _ = proto.Clone(m).(M)
	for _, h := range holders(altered.ProtoReflect(), false) {
		if b := h.bytes(); h.name() == p.Field && p.Byte < len(b) {
			b[p.Byte] ^= max(mask&0x7F, 1)
			h.set(b)
			return altered, b, nil
		}
	}
	return altered, nil, fmt.Errorf("forgery: the message has no byte %d of a field %s", p.Byte, p.Field)
}
