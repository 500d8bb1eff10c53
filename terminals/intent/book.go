package intent

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/card"
	"citycard/terminals/outbox"
	"citycard/terminals/sam"
)

// Limits of a book.
const (
	// Most is how many intents of its own a lane keeps.
	Most = 64
	// mostOthers is how many of other lanes it knows. Of more the oldest are forgotten: their own
	// lanes keep them.
	mostOthers = 256
)

// Book has the open payments of one lane, and knows those of its neighbours. It is safe for
// concurrent use; the lane serves one card at a time.
type Book struct {
	out  *outbox.Log
	here Place

	mu     sync.Mutex
	own    []*intent // oldest first
	begun  *intent   // the one whose card is being told to pay, or nil; among own
	others []*intent // oldest first
	// denied are those of which the present card says that it has not paid them, or that it has
	// with codes which the SAM does not know, or that it can no longer prove it; spent are the last
	// of these at other lanes, which give them up themselves.
	denied, spent []*intent
	known         known // cards that have completed a payment here
	// over are ends of intents that are not written yet.
	over []outbox.Local
	// tell is given news, without mu; nil if the agent has no other lane.
	tell func(key, value []byte)
	news []outbox.Local
}

// intent is a payment whose outcome is not known.
type intent struct {
	key   []byte
	tap   *message.Tap
	state message.IntentState
	claim *message.Tap // the last one that a card said it has paid, without proof; sent
}

func newIntent(tap *message.Tap) *intent {
	return &intent{key: message.IntentKey(tap.GetDebit()), tap: proto.CloneOf(tap), state: message.IntentState_INTENT_STATE_BEGUN}
}

func (i *intent) is(key []byte) bool { return string(i.key) == string(key) }

// shared reports whether the topic has it.
func (i *intent) shared() bool {
	return i.state == message.IntentState_INTENT_STATE_OPEN || i.state == message.IntentState_INTENT_STATE_UNCONFIRMED
}

// value is the intent in a state, encoded.
func (i *intent) value(state message.IntentState) ([]byte, error) {
	return encode(&message.Intent{Tap: i.tap, State: state})
}

func (i *intent) end() outbox.Local { return outbox.Local{Key: i.key} }

// untold is the end of the intent on the topic.
func (i *intent) untold() outbox.Record {
	return outbox.Record{Topic: message.TopicIntents, Key: i.key}
}

// Open opens the book of a lane, which is kept in its outbox. What the last run began and did not
// end is open from now on.
func Open(out *outbox.Log, here Place) (*Book, error) {
	b := &Book{out: out, here: here}
	var local []outbox.Local
	var records []outbox.Record
	for _, l := range out.Locals() {
		if !message.IsIntentKey(l.Key) {
			continue
		}
		m, err := message.ParseIntent(l.Key, l.Value)
		if err != nil {
			return nil, fmt.Errorf("an intent in the outbox: %w", err)
		}
		i := &intent{key: l.Key, tap: m.GetTap(), state: m.GetState()}
		b.own = append(b.own, i)
		if i.state != message.IntentState_INTENT_STATE_BEGUN {
			continue
		}
		value, err := i.value(message.IntentState_INTENT_STATE_OPEN)
		if err != nil {
			return nil, err
		}
		i.state = message.IntentState_INTENT_STATE_OPEN
		local = append(local, outbox.Local{Key: i.key, Value: value})
		records = append(records, outbox.Record{Topic: message.TopicIntents, Key: i.key, Value: value})
	}
	return b, out.Keep(local, records...)
}

// Begin makes a payment durable that a card is about to be told to make. After an error the card
// must not be told.
func (b *Book) Begin(tap *message.Tap) error {
	defer b.share()
	b.mu.Lock()
	defer b.mu.Unlock()
	i := newIntent(tap)
	value, err := i.value(i.state)
	if err != nil {
		return err
	}
	if _, err := message.ParseIntent(i.key, value); err != nil {
		return fmt.Errorf("the card's payment cannot be kept: %w", err)
	}
	over := slices.Clone(b.over)
	var records []outbox.Record
	last := b.last()
	if last != nil {
		over = append(over, last.end())
		if records, err = last.givenUp(); err != nil {
			return err
		}
	}
	if err := b.out.Keep(append(over, outbox.Local{Key: i.key, Value: value}), records...); err != nil {
		return err
	}
	b.over = nil
	if last != nil {
		b.ended(last)
	}
	b.own, b.begun = append(b.own, i), i
	return nil
}

// givenUp are the records of an intent that ends without its outcome.
func (i *intent) givenUp() (records []outbox.Record, err error) {
	switch i.state {
	case message.IntentState_INTENT_STATE_UNCONFIRMED, message.IntentState_INTENT_STATE_DOUBTED:
	default:
		if records, err = record(message.TopicTapsUnconfirmed, i.tap); err != nil {
			return nil, err
		}
	}
	if i.shared() {
		records = append(records, i.untold())
	}
	return records, nil
}

