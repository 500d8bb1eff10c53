package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"citycard/language"
	"citycard/simulators/vcard"
)

// rack is all slots of one program.
type rack struct {
	recipe recipe
	slots  []*slot
}

func newRack(r recipe, addresses []string) *rack {
	all := &rack{recipe: r}
	for _, a := range addresses {
		all.slots = append(all.slots, &slot{address: a, slot: vcard.NewSlot(a)})
	}
	return all
}

// leave takes out what is still in the readers.
func (r *rack) leave(err error) error {
	for _, s := range r.slots {
		if s.card != nil {
			err = errors.Join(err, s.remove())
		}
	}
	return err
}

// obey follows the commands of its input until quit or the end of input.
func (r *rack) obey(ctx context.Context, in io.Reader, out io.Writer) error {
	lines := make(chan string)
	failed := make(chan error, 1)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
		failed <- scanner.Err()
	}()
	for {
		select {
		case <-ctx.Done():
			return r.leave(nil)
		case line, open := <-lines:
			if !open {
				return r.leave(<-failed)
			}
			answer, again, err := r.command(ctx, line)
			if err != nil {
				answer = "error: " + strings.ReplaceAll(err.Error(), "\n", "; ")
			}
			if _, err := fmt.Fprintln(out, answer); err != nil {
				return r.leave(err)
			}
			if !again {
				return r.leave(nil)
			}
		}
	}
}

// command does what one line says; again is false after quit.
func (r *rack) command(ctx context.Context, line string) (answer string, again bool, err error) {
	words := strings.Fields(line)
	s := r.slots[0]
	if len(words) > 0 {
		if n, err := strconv.Atoi(words[0]); err == nil {
			if n < 1 || n > len(r.slots) {
				return "", true, language.Textf("no slot %d, there are %d", n, len(r.slots))
			}
			s, words = r.slots[n-1], words[1:]
		}
	}
	switch {
	case len(words) == 1 && words[0] == "quit":
		return "ok", false, r.leave(nil)
	case len(words) == 1 && words[0] == "describe":
		answer, err := s.describe()
		return answer, true, err
	default:
		return "ok", true, s.obey(ctx, r.recipe, words, line)
	}
}

// obey does what a line says of one slot.
func (s *slot) obey(ctx context.Context, r recipe, words []string, line string) error {
	switch {
	case len(words) == 4 && (words[0] == "insert" || words[0] == "swap"):
		seed, err := strconv.ParseUint(words[3], 10, 64)
		if err != nil {
			return language.Textf("seed %q is no number", words[3])
		}
		if words[0] == "swap" {
			if err := s.remove(); err != nil {
				return err
			}
		}
		return s.insert(ctx, r, words[1], words[2], seed)
	case len(words) == 1 && words[0] == "remove":
		return s.remove()
	case len(words) == 1 && words[0] == "back":
		return s.back(ctx)
	case len(words) == 2 && words[0] == "tear":
		return s.tear(words[1])
	}
	return language.Textf("%q: want insert PROFILE IMAGE SEED, swap PROFILE IMAGE SEED, remove, back, tear before|after, describe or quit", line)
}

// describe is the card in the slot, or the one that was there last, as JSON.
func (s *slot) describe() (string, error) {
	card := s.card
	if card == nil {
		card = s.last
	}
	if card == nil {
		return "", vcard.ErrEmpty
	}
	b, err := json.Marshal(card.Describe())
	return string(b), err
}
