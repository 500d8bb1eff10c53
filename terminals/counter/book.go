package counter

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/keys"
	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/terminals/outbox"
)

// State says how far an order has come that is not finished.
type State byte

// The states of an order. They are stored.
const (
	// Asked: the authority was asked. The money may be booked, and the card has none of it.
	Asked State = 1
	// Told: the authority has given MAC2, and the card may have been told. Only the card knows.
	Told State = 2
	// Late: the card was loaded elsewhere since, and can prove this load no more. A person finds
	// out, with the clearing centre.
	Late State = 3
)

// String names a state for programs.
func (s State) String() string {
	switch s {
	case Asked:
		return "asked"
	case Told:
		return "told"
	case Late:
		return "late"
	}
	return fmt.Sprintf("state %d", byte(s))
}

// Open is an order whose money is not known to be on its card.
type Open struct {
	State State
	// Load is the last attempt, complete except for its TAC.
	Load *message.Load
	MAC2 keys.MAC // of a card that was told
	// Placer says whose number it is, where somebody has paid it already and it waits for the card:
	// channel:ID or card:DIGITS; empty for an order that is paid here.
	Placer string
}

// Book keeps the orders of one counter that are not finished, in its outbox, so that they are known
// again after a crash. It is safe for concurrent use; the counter serves one card at a time.
//
// An order is a local record of the outbox: its key is the order's placer and number, its value
//
//	state 1 | MAC2 4 | length of the placer 1 | placer | message.Load in protobuf
//
// It ends in the write that appends the card's confirmation to topic loads.
type Book struct {
	out *outbox.Log

	mu   sync.Mutex
	open []Open // oldest first
}

// valueHeader is what stands before the placer.
const valueHeader = 1 + len(keys.MAC{}) + 1

// OpenBook opens the book that is kept in an outbox.
func OpenBook(out *outbox.Log) (*Book, error) {
	b := &Book{out: out}
	for _, l := range out.Locals() {
		o, err := parseOpen(l)
		if err != nil {
			return nil, fmt.Errorf("an order in the outbox: %w", err)
		}
		b.open = append(b.open, o)
	}
	return b, nil
}

func parseOpen(l outbox.Local) (Open, error) {
	if len(l.Value) <= valueHeader {
		return Open{}, fmt.Errorf("%d bytes, want more than %d", len(l.Value), valueHeader)
	}
	o := Open{State: State(l.Value[0]), MAC2: keys.MAC(l.Value[1 : valueHeader-1]), Load: new(message.Load)}
	body := l.Value[valueHeader:]
	placer := int(l.Value[valueHeader-1])
	if placer > len(body) {
		return o, fmt.Errorf("a placer of %d bytes, %d are there", placer, len(body))
	}
	o.Placer = string(body[:placer])
	if o.State < Asked || o.State > Late {
		return o, fmt.Errorf("state %d, want %d to %d", o.State, Asked, Late)
	}
	if err := proto.Unmarshal(body[placer:], o.Load); err != nil {
		return o, err
	}
	if o.Name().key() != string(l.Key) || len(o.Load.GetCard()) != 10 || len(o.Load.GetIssuer()) != 8 || len(o.Load.GetTerminal()) != 6 || len(o.Load.GetTime()) != 7 {
		return o, errors.New("its fields do not fit")
	}
	return o, nil
}

func (o *Open) local() (outbox.Local, error) {
	m, err := proto.MarshalOptions{Deterministic: true}.Marshal(o.Load)
	if err != nil {
		return outbox.Local{}, fmt.Errorf("encode order %s: %w", o.Load.GetOrder(), err)
	}
	if len(o.Placer) > 0xFF {
		return outbox.Local{}, fmt.Errorf("a placer of %d bytes, at most 255", len(o.Placer))
	}
	value := append(append([]byte{byte(o.State)}, o.MAC2[:]...), byte(len(o.Placer)))
	value = append(value, o.Placer...)
	return outbox.Local{Key: []byte(o.Name().key()), Value: append(value, m...)}, nil
}

// is reports whether an order is for a card.
func (o *Open) is(id keys.CardID) bool {
	return bytes.Equal(o.Load.GetCard(), id.ASN[:]) && bytes.Equal(o.Load.GetIssuer(), id.Issuer[:])
}

// All are the orders that are not finished, oldest first.
func (b *Book) All() []Open {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.open)
}

// Of are the orders of a card which the card can still finish, oldest first.
func (b *Book) Of(id keys.CardID) []Open {
	return slices.DeleteFunc(b.All(), func(o Open) bool { return o.State == Late || !o.is(id) })
}

// keep makes a state of an order durable.
func (b *Book) keep(o Open) error {
	l, err := o.local()
	if err != nil {
		return err
	}
	o.Load = proto.CloneOf(o.Load)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.out.Keep([]outbox.Local{l}); err != nil {
		return err
	}
	if at := b.at(o.Name()); at >= 0 {
		b.open[at] = o
	} else {
		b.open = append(b.open, o)
	}
	return nil
}

func (b *Book) at(name Name) int {
	return slices.IndexFunc(b.open, func(o Open) bool { return o.Name() == name })
}

// written ends an order by the confirmation of its card.
func (b *Book) written(name Name, load *message.Load) error {
	number, err := tunion.Number([10]byte(load.GetCard()))
	if err != nil {
		return fmt.Errorf("card number: %w", err)
	}
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(load)
	if err != nil {
		return fmt.Errorf("encode order %s: %w", load.GetOrder(), err)
	}
	return b.end(name, outbox.Record{Topic: message.TopicLoads, Key: []byte(number), Value: value})
}

// end ends an order.
func (b *Book) end(name Name, records ...outbox.Record) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.out.Keep([]outbox.Local{{Key: []byte(name.key())}}, records...); err != nil {
		return err
	}
	if at := b.at(name); at >= 0 {
		b.open = slices.Delete(b.open, at, at+1)
	}
	return nil
}

// ErrNoOrder: the counter has no open order of that number.
var ErrNoOrder = errors.New("no open order of that number")

// Close ends an order of which a person has found out what became of it; only one that its card can
// prove no more.
func (b *Book) Close(name Name) error {
	for _, o := range b.All() {
		if o.Name() == name && o.State == Late {
			return b.end(name)
		}
	}
	return ErrNoOrder
}
