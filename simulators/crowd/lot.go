package crowd

import (
	"slices"

	"citycard/simulators/plan"
)

const (
	lowBalance     = 1_000   // fen; a card with less stays at home, in a city of cheap rides
	visitorBalance = 100_000 // fen, what a visitor has left
)

// lot is one part of the city on one day. One goroutine plays it.
type lot struct {
	*day
	number int
	cards  []plan.Card
	taps   []tap
	dice   dice
}

// newLot takes every plan.Lots-th rider.
func (d *day) newLot(number int) (*lot, error) {
	l := &lot{day: d, number: number, dice: mixed(d.City.Seed, forLot, uint64(d.date), uint64(number))}
	for i := number; i < d.City.Riders; i += plan.Lots {
		k, err := newCard(&d.City, d.Town, i)
		if err != nil {
			return nil, err
		}
		l.cards = append(l.cards, k)
	}
	return l, nil
}

// index is the place of the lot's i-th card among all.
func (l *lot) index(i int) int { return l.number + i*plan.Lots }

// happen carries out the planned taps in order of time: each gets its number in its card's and its
// SAM's sequence. A card that cannot pay is left out. The day's purses and sequences are updated.
func (l *lot) happen() {
	l.taps = l.plan()
	inside, rode := make([]bool, len(l.cards)), make([][2]past, len(l.cards))
	sequences := l.after.sequences[l.number]
	kept := l.taps[:0]
	for _, t := range l.taps {
		if t.card&visitorBit != 0 {
			kept = append(kept, l.visit(t, sequences))
			continue
		}
		k, p := &l.cards[t.card], &l.after.purses[l.index(int(t.card))]
		switch {
		case t.move == leave && !inside[t.card], t.move != leave && p.balance < l.low:
			continue
		case t.move == board:
			l.spoil(&t, k)
			t.fen = l.busFen(&t, k.Type, &rode[t.card])
		case t.move == leave:
			t.fen = l.tripFen(&t, k.Type, &rode[t.card])
		}
		inside[t.card] = t.move == enter
		if l.dice.Chance(l.Shares.CounterGap) {
			t.odd |= plan.CounterGap
			p.counter++
		}
		if l.dice.Chance(l.Shares.SAMGap) {
			t.odd |= plan.SAMGap
			sequences[t.seat]++
		}
		sequences[t.seat]++
		p.balance -= t.fen
		t.counter, t.balance, t.sequence = p.counter, p.balance, sequences[t.seat]
		p.counter++
		kept = append(kept, t)
	}
	l.taps = kept
}

// spoil sometimes moves a bus ride of a good card to a bad terminal.
func (l *lot) spoil(t *tap, k *plan.Card) {
	if k.Fate != plan.Ordinary || t.odd&plan.Late != 0 {
		return
	}
	switch {
	case l.dice.Chance(l.Shares.UnknownTerminal):
		l.stray(t)
	case l.dice.Chance(l.Shares.WrongClock):
		l.slow(t)
	}
}

// stray moves a bus ride to a SAM that is not in the registry.
func (l *lot) stray(t *tap) {
	if place, ok := l.grid.strays[t.seat]; ok {
		t.odd |= plan.Stray
		t.seat = place
	}
}

// slow moves a bus ride to a clock that is behind, if a terminal had a price for it then.
func (l *lot) slow(t *tap) {
	p := l.grid.at(l.dates.moment(t.at, true))
	if p.table != nil && slices.Contains(p.buses, t.seat) {
		t.odd |= plan.Slow
	}
}

// signed is the period in which a tap is signed.
func (l *lot) signed(t *tap) *period { return l.grid.at(l.dates.moment(t.at, t.odd&plan.Slow != 0)) }

// visit lets another city's card ride; one in fifty at a SAM that is in no
// registry or at a clock that is slow.
func (l *lot) visit(t tap, sequences []uint32) tap {
	d := mixed(l.City.Seed, forVisitor, uint64(l.date), uint64(l.index(int(t.card&^visitorBit))))
	switch d.Below(100) {
	case 0:
		l.stray(&t)
	case 1:
		l.slow(&t)
	}
	sequences[t.seat]++
	t.fen = l.busFen(&t, byte(l.Town.VisitorCardType), &[2]past{})
	t.counter, t.balance, t.sequence = uint16(d.next()), visitorBalance-t.fen, sequences[t.seat]
	return t
}
