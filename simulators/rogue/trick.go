package rogue

import (
	"context"

	"citycard/cardos/chip"
)

// Trick is one way of misbehaving.
type Trick struct {
	Name string // reads on after "a card that"
	// Hangs: the trick lasts as long as the terminal waits.
	Hangs bool
	// Mute: the card gives no usable answer, so that a terminal which continues is wrong.
	Mute bool

	play func(ctx context.Context, c *chip.Chip, command []byte) ([]byte, error)
}

// Vanishing are the two tricks of a card that leaves the field: before a command, and
// after it was carried out.
func Vanishing() (before, after Trick) {
	before = Trick{Name: "vanishes before the command", Mute: true, play: func(context.Context, *chip.Chip, []byte) ([]byte, error) {
		return nil, errGone
	}}
	after = Trick{Name: "vanishes after the command", Mute: true, play: func(ctx context.Context, c *chip.Chip, command []byte) ([]byte, error) {
		if _, err := c.Transmit(ctx, command); err != nil {
			return nil, err
		}
		c.PowerOff()
		return nil, errGone
	}}
	return before, after
}

// Tricks are all of them, in an order that never changes.
func Tricks() []Trick {
	before, after := Vanishing()
	return []Trick{
		before,
		after,
		{Name: "stalls", Hangs: true, Mute: true, play: func(ctx context.Context, _ *chip.Chip, _ []byte) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}},
		{Name: "stalls after the command", Hangs: true, Mute: true, play: func(ctx context.Context, c *chip.Chip, command []byte) ([]byte, error) {
			_, _ = c.Transmit(ctx, command)
			<-ctx.Done()
			return nil, ctx.Err()
		}},
		{Name: "answers nothing", Mute: true, play: says()},
		{Name: "answers one byte", Mute: true, play: says(0x90)},
		{Name: "answers 9000 alone", play: says(0x90, 0x00)},
		{Name: "answers 9000 alone after the command", play: edits(func([]byte) []byte { return nil })},
		{Name: "never ends", Mute: true, play: says(1, 2, 3, 0x61, 0x10)},
		{Name: "never ends, empty", play: says(0x61, 0x00)},
		{Name: "corrects for ever", play: says(0x6C, 0x05)},
		{Name: "says it is blocked", play: says(0x93, 0x03)},
		{Name: "is out of memory", play: says(0x65, 0x81)},
		{Name: "is out of memory after the command", play: refusesAfter(0x65, 0x81)},
		{Name: "has no diagnosis after the command", play: refusesAfter(0x6F, 0x00)},
		{Name: "sends four bytes", play: says(1, 2, 3, 4, 0x90, 0x00)},
		{Name: "sends eight bytes FF", play: says(0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x90, 0x00)},
		{Name: "sends 64 kB", play: says(append(make([]byte, 65536), 0x90, 0x00)...)},
		{Name: "sends too much", Mute: true, play: says(make([]byte, 100_000)...)},
		{Name: "nests TLV for ever", play: says(append(nested(), 0x90, 0x00)...)},
		{Name: "sends TLV by masses", play: says(append(masses(), 0x90, 0x00)...)},
		{Name: "lies about a length", play: says(0x6F, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x84, 0x90, 0x00)},
		{Name: "cuts answers", play: edits(func(b []byte) []byte { return b[:max(len(b)-1, 0)] })},
		{Name: "adds to answers", play: edits(func(b []byte) []byte { return append(b, 0xEE) })},
		{Name: "turns bits", play: edits(func(b []byte) []byte {
			for i := range b {
				b[i] ^= 0x55
			}
			return b
		})},
	}
}

// says gives the same answer to whatever comes, and does nothing.
func says(answer ...byte) func(context.Context, *chip.Chip, []byte) ([]byte, error) {
	return func(context.Context, *chip.Chip, []byte) ([]byte, error) { return answer, nil }
}

// edits lets the chip answer, and alters the data of the answer unless it is a refusal.
func edits(edit func([]byte) []byte) func(context.Context, *chip.Chip, []byte) ([]byte, error) {
	return func(ctx context.Context, c *chip.Chip, command []byte) ([]byte, error) {
		answer, err := c.Transmit(ctx, command)
		if err != nil || len(answer) < 3 {
			return answer, err
		}
		data := append([]byte(nil), answer[:len(answer)-2]...)
		return append(edit(data), answer[len(answer)-2:]...), nil
	}
}

// refusesAfter lets the chip carry out the command and answers with a status word only.
func refusesAfter(sw1, sw2 byte) func(context.Context, *chip.Chip, []byte) ([]byte, error) {
	return func(ctx context.Context, c *chip.Chip, command []byte) ([]byte, error) {
		if _, err := c.Transmit(ctx, command); err != nil {
			return nil, err
		}
		return []byte{sw1, sw2}, nil
	}
}

// nested is a data object in a data object, and so on.
func nested() []byte {
	var b []byte
	for range 80 {
		b = append([]byte{0x6F, byte(min(len(b), 0x7F))}, b...)
	}
	return b
}

// masses is one data object with thousands of empty ones in it.
func masses() []byte {
	b := []byte{0x6F, 0x82, 0x40, 0x00}
	for len(b) < 0x4004 {
		b = append(b, 0x84, 0x00)
	}
	return b
}
