package main

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/outbox"
)

// recallWithin is how long a payment of the last run is remembered: the program may have ended
// before the passenger was told, whose card may be in the reader still.
const recallWithin = time.Minute

// longestWait is how long a passenger waits for the result before trying the next door.
const longestWait = time.Second

// errRepeated: the card has just paid at this lane. Nothing more is sent to it, and nothing opens.
var errRepeated = errors.New("the card has just paid here")

// passed is a passage that was paid.
type passed struct {
	at     time.Time
	within time.Duration // it is remembered
	tap    *message.Tap
}

// cardKey is the identity that a card's TAC covers.
type cardKey struct {
	issuer [8]byte
	asn    [10]byte
}

// guard remembers the cards that have paid at a lane within a time: one that is held to the reader
// again is shown its result again, and is not charged again. A restart does not forget them: they
// are read from the records in the outbox, and remembered for at least recallWithin.
type guard struct {
	within time.Duration

	mu    sync.Mutex
	cards map[cardKey]passed
	doors []*guard // of the other lanes of the place
}

// add remembers a tap whose result was shown after a time. Where that was too long, the passenger
// may have gone to the next door: then all lanes of the place remember it, as after a restart.
func (g *guard) add(tap *message.Tap, at time.Time, took time.Duration) {
	if took < longestWait || g.within <= 0 {
		g.remember(tap, at, g.within)
		return
	}
	g.remember(tap, at, max(g.within, recallWithin))
	for _, door := range g.doors {
		if door.within > 0 {
			door.remember(tap, at, max(door.within, recallWithin))
		}
	}
}

func (g *guard) remember(tap *message.Tap, at time.Time, within time.Duration) {
	debit := tap.GetDebit()
	if within <= 0 || len(debit.GetIssuer()) != 8 || len(debit.GetCard()) != 10 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cards == nil {
		g.cards = map[cardKey]passed{}
	}
	for key, p := range g.cards {
		if at.Sub(p.at) >= p.within {
			delete(g.cards, key)
		}
	}
	g.cards[cardKey{[8]byte(debit.GetIssuer()), [10]byte(debit.GetCard())}] = passed{at, within, tap}
}

// join has the guards of one place remember what any of them remembers from the last run, and
// tell each other from now on. It is called before any of them serves a card.
func join(doors []*guard) {
	for i, g := range doors {
		g.doors = append(slices.Clone(doors[:i]), doors[i+1:]...)
		for _, p := range g.cards {
			for _, other := range g.doors {
				if other.within > 0 {
					other.remember(p.tap, p.at, p.within)
				}
			}
		}
	}
}

// find returns the tap of a card that has just paid, or nil.
func (g *guard) find(a tunion.Application, at time.Time) *message.Tap {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, there := g.cards[cardKey{a.Issuer, a.ASN}]
	if since := at.Sub(p.at); !there || since < -p.within || since >= p.within {
		return nil
	}
	return p.tap
}

// recall remembers the taps of the last run, which have the times that cards have signed. A guard
// that remembers nothing does not remember those either.
func (g *guard) recall(records []outbox.Record, now time.Time) error {
	if g.within <= 0 {
		return nil
	}
	within := max(g.within, recallWithin)
	for _, r := range records {
		if r.Topic != message.TopicTaps {
			continue
		}
		tap := new(message.Tap)
		if err := proto.Unmarshal(r.Value, tap); err != nil {
			return err
		}
		if len(tap.GetDebit().GetTime()) != 7 {
			continue
		}
		at, err := bcd.ParseTime([7]byte(tap.GetDebit().GetTime()), now.Location())
		if err == nil && now.Sub(at).Abs() < within {
			g.remember(tap, at, within)
		}
	}
	return nil
}

// sight passes a card's commands on, and notes which card it is. It ends the dialogue with
// errRepeated when the card says that it is one that has just paid.
type sight struct {
	apdu.Card
	at    time.Time
	guard *guard // nil while nobody is to be turned away

	card *tunion.Application // nil until it has said
	tap  *message.Tap        // of a card that is turned away
}

// Transmit implements apdu.Card.
func (s *sight) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if s.tap != nil {
		return nil, errRepeated
	}
	answer, err := s.Card.Transmit(ctx, command)
	if err != nil || !bytes.HasPrefix(command, []byte{0x00, 0xB0, 0x80 | tunion.ApplicationSFI, 0}) || len(answer) < tunion.ApplicationSize+2 {
		return answer, err
	}
	a, err := tunion.ParseApplication(answer[:len(answer)-2])
	if err != nil {
		return answer, nil //nolint:nilerr // who asked will see it
	}
	s.card = &a
	if s.guard != nil {
		if s.tap = s.guard.find(a, s.at); s.tap != nil {
			return nil, errRepeated
		}
	}
	return answer, nil
}
