package rogue

import (
	"context"
	"fmt"
	"iter"
	"time"

	"citycard/cardos/chip"
)

// patience is how long a terminal waits for a card that hangs.
const patience = 10 * time.Millisecond

// Attempt is one trick at one command of a dialogue, played by a fresh copy of a card.
type Attempt struct {
	Card  *Card
	Chip  *chip.Chip // inside the card: what has really happened
	Trick Trick
	At    int // the first command that goes wrong, from 1
}

// Attempts yields every trick at every command of a dialogue with the given number of commands,
// each with a copy of the card in the image. An error means that the image holds no card.
func Attempts(image []byte, commands int) iter.Seq2[Attempt, error] {
	return func(yield func(Attempt, error) bool) {
		for _, trick := range Tricks() {
			for at := 1; at <= commands; at++ {
				c, err := chip.Load(image)
				if err != nil {
					yield(Attempt{}, fmt.Errorf("rogue card: %w", err))
					return
				}
				c.PowerOn()
				if !yield(Attempt{New(c, trick, at-1), c, trick, at}, nil) {
					return
				}
			}
		}
	}
}

// Context returns the context for the terminal. If the card hangs it ends soon, so that a terminal
// that obeys its context returns in time.
func (a Attempt) Context(parent context.Context) (context.Context, context.CancelFunc) {
	if a.Trick.Hangs {
		return context.WithTimeout(parent, patience)
	}
	return context.WithCancel(parent)
}

// String names the attempt in a test's words.
func (a Attempt) String() string {
	return fmt.Sprintf("a card that %s from command %d on", a.Trick.Name, a.At)
}
