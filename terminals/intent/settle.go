package intent

import (
	"context"
	"errors"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/clearing/message"
	"citycard/terminals/card"
	"citycard/terminals/outbox"
)

// Settled is what a card has told of the payments that were open.
type Settled struct {
	Paid []*message.Tap // the SAM has confirmed them; durable
	// The others stay open until it is known to be the card. Claimed: it says that it has paid, and
	// no SAM has confirmed it; its codes are durable. Denied: it says that it has not paid. Lost:
	// it can no longer prove either.
	Claimed, Denied, Lost int
	// Passage is the tap of the passage for which the card is held to the lane now, nil if it is
	// none of those: then the card is to be served as any.
	Passage *message.Tap
	// Entry is the tap of an entry here that was paid longer ago, nil if there is none. The card is
	// to be served as any, and if the gate finds it inside, this is its passage.
	Entry *message.Tap
	// Unproved: only the card says that Passage or Entry was paid, and nothing proves that it is
	// the card. Neither opens anything before End was given a payment of it for which Proves holds.
	Unproved bool
	// At is the moment at which the card is to be served: now, or a second or more later where an
	// open payment of it has that second. A card's log has the second of a payment, and not the
	// SAM's number, so two payments of one second, of which the card made one, would be the same
	// to it.
	At time.Time
}

// Settle finds the outcomes of the payments of a card that are open, at this lane or at a
// neighbour. resolve does so for one, as [card.Resolve]. An error of it means that the outcome
// stays unknown, and that the card must not be served; an error of the outbox, which
// [outbox.ErrBroken] tells, that the lane cannot go on. A card that cannot be read has no open
// payments.
//
// What a card says that it has not paid, or that it has with codes which the SAM does not know,
// stays open, and what it can no longer prove stays unconfirmed: anything that gives the card's
// number and counter could say so. Each of them ends when End is given a payment of that card which
// the SAM has confirmed. Call End for each card for which Settle returned neither a passage that is
// proved nor an error.
func (b *Book) Settle(ctx context.Context, c apdu.Card, now time.Time, resolve func(context.Context, apdu.Card, *card.UnknownError) (*message.Tap, error)) (s Settled, err error) {
	s.At = now
	if !b.begins() {
		return s, nil
	}
	defer b.share()
	p, err := card.OpenPurse(ctx, c)
	if err != nil {
		return s, nil //nolint:nilerr // the gate or validator says why
	}
	found := b.of(p)
	for s.At = now; taken(found, s.At); {
		s.At = s.At.Add(time.Second)
	}
	for _, i := range found {
		tap, err := resolve(ctx, c, &card.UnknownError{Tap: i.tap})
		if err := b.outcome(i, tap, err, &s); err != nil {
			return s, err
		}
		if errors.Is(err, card.ErrLogged) {
			tap = i.tap
		}
		s.says(tap, confirmed(tap), b.here, now)
	}
	return s, nil
}

// taken reports whether one of the payments has the second of a moment.
func taken(open []*intent, at time.Time) bool {
	second := bcd.Time(at)
	return slices.ContainsFunc(open, func(i *intent) bool { return string(i.tap.GetDebit().GetTime()) == string(second[:]) })
}

// says takes a tap of which the card says that it has paid it, nil if it does not.
func (s *Settled) says(tap *message.Tap, sure bool, here Place, now time.Time) {
	if tap == nil {
		return
	}
	if sure && (s.Passage == nil || Proves(tap, s.Passage)) && (s.Entry == nil || Proves(tap, s.Entry)) {
		s.Unproved = false
	}
	switch {
	case here.passed(tap, now):
		s.Passage = tap
	case here.entered(tap):
		s.Entry = tap
	default:
		return
	}
	s.Unproved = s.Unproved || !sure
}

// confirmed reports whether the SAM has told a tap's TAC, by its MAC2.
func confirmed(t *message.Tap) bool {
	d := t.GetDebit()
	return len(d.GetTac()) > 0 && d.GetOtherTacReason() == message.Unsure_UNSURE_UNSPECIFIED
}

// Proves reports whether a payment that the SAM has confirmed shows that a card which spoke of a
// payment before is the card that it says it is, and has made a payment in the place of that one.
func Proves(by, said *message.Tap) bool {
	return holder(by) == holder(said) && int16(uint16(by.GetCardCounter())-uint16(said.GetCardCounter())) > 0
}

// outcome makes durable what the card has told of one intent. It returns err if that stays unknown.
func (b *Book) outcome(i *intent, tap *message.Tap, err error, s *Settled) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil && tap != nil && confirmed(tap):
		b.known.add(tap)
		if err := b.paid(i, tap, b.denied); err != nil {
			return err
		}
		s.Paid = append(s.Paid, tap)
	case err == nil && tap != nil:
		s.Claimed++
		b.denied = append(b.denied, i)
		return b.claimed(i, tap)
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

// claimed makes a tap durable of which only the card says that it has paid. Its intent stays:
// clearing finds out whether one of the codes is the TAC, and if not, the card itself may come yet.
func (b *Book) claimed(i *intent, tap *message.Tap) error {
	if proto.Equal(i.claim, tap) {
		return nil
	}
	records, err := record(message.TopicTaps, tap)
	if err != nil {
		return err
	}
	if err := b.keep(nil, records...); err != nil {
		return err
	}
	i.claim = tap
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
	var old []*intent
	for _, i := range slices.Clone(b.own) {
		switch {
		case age(i.tap, now) < after:
		case i.state == message.IntentState_INTENT_STATE_DOUBTED:
			b.over = append(b.over, i.end())
			b.drop(i)
		case i.state == message.IntentState_INTENT_STATE_OPEN:
			old = append(old, i)
		}
	}
	if len(old) == 0 {
		return 0, nil
	}
	if err := b.raise(old...); err != nil {
		return 0, err
	}
	return len(old), nil
}

// raise tells clearing of intents, of all or of none, with the syncs of one.
func (b *Book) raise(old ...*intent) error {
	var local []outbox.Local
	var records []outbox.Record
	for _, i := range old {
		up, err := record(message.TopicTapsUnconfirmed, i.tap)
		if err != nil {
			return err
		}
		value, err := i.value(message.IntentState_INTENT_STATE_UNCONFIRMED)
		if err != nil {
			return err
		}
		local, records = append(local, outbox.Local{Key: i.key, Value: value}), append(records, up...)
	}
	if err := b.keep(local, records...); err != nil {
		return err
	}
	for _, i := range old {
		i.state = message.IntentState_INTENT_STATE_UNCONFIRMED
	}
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
	b.others = append(b.others, &intent{key: slices.Clone(key), tap: m.GetTap(), state: message.IntentState_INTENT_STATE_OPEN})
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
