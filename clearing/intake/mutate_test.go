package intake_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"citycard/clearing/clearingtest"
	"citycard/clearing/message"
)

// seeds are good records of a topic. from tells the records of different callers apart: no two
// have a signed identity in common.
func (h *house) seeds(topic string, from uint32) (seeds []proto.Message) {
	switch topic {
	case message.TopicTaps:
		free := h.town.Tap(clearingtest.Tap{Card: clearingtest.OtherCard, Terminal: clearingtest.MetroGate, Sequence: from, At: noon(5)})
		free.Movement = message.Movement_MOVEMENT_ENTRY
		torn := h.ride(from + 1)
		torn.Debit.OtherTac, torn.Debit.Tac = torn.Debit.Tac, []byte{1, 2, 3, 4}
		return []proto.Message{
			h.ride(from), free, torn, h.visit(from+2, 80),
			h.town.Tap(clearingtest.Tap{Card: clearingtest.Stranger, Terminal: clearingtest.Unlisted, Sequence: from, Fen: 80, At: noon(5)}),
		}
	case message.TopicLoads:
		return []proto.Message{
			h.town.Load(clearingtest.Card, uint16(from), 5000, 5000, noon(5)), h.town.Load(clearingtest.OtherCard, uint16(from), 1, 1, noon(5)),
		}
	case message.TopicExitTickets:
		return []proto.Message{exitTicket(from, 900), voided(exitTicket(from+1, 450), 450)}
	case message.TopicMedicalRequests:
		inpatient := claim("i", clearingtest.Retired)
		inpatient.Kind, inpatient.InScopeFen, inpatient.OwnPayFen = "inpatient", 0, 20_000
		return []proto.Message{claim("s", clearingtest.Worker), inpatient, claim("l", clearingtest.Lapsed)}
	case message.TopicPensionBatches:
		lines := []*message.PensionLine{{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: 300_000}, {Person: clearingtest.Hex(clearingtest.Lapsed), AmountFen: 20_000}}
		return []proto.Message{
			&message.PensionBatch{Batch: "b", Month: "202601", Payday: "20260105", Lines: lines},
			&message.PensionBatch{Batch: "c", Month: "202601", Payday: "20260105", Lines: lines[:1], Payment: 2},
			&message.PensionBatch{Batch: "none", Month: "202601", Payday: "20260105"},
		}
	}
	returns := []*message.PensionReturn{{Person: clearingtest.Hex(clearingtest.Retired), AmountFen: 300_000, Cause: "账户状态异常"}}
	return []proto.Message{
		&message.PensionResult{Batch: "b", Month: "202601", Returns: returns},
		&message.PensionResult{Batch: "c", Month: "202601", Returns: returns, Payment: 2},
		&message.PensionResult{Batch: "none", Month: "202601"},
	}
}

// mutant is a record that is like a good one, or like nothing.
func mutant(random *rand.Rand, seeds []proto.Message) []byte {
	switch random.IntN(12) {
	case 0:
		return junk(random, random.IntN(200))
	case 1:
		return nil
	}
	m := proto.Clone(seeds[random.IntN(len(seeds))])
	for range random.IntN(4) {
		alter(random, m.ProtoReflect())
	}
	value, err := proto.Marshal(m)
	if err != nil { // a text that is none
		value = junk(random, 100)
	}
	switch random.IntN(8) {
	case 0:
		for range 1 + random.IntN(3) {
			if len(value) > 0 {
				value[random.IntN(len(value))] ^= 1 << random.IntN(8)
			}
		}
	case 1:
		value = value[:random.IntN(len(value)+1)]
	case 2:
		value = append(value, junk(random, random.IntN(20))...)
	case 3: // one message after another is both, for a reader of fields
		value = append(value, value...)
	}
	return value
}

func junk(random *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

// alter changes one field to something else that its kind may hold.
func alter(random *rand.Rand, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	f := fields.Get(random.IntN(fields.Len()))
	if f.IsList() {
		list := m.Mutable(f).List()
		switch random.IntN(3) {
		case 0:
			list.Append(list.NewElement())
		case 1:
			list.Truncate(list.Len() / 2)
		default:
			if list.Len() > 0 {
				alter(random, list.Get(random.IntN(list.Len())).Message())
			}
		}
		return
	}
	number := []uint64{0, 1, math.MaxUint64, math.MaxInt64, 1 << 63, 1_000_000_000_000_001, random.Uint64(), uint64(random.IntN(1000))}[random.IntN(8)]
	switch f.Kind() {
	case protoreflect.MessageKind:
		if random.IntN(4) == 0 {
			m.Clear(f)
		} else {
			alter(random, m.Mutable(f).Message())
		}
	case protoreflect.BytesKind:
		m.Set(f, protoreflect.ValueOfBytes(alteredBytes(random, m.Get(f).Bytes())))
	case protoreflect.StringKind:
		m.Set(f, protoreflect.ValueOfString(string(alteredBytes(random, []byte(m.Get(f).String())))))
	case protoreflect.Int64Kind:
		m.Set(f, protoreflect.ValueOfInt64(int64(number)))
	case protoreflect.Int32Kind:
		m.Set(f, protoreflect.ValueOfInt32(int32(number)))
	case protoreflect.EnumKind:
		m.Set(f, protoreflect.ValueOfEnum(protoreflect.EnumNumber(number)))
	default:
		m.Set(f, protoreflect.ValueOfUint32(uint32(number)))
	}
}

func alteredBytes(random *rand.Rand, b []byte) []byte {
	b = slices.Clone(b)
	switch random.IntN(8) {
	case 0:
		return nil
	case 1:
		return append(b, 0)
	case 2:
		return append(b, "\u0085\u200b\u202e九\U0001F68C"...)
	case 3:
		return bytes.Repeat([]byte("九"), random.IntN(100))
	case 4: // mostly short, rarely longer than one row of the ledger may be
		return bytes.Repeat([]byte{'x'}, 1<<random.IntN(18))
	case 5:
		return junk(random, len(b))
	}
	if len(b) > 0 {
		b[random.IntN(len(b))]++
	}
	return b
}
