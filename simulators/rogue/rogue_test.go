package rogue_test

import (
	"bytes"
	"errors"
	"testing"

	"citycard/cardos/chip"
	"citycard/simulators/rogue"
)

// Every trick leaves the earlier commands unchanged. The answer to the command on which it is
// played differs from the honest card's, or there is none.
func TestTricks(t *testing.T) {
	image, err := chip.NewTransit(1).Image()
	if err != nil {
		t.Fatal(err)
	}
	commands := [][]byte{{0, 0xA4, 0, 0, 2, 0x3F, 0}, {0, 0x84, 0, 0, 8}}
	honest := func() (answers [][]byte) {
		c, err := chip.Load(image)
		if err != nil {
			t.Fatal(err)
		}
		c.PowerOn()
		card := rogue.Honest(c)
		for _, command := range commands {
			answer, err := card.Transmit(t.Context(), command)
			if err != nil {
				t.Fatal(err)
			}
			answers = append(answers, answer)
		}
		if card.Sent() != len(commands) {
			t.Errorf("%d commands were counted, %d sent", card.Sent(), len(commands))
		}
		return answers
	}()
	seen := map[string]int{}
	for a, err := range rogue.Attempts(image, len(commands)) {
		if err != nil {
			t.Fatal(err)
		}
		seen[a.Trick.Name]++
		ctx, cancel := a.Context(t.Context())
		for i, command := range commands {
			answer, err := a.Card.Transmit(ctx, command)
			switch wrong := err != nil || !bytes.Equal(answer, honest[i]); {
			case i+1 < a.At && wrong:
				t.Errorf("%s: command %d: %x, %v", a, i+1, answer, err)
			case i+1 >= a.At && !wrong:
				t.Errorf("%s: command %d is answered honestly", a, i+1)
			}
			if a.Trick.Hangs && i+1 >= a.At && !errors.Is(err, ctx.Err()) {
				t.Errorf("%s: %v, want the context's error", a, err)
			}
		}
		cancel()
	}
	if len(seen) != len(rogue.Tricks()) {
		t.Errorf("%d tricks have names of their own, of %d", len(seen), len(rogue.Tricks()))
	}
	for _, err := range rogue.Attempts([]byte("no card"), 1) {
		if err == nil {
			t.Error("an image without a card was taken")
		}
	}
}
