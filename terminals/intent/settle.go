package intent

import (
	"context"
	"errors"
	"slices"
	"time"

	"citycard/cardos/apdu"
	"citycard/clearing/message"
	"citycard/terminals/card"
	"citycard/terminals/outbox"
)

// Settled is what a card has told of the payments that were open.
type Settled struct {
	Paid   []*message.Tap // durable
	Denied int            // it says that it has not paid; they stay open until it is known to be the card
	Lost   int            // it has paid, or not, and can no longer prove it
	// Passage is the tap of the passage for which the card is held to the lane now, nil if it is
	// none of those: then the card is to be served as any.
	Passage *message.Tap
	// Entry is the tap of an entry here that was paid longer ago, nil if there is none. The card is
	// to be served as any, and if the gate finds it inside, this is its passage.
	Entry *message.Tap
}

// Settle finds the outcomes of the payments of a card that are open, at this lane or at a
// neighbour. resolve does so for one, as [card.Resolve]. An error of it means that the outcome
// stays unknown, and that the card must not be served; an error of the outbox, which
// [outbox.ErrBroken] tells, that the lane cannot go on. A card that cannot be read has no open
// payments.
//
// What a card says that it has not paid stays open, and what it can no longer prove stays
// unconfirmed: anything that gives the card's number and counter could say so. Either ends when End
// is given a payment of that card which the SAM has confirmed. Call End for each card for which
// Settle returned neither a passage nor an error.
func (b *Book) Settle(ctx context.Context, c apdu.Card, now time.Time, resolve func(context.Context, apdu.Card, *card.UnknownError) (*message.Tap, error)) (s Settled, err error) {
	if !b.begins() {
		return s, nil
	}
	defer b.share()
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return s, nil //nolint:nilerr // the gate or validator says why
	}
	for _, i := range b.of(p) {
		tap, err := resolve(ctx, c, &card.UnknownError{Tap: i.tap})
		if err := b.outcome(i, tap, err, &s); err != nil {
			return s, err
		}
		switch {
		case tap == nil:
		case b.here.passed(tap, now):
			s.Passage = tap
		case b.here.entered(tap):
			s.Entry = tap
		}
	}
	return s, nil
}

// outcome makes durable what the card has told of one intent. It returns err if that stays unknown.
func (b *Book) outcome(i *intent, tap *message.Tap, err error, s *Settled) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil && tap != nil:
		var denied []*intent
		if tap.GetDebit().GetOtherTacReason() == message.Unsure_UNSURE_UNSPECIFIED {
			denied = b.denied // the SAM has confirmed this one
			b.known.add(tap)
		}
		if err := b.paid(i, tap, denied); err != nil {
			return err
		}
		s.Paid = append(s.Paid, tap)
	case err == nil, errors.Is(err, card.ErrNotPaid):
		s.Denied++
		b.denied = append(b.denied, i)
	case errors.Is(err, card.ErrTooLate):
		s.Lost++
		if !slices.Contains(b.own, i) {
			b.spent = append(b.spent, i)
			return nil
		}
		b.denied = append(b.denied, i)
		if i.state == message.IntentState_INTENT_STATE_OPEN {
			return b.raise(i)
		}
	default:
		return err
	}
	return nil
}

// begins begins with a card, and reports whether it may have open payments.
func (b *Book) begins() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.denied, b.spent = nil, nil
	return len(b.own)+len(b.others) > 0
}

// of returns the intents of a card, oldest first.
func (b *Book) of(p *card.Purse) (found []*intent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, i := range slices.Concat(b.own, b.others) {
		if d := i.tap.GetDebit(); string(d.GetCard()) == string(p.Application.ASN[:]) && string(d.GetIssuer()) == string(p.Application.Issuer[:]) {
			found = append(found, i)
		}
	}
	slices.SortStableFunc(found, func(a, b *intent) int { // by the card's counter, which begins again after FFFF
		return int(int16(uint16(a.tap.GetCardCounter()) - uint16(b.tap.GetCardCounter())))
	})
	return found
}

// Raise tells clearing of the intents that have been open for longer than a time, and returns how
// many those are. Doubted ones of that age end. now is the lane's clock, in the city's zone.
func (b *Book) Raise(now time.Time, after time.Duration) (raised int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, i := range slices.Clone(b.own) {
		switch {
		case age(i.tap, now) < after:
		case i.state == message.IntentState_INTENT_STATE_DOUBTED:
			b.over = append(b.over, i.end())
			b.drop(i)
		case i.state == message.IntentState_INTENT_STATE_OPEN:
			if err := b.raise(i); err != nil {
				return raised, err
			}
			raised++
		}
	}
	return raised, nil
}

// raise tells clearing of an intent.
func (b *Book) raise(i *intent) error {
	records, err := record(message.TopicTapsUnconfirmed, i.tap)
	if err != nil {
		return err
	}
	value, err := i.value(message.IntentState_INTENT_STATE_UNCONFIRMED)
	if err != nil {
		return err
	}
	if err := b.keep([]outbox.Local{{Key: i.key, Value: value}}, records...); err != nil {
		return err
	}
	i.state = message.IntentState_INTENT_STATE_UNCONFIRMED
	return nil
}

// Heard takes a record of topic intents: an intent of a neighbour, or that one is over, of
// whichever lane. An error means that it is neither, and changes nothing.
func (b *Book) Heard(key, value []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.hear(key, value)
}

func (b *Book) hear(key, value []byte) error {
	named := func(i *intent) bool { return i.is(key) }
	if len(value) == 0 {
		b.others = slices.DeleteFunc(b.others, named)
		if at := slices.IndexFunc(b.own, named); at >= 0 && b.own[at].shared() {
			b.over = append(b.over, b.own[at].end())
			b.own = slices.Delete(b.own, at, at+1)
		}
		return nil
	}
	m, err := message.ParseIntent(key, value)
	if err != nil {
		return err
	}
	if !b.here.Near(m.GetTap()) || slices.ContainsFunc(b.own, named) || slices.ContainsFunc(b.others, named) {
		return nil
	}
	b.others = append(b.others, &intent{slices.Clone(key), m.GetTap(), message.IntentState_INTENT_STATE_OPEN})
	if len(b.others) > mostOthers {
		b.others = b.others[1:]
	}
	return nil
}

// Forget forgets what other lanes have, before topic intents is read from its start.
func (b *Book) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.others = nil
}
