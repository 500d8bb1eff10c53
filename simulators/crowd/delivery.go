package crowd

import (
	"slices"

	"citycard/simulators/plan"
)

// letterPlan is a letter that will be sent.
type letterPlan struct {
	tap  uint32
	what plan.Copy
}

// deliveries decides which letters are sent about each tap, and in which order. The letters about
// one tap keep their order for any order seed, since the first version counts.
func (l *lot) deliveries() []letterPlan {
	letters := make([]letterPlan, 0, len(l.taps)*21/20)
	order := make([]uint64, 0, cap(letters)) // time to send, then place in letters
	places := l.places()
	add := func(tap int, at uint64, what plan.Copy) {
		l.taps[tap].copies++
		order = append(order, at<<32|uint64(len(letters)))
		letters = append(letters, letterPlan{uint32(tap), what})
	}
	d := &l.dice
	for i := range l.taps {
		at := uint64(i)
		if places != nil {
			at = uint64(places[i])
		}
		if wait := l.Shares.Wait(d); wait > 0 {
			l.taps[i].odd |= plan.Held
			at += uint64(wait)
		}
		// For another city's card this city could not detect it.
		forge := func() bool { return l.taps[i].card&visitorBit == 0 }
		l.Shares.Copies(d, forge, func(what plan.Copy) { add(i, at, what) })
		if d.Chance(l.Shares.Duplicate) {
			if d.Below(2) == 0 {
				at += uint64(plan.Between(d, 20, 2_000))
			}
			add(i, at, plan.Again)
		}
	}
	slices.Sort(order)
	sorted := make([]letterPlan, len(letters))
	for i, o := range order {
		sorted[i] = letters[uint32(o)]
	}
	return sorted
}

// places shuffles the taps by the order seed; nil leaves them as they happened.
func (l *lot) places() []uint32 {
	if l.OrderSeed == 0 {
		return nil
	}
	places := make([]uint32, len(l.taps))
	for i := range places {
		places[i] = uint32(i)
	}
	d := mixed(l.OrderSeed, forOrder, uint64(l.number))
	for i := len(places) - 1; i > 0; i-- {
		j := d.Below(i + 1)
		places[i], places[j] = places[j], places[i]
	}
	return places
}
