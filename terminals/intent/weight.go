package intent

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/outbox"
)

const (
	// mostKnown is how many cards a lane remembers that have completed a payment.
	mostKnown = 4096
	// fewOpen is how many open payments a card may have that is torn, is held again and says each
	// time that it has not paid.
	fewOpen = 2
)

// known are cards whose proof the SAM has taken at this lane, the last ones.
type known struct {
	cards map[string]bool
	order []string // oldest first
}

// holder names the card of a tap.
func holder(t *message.Tap) string {
	return string(t.GetDebit().GetIssuer()) + string(t.GetDebit().GetCard())
}

func (k *known) add(t *message.Tap) {
	name := holder(t)
	if k.cards[name] {
		return
	}
	if k.cards == nil {
		k.cards = map[string]bool{}
	}
	k.cards[name] = true
	if k.order = append(k.order, name); len(k.order) > mostKnown {
		delete(k.cards, k.order[0])
		k.order = k.order[1:]
	}
}

// Recall remembers the cards of the taps of the last run, which have completed a payment here.
func (b *Book) Recall(records []outbox.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range records {
		if r.Topic != message.TopicTaps {
			continue
		}
		tap := new(message.Tap)
		if err := proto.Unmarshal(r.Value, tap); err != nil {
			return fmt.Errorf("a tap in the outbox: %w", err)
		}
		if confirmed(tap) {
			b.known.add(tap)
		}
	}
	return nil
}

// last is the intent that has to end before another begins, nil if there is room: the oldest of
// those that weigh least.
func (b *Book) last() (last *intent) {
	if len(b.own) < Most {
		return nil
	}
	open := map[string]int{}
	for _, i := range b.own {
		open[holder(i.tap)]++
	}
	least := 0
	for _, i := range b.own {
		if w := b.weight(i, open[holder(i.tap)]); last == nil || w < least {
			last, least = i, w
		}
	}
	return last
}

// weight ranks an intent by what may be lost with it; open is how many its card has here.
func (b *Book) weight(i *intent, open int) int {
	switch {
	case i.state == message.IntentState_INTENT_STATE_DOUBTED:
		return 0
	case i.state == message.IntentState_INTENT_STATE_UNCONFIRMED:
		return 1
	case !b.known.cards[holder(i.tap)], open > fewOpen:
		return 2
	}
	return 3
}
