package rogue

import (
	"context"
	"errors"

	"citycard/cardos/chip"
)

// errGone is the transport's error when the card has left.
var errGone = errors.New("the card has gone")

// Card is a chip behind a trick. It satisfies apdu.Card.
type Card struct {
	chip  *chip.Chip
	trick Trick
	after int
	sent  int
}

// New returns a card that answers the first after commands normally and plays its trick on every
// later one. A Trick without a name is never played.
func New(c *chip.Chip, trick Trick, after int) *Card {
	return &Card{chip: c, trick: trick, after: after}
}

// Honest returns a card that plays no trick: it counts commands.
func Honest(c *chip.Chip) *Card { return New(c, Trick{}, 0) }

// Sent is how many commands came.
func (c *Card) Sent() int { return c.sent }

// Transmit answers as the chip, or as the trick.
func (c *Card) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	c.sent++
	if c.trick.play == nil || c.sent <= c.after {
		return c.chip.Transmit(ctx, command)
	}
	return c.trick.play(ctx, c.chip, command)
}
