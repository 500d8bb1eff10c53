package keyservice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"

	"citycard/language"
)

// Made are the cards that were made. It remembers them from a log of its own, which has a line for
// each card that got its keys, and which is read whole when it is opened: a card that was made by
// one order is made by no other, and by its own no oftener than that says. Some 200 bytes of
// memory a card.
type Made struct {
	log *Uses

	mu     sync.Mutex // not held while a card gets its keys
	cards  map[string]madeCard
	counts map[string]int           // different cards, by order, with those that are being made
	making map[string]chan struct{} // cards that get their keys just now, until they have them
}

// madeCard is how often a card got its keys, and by which order.
type madeCard struct {
	order string
	times int
	blank string // the last one: the same question again makes no other card
}

// Outcomes beside given: of a card that was made before, and of the same blank once more.
const (
	givenAgain = "given_again"
	givenSame  = "given_same_blank"
)

// Watched is an outcome of an operation that somebody has to look at; a request that was refused
// whole has no operation.
type Watched struct {
	Operation Operation
	Outcome   string
}

// WatchedOutcomes are those: a card that is made once more, and what nobody ordered or permitted.
func WatchedOutcomes() []Watched {
	all := []Watched{{Personalise, givenAgain}, {"", string(UnknownClient)}, {"", string(NotAllowed)}}
	for _, r := range []Refusal{NotOrdered, NotOfOrder, OtherOrder, MadeBefore, AllMade, NoBatch} {
		all = append(all, Watched{Personalise, string(r)})
	}
	for _, o := range []Operation{PINs, Files} {
		all = append(all, Watched{o, string(NoPermit)}, Watched{o, string(OldPermit)})
	}
	return all
}

// OpenMade opens the log of a directory, which it makes, and reads all of it. cut is how many bytes
// of a torn line were cut off.
func OpenMade(dir string) (m *Made, cut int64, err error) {
	log, cut, err := OpenUses(dir)
	if err != nil {
		return nil, 0, err
	}
	m = &Made{log: log, cards: map[string]madeCard{}, counts: map[string]int{}, making: map[string]chan struct{}{}}
	names := map[string]string{} // one string for all lines of an order
	_, err = CheckMade(dir, func(u *Use) {
		if u.Operation != Personalise || !strings.HasPrefix(u.Outcome, given) {
			return
		}
		if names[u.Order] == "" {
			names[u.Order] = u.Order
		}
		if _, known := m.cards[u.Card]; !known {
			m.counts[names[u.Order]]++
		}
		m.count(names[u.Order], u.Card, u.Blank)
	})
	if err != nil {
		return nil, cut, errors.Join(err, log.Close())
	}
	return m, cut, nil
}

// CheckMade reads a whole log of cards, as CheckUses does, and refuses one whose beginning is
// missing.
func CheckMade(dir string, each func(*Use)) (Checked, error) {
	checked, err := CheckUses(dir, 0, "", each)
	if err == nil && checked.First > 1 {
		err = language.Textf("the log of cards begins with line %d: a file is missing, and which cards were made is not known", checked.First)
	}
	return checked, err
}

// count notes that a card got its keys; the caller holds the lock, or is alone.
func (m *Made) count(order, card, blank string) {
	before, known := m.cards[card]
	if !known {
		before.order = order
	}
	before.times++
	before.blank = blank
	m.cards[card] = before
}

// blankOf tells blanks apart by their challenges.
func blankOf(challenge [8]byte) string {
	sum := sha256.Sum256(challenge[:])
	return hex.EncodeToString(sum[:8])
}

// make gives a card its keys, if an order may make it once more, and completes the use. The log has
// it before make returns; the same blank once more is in it already. Others wait only for their own
// card: one that a token is slow with keeps no other one back.
func (m *Made) make(ctx context.Context, o *making, b Blank, use *Use, give func() error) (Refusal, error) {
	card := b.Card.String()
	use.Blank = blankOf(b.Challenge)
	if err := m.begin(ctx, card); err != nil {
		return "", err
	}
	before, known := m.cards[card]
	same := known && before.blank == use.Blank
	var refusal Refusal
	switch {
	case known && before.order != o.name:
		refusal = OtherOrder
	case known && before.times > o.again && !same:
		refusal = MadeBefore
	case !known && m.counts[o.name] >= o.most: // also where one that is being made fails yet
		refusal = AllMade
	}
	if refusal != "" {
		m.end(card)
		return refusal, nil
	}
	if !known {
		m.counts[o.name]++
	}
	m.mu.Unlock()
	added, err := m.give(o, use, known, same, give)
	m.mu.Lock()
	defer m.end(card)
	switch {
	case added:
		m.count(o.name, card, use.Blank)
	case !known:
		m.counts[o.name]--
	}
	return "", err
}

// begin has a card be the caller's to make, and the lock held, until end. It waits while somebody
// else makes it.
func (m *Made) begin(ctx context.Context, card string) error {
	for {
		m.mu.Lock()
		busy := m.making[card]
		if busy == nil {
			m.making[card] = make(chan struct{})
			return nil
		}
		m.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// end lets others make the card, and the lock go.
func (m *Made) end(card string) {
	close(m.making[card])
	delete(m.making, card)
	m.mu.Unlock()
}

// give has a card get its keys, and reports whether that is a line of the log.
func (m *Made) give(o *making, use *Use, known, same bool, give func() error) (added bool, err error) {
	if err := give(); err != nil {
		return false, err
	}
	switch use.Detail = "batch " + o.batch; {
	case same:
		use.Outcome = givenSame
		return false, nil
	case known:
		use.Outcome = givenAgain
	}
	if err := m.log.Add([]Use{*use}, true); err != nil {
		return false, err
	}
	return true, nil
}

// Cards is how many different cards were made.
func (m *Made) Cards() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.cards)
}

// Note says where the log ends, for the log of uses.
func (m *Made) Note() string {
	number, chained := m.log.Head()
	return fmt.Sprintf("log of cards: %d lines, %s", number, chained)
}

// After refuses a log that is not the one of a note, or that lost its end.
func (m *Made) After(note string) error {
	at := strings.Index(note, "log of cards: ")
	if at < 0 {
		return nil
	}
	var lines int64
	var chained string
	if _, err := fmt.Sscanf(note[at:], "log of cards: %d lines, %64s", &lines, &chained); err != nil {
		return nil //nolint:nilerr // a note of another kind
	}
	number, own := m.log.Head()
	if number < lines || number == lines && own != chained {
		return language.Textf("the log of cards ends with line %d, and line %d was noted: it was cut or replaced", number, lines)
	}
	return nil
}

// Log is the log of them.
func (m *Made) Log() *Uses { return m.log }