// End says how the payment ended for which a card was served, by what the gate or validator
// returned: with a tap, which is durable when End returns, with an outcome that is not known, or
// without a payment. It does nothing if no payment was begun and there is no tap.
func (b *Book) End(tap *message.Tap, err error) error {
	defer b.share()
	b.mu.Lock()
	defer b.mu.Unlock()
	i, denied, spent := b.begun, b.denied, b.spent
	b.begun, b.denied, b.spent = nil, nil, nil
	unknown, open := errors.AsType[*card.UnknownError](err)
	switch {
	case tap != nil && err == nil:
		for _, o := range spent {
			if o.disproved(tap) {
				b.drop(o)
			}
		}
		b.known.add(tap)
		return b.paid(i, tap, denied)
	case tap != nil: // the card has paid, but the SAM has not said that it is a card of ours
		return b.paid(i, tap, nil)
	case open && unknown.Tap != nil:
		if i == nil { // its lane has no intents, but this one is to be kept
			i = newIntent(unknown.Tap)
			b.own = append(b.own, i)
		}
		if errors.Is(err, sam.ErrForged) {
			return b.doubt(i)
		}
		return b.open(i)
	case i != nil:
		b.over = append(b.over, i.end())
		b.drop(i)
	}
	return nil
}

// open makes an outcome that is not known durable, for this lane and for the others.
func (b *Book) open(i *intent) error {
	value, err := i.value(message.IntentState_INTENT_STATE_OPEN)
	if err != nil {
		return err
	}
	b.opened(i)
	return b.keep([]outbox.Local{{Key: i.key, Value: value}}, outbox.Record{Topic: message.TopicIntents, Key: i.key, Value: value})
}

// doubt keeps an intent whose card has given a wrong proof of payment, for this lane alone.
func (b *Book) doubt(i *intent) error {
	value, err := i.value(message.IntentState_INTENT_STATE_DOUBTED)
	if err != nil {
		return err
	}
	i.state = message.IntentState_INTENT_STATE_DOUBTED
	return b.keep([]outbox.Local{{Key: i.key, Value: value}})
}

// paid makes a tap durable, together with the end of its intent, if it has one, and with the ends
// of those of which the same card has spoken without proof: the tap shows that it is this card.
func (b *Book) paid(i *intent, tap *message.Tap, denied []*intent) error {
	records, err := record(message.TopicTaps, tap)
	if err != nil {
		return err
	}
	var local []outbox.Local
	over := slices.DeleteFunc(slices.Clone(denied), func(d *intent) bool {
		there := slices.Contains(b.own, d) || slices.Contains(b.others, d)
		return !there || !d.disproved(tap)
	})
	if i != nil {
		over = append(over, i)
	}
	for _, i := range over {
		local = append(local, i.end())
		if i.claim != nil && i.state != message.IntentState_INTENT_STATE_UNCONFIRMED {
			up, err := record(message.TopicTapsUnconfirmed, i.tap) // its codes may yet be wrong
			if err != nil {
				return err
			}
			records = append(records, up...)
		}
		if i.shared() {
			records = append(records, i.untold())
		}
	}
	if err := b.keep(local, records...); err != nil {
		if i != nil && i.state == message.IntentState_INTENT_STATE_BEGUN {
			b.opened(i) // its card may come again
		}
		return err
	}
	for _, i := range over {
		b.ended(i)
	}
	return nil
}

// disproved reports whether a payment that the SAM has confirmed shows that the card which spoke of
// this one is the card: it paid with the same counter, or with a later one.
func (i *intent) disproved(by *message.Tap) bool {
	return holder(i.tap) == holder(by) && int16(uint16(by.GetCardCounter())-uint16(i.tap.GetCardCounter())) >= 0
}

// keep makes records durable, and the ends that were not written yet with them.
func (b *Book) keep(local []outbox.Local, records ...outbox.Record) error {
	if err := b.out.Keep(slices.Concat(b.over, local), records...); err != nil {
		return err
	}
	b.over = nil
	return nil
}

// drop removes an intent, if it is there.
func (b *Book) drop(i *intent) {
	same := func(has *intent) bool { return has == i }
	b.own, b.others = slices.DeleteFunc(b.own, same), slices.DeleteFunc(b.others, same)
}

// opened notes that an intent is open now.
func (b *Book) opened(i *intent) {
	i.state = message.IntentState_INTENT_STATE_OPEN
	b.news = append(b.news, i.told())
}

// ended notes that an intent is over.
func (b *Book) ended(i *intent) {
	b.drop(i)
	if i.shared() {
		b.news = append(b.news, i.end())
	}
}

// Close writes the ends that were not written yet. The outbox stays open.
func (b *Book) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.keep(nil)
}

// Counts are the numbers of intents in a book.
type Counts struct {
	Open        int // of this lane
	Unconfirmed int // of this lane, and clearing was told
	Doubted     int // of this lane, of cards whose proof the SAM has refused
	Others      int // of other lanes
}

// Counts returns how many intents there are.
func (b *Book) Counts() (c Counts) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, i := range b.own {
		switch i.state {
		case message.IntentState_INTENT_STATE_OPEN:
			c.Open++
		case message.IntentState_INTENT_STATE_UNCONFIRMED:
			c.Unconfirmed++
		case message.IntentState_INTENT_STATE_DOUBTED:
			c.Doubted++
		}
	}
	c.Others = len(b.others)
	return c
}

// record is a tap as it is sent.
func record(topic string, tap *message.Tap) ([]outbox.Record, error) {
	number := tap.GetDebit().GetCard()
	if len(number) != 10 {
		return nil, fmt.Errorf("card number of %d bytes, want 10", len(number))
	}
	key, err := tunion.Number([10]byte(number))
	if err != nil {
		return nil, fmt.Errorf("card number: %w", err)
	}
	value, err := encode(tap)
	return []outbox.Record{{Topic: topic, Key: []byte(key), Value: value}}, err
}

func encode(m proto.Message) ([]byte, error) {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return value, nil
}
