package city

import (
	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/simulators/plan"
)

// post sends a record with whatever goes wrong on its way: it is held back, spoilt copies go
// beside it, it is sent again at once or much later.
func (l *lot) post(s plan.Shares, original letter, m proto.Message) (err error) {
	wait := s.Wait(l.dice)
	if wait > 0 && original.entry.Fault == "" {
		original.entry.Fault = "out_of_order"
	}
	forged := original
	forge := func() (ok bool) {
		forged.entry, ok, err = s.Forge(l.dice, original.entry, m)
		return ok
	}
	s.Copies(l.dice, forge, func(c plan.Copy) {
		if err != nil {
			return
		}
		next := original
		switch c.Mark(&next.entry); c {
		case plan.Altered:
			next = forged
		case plan.Invalid:
			next.entry.Value, err = truncated(m)
		case plan.Undecodable:
			next.entry.Value = noise(l.dice)
		}
		if wait > 0 {
			l.sender.hold(next, wait)
		} else if err == nil {
			err = l.sender.send(next)
		}
	})
	if err != nil || !l.dice.Chance(s.Duplicate) {
		return err
	}
	plan.Again.Mark(&original.entry)
	if l.dice.IntN(2) == 0 {
		return l.sender.send(original)
	}
	l.sender.hold(original, plan.Between(l.dice, 20, 2_000))
	return nil
}

// truncated is a tap whose TAC is too short; nothing else is sent with a field of impossible
// length.
func truncated(m proto.Message) ([]byte, error) {
	c := proto.CloneOf(m)
	if tap, ok := c.(*message.Tap); ok {
		tap.Debit.Tac = tap.Debit.Tac[:3]
	}
	return plan.Encode(c)
}

// noise is bytes that are no protobuf message: the first asks for wire type 7,
// which does not exist.
func noise(r dice) []byte {
	b := make([]byte, plan.Between(r, 16, 120))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	b[0] |= 0x07
	b[0] &= 0x7F
	return b
}
