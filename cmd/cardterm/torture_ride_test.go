package main

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"citycard/cardos/chip"
	"citycard/cardos/tunion"
	riders "citycard/simulators/passenger"
)

const (
	// heldFor is how long a passenger holds a card to a reader that shows nothing.
	heldFor = 4 * time.Second
	// holds is how often a passenger tries until it is given up, and the bus is left.
	holds = 6
	// unseen is longer than pcscd needs to see that a reader is empty.
	unseen = 450 * time.Millisecond
	// farthest is how many commands a tap has, about.
	farthest = 10
)

// traveller is a passenger with a card.
type traveller struct {
	*torture
	card   *riders.Card
	before *chip.TransitDescribed
}

var errTorn = errors.New("the card is out")

// mischief is a card that leaves, or whose agent is killed, at a command.
type mischief struct {
	*riders.Card
	left  int  // commands until then
	debit bool // at DEBIT instead
	done  bool
	after bool
	kill  func() // or nil
}

// Transmit implements vcard.Card.
func (m *mischief) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	m.left--
	debit := command[0] == 0x80 && command[1] == 0x54
	if m.done || m.debit && !debit || !m.debit && m.left != 0 {
		return m.Card.Transmit(ctx, command)
	}
	m.done = true
	var answer []byte
	var err error
	if m.after {
		answer, err = m.Card.Transmit(ctx, command)
	}
	if m.kill == nil {
		return nil, errTorn
	}
	m.kill()
	if !m.after {
		return nil, errTorn
	}
	return answer, err
}

// ride takes a passage: it holds the card to the doors of a bus until it is let in, or gives up. A
// card must not pay twice for it.
func (v *traveller) ride(b *coach) (let bool) {
	began := len(v.card.Debits())
	for n := 0; n < holds && !let; n++ {
		d := v.doorOf(b)
		let = v.hold(d, n < holds/2)
	}
	made := v.card.Debits()[began:]
	v.debits.Add(int64(len(made)))
	if paid := slices.DeleteFunc(slices.Clone(made), func(d riders.Debit) bool { return d.Fen == 0 }); len(paid) > 1 {
		v.Errorf("card %s has paid %d times for one passage: %+v", v.number(), len(paid), made)
	}
	if !let {
		v.count("passages given up")
	}
	return let
}

func (v *traveller) doorOf(b *coach) *door {
	for {
		if d := v.lanes[v.random.below(len(v.lanes))]; d.bus == b {
			return d
		}
	}
}

func (v *traveller) number() string { return v.before.Number }

// hold holds the card to a door, and says whether it was let in.
func (v *traveller) hold(d *door, tearing bool) bool {
	d.turn.Lock()
	defer func() { time.AfterFunc(unseen, d.turn.Unlock) }()
	slot := v.slot(d)
	if slot == nil {
		v.rest(unseen)
		return false
	}
	d.mu.Lock()
	seen := len(d.shown)
	d.mu.Unlock()
	card, pulled := v.mischief(d, tearing)
	ctx, cancel := context.WithTimeout(context.Background(), heldFor)
	defer cancel()
	if err := slot.Insert(ctx, card); err != nil {
		return false // pcscd is away
	}
	gone := slot.Done()
	for let := false; ; {
		select {
		case <-pulled:
			v.count("cards pulled")
			_ = slot.Remove()
			pulled = nil
		case <-gone:
			gone = nil // torn, or pcscd has ended; the display may say something yet
			time.AfterFunc(unseen, cancel)
		case <-ctx.Done():
			_ = slot.Remove() // it may be out
			return let
		case <-time.After(5 * time.Millisecond):
			var over bool
			if seen, let, over = v.look(d, seen); over {
				_ = slot.Remove()
				return let
			}
		}
	}
}

// mischief is what happens to the card while it is held: in half of the cases nothing.
func (v *traveller) mischief(d *door, tearing bool) (card *mischief, pulled <-chan time.Time) {
	card = &mischief{Card: v.card}
	if !tearing {
		return card, nil
	}
	how := v.random.below(10)
	if how < 3 {
		card.after, card.debit = v.random.below(2) == 0, v.random.below(2) == 0
		card.left = 1 + v.random.below(farthest)
	}
	switch how {
	case 0, 1:
		v.count("cards torn")
	case 2:
		card.kill = func() {
			v.count("agents killed at a command")
			d.bus.kill()
			v.working.Go(func() {
				v.rest(v.random.pause(0, 300*time.Millisecond))
				d.bus.start()
			})
		}
	case 3:
		return card, time.After(v.random.pause(0, 600*time.Millisecond))
	}
	return card, nil
}

// look reads what a display has shown since; over says whether that was about the card, and final.
func (v *traveller) look(d *door, seen int) (now int, let, over bool) {
	masked := tunion.Masked(v.number())
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.shown[seen:] {
		if s.Card != masked {
			continue
		}
		switch s.Outcome {
		case outcomePaid, outcomeRepeated:
			return len(d.shown), true, true
		case outcomeUnknown, outcomeRefused:
			return len(d.shown), false, true
		}
		v.Errorf("card %s is shown %s", v.number(), s.Outcome)
	}
	return len(d.shown), false, false
}

// issuer is the card's issuer, as taps have it.
func (v *traveller) issuer() []byte {
	b, err := hex.DecodeString(v.before.Issuer)
	must(v.T, err)
	return b
}
