package exits

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/language"
	"citycard/terminals/outbox"
)

// Remembered is how many tickets a desk remembers.
const Remembered = 32

// keyOf is the key of a ticket in the outbox. After some more it is that of another.
func keyOf(number uint32) []byte { return fmt.Appendf(nil, "%s%02d", keys, number%Remembered) }

// keys begins the keys of tickets among the local records of an outbox.
const keys = "exit ticket "

// Book has the tickets of a desk. It is safe for concurrent use.
type Book struct {
	out *outbox.Log

	mu   sync.Mutex
	kept []*message.ExitTicket // by number
}

// Open opens the book that is kept in an outbox.
func Open(out *outbox.Log) (*Book, error) {
	b := &Book{out: out}
	for _, l := range out.Locals() {
		if !strings.HasPrefix(string(l.Key), keys) {
			continue
		}
		t, err := message.CheckExitTicket(l.Value)
		if err != nil {
			return nil, fmt.Errorf("an exit ticket in the outbox: %w", err)
		}
		b.kept = append(b.kept, t)
	}
	slices.SortFunc(b.kept, func(a, b *message.ExitTicket) int { return int(int64(a.GetNumber()) - int64(b.GetNumber())) })
	return b, nil
}

// Terminal is the number of the SAM under which the last ticket was given; ok is false where there
// is none.
func (b *Book) Terminal() (number [6]byte, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.kept) == 0 {
		return number, false
	}
	return [6]byte(b.kept[len(b.kept)-1].GetTerminal()), true
}

// Tickets are those that the desk remembers, by number.
func (b *Book) Tickets() []*message.ExitTicket {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.kept)
}

// Find is the ticket with a number; the error is ErrUnknown where the desk does not remember it.
func (b *Book) Find(number uint32) (*message.ExitTicket, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if at := b.at(number); at >= 0 {
		return b.kept[at], nil
	}
	return nil, ErrUnknown
}

// Named is the ticket with a number as its paper has it, or with the last part of that.
func (b *Book) Named(text string) (*message.ExitTicket, error) {
	number, err := strconv.ParseUint(text[strings.LastIndexByte(text, '-')+1:], 10, 32)
	if err != nil {
		return nil, ErrUnknown
	}
	t, err := b.Find(uint32(number))
	if err == nil && strings.Contains(text, "-") && message.TicketName(t) != text {
		err = ErrUnknown
	}
	return t, err
}

func (b *Book) at(number uint32) int {
	return slices.IndexFunc(b.kept, func(t *message.ExitTicket) bool { return t.GetNumber() == number })
}

// Give gives a ticket, at a time in the city's zone. After an error of the outbox itself the ticket
// may be there all the same: the book of the outbox that is opened next knows.
func (b *Book) Give(here Here, q Request, at time.Time) (*message.ExitTicket, error) {
	if err := q.check(); err != nil {
		return nil, err
	}
	if err := b.out.Ready(); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	last := uint32(0)
	if len(b.kept) > 0 {
		last = b.kept[len(b.kept)-1].GetNumber()
	}
	if last == math.MaxUint32 {
		return nil, language.Textf("the desk has no numbers left")
	}
	t := &message.ExitTicket{
		Terminal: here.Terminal[:], Number: last + 1, Time: message.AppendTime(nil, at), ValidUntil: message.AppendTime(nil, at.Add(here.Valid)),
		Reason: q.Reason, Update: q.Update, CashFen: q.Cash, Card: q.Card, Staff: q.Staff, Line: here.Line, Station: here.Station, Because: q.Because,
	}
	if err := b.keep(t); err != nil {
		return nil, err
	}
	if b.kept = append(b.kept, t); len(b.kept) > Remembered {
		b.kept = b.kept[1:]
	}
	return t, nil
}

// Void says that a ticket no longer counts. Back is what the passenger got back of its cash.
func (b *Book) Void(number uint32, staff, because string, back uint32, at time.Time) (*message.ExitTicket, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	place := b.at(number)
	if place < 0 {
		return nil, ErrUnknown
	}
	t := proto.CloneOf(b.kept[place])
	switch {
	case t.GetVoid() != nil:
		return nil, ErrVoid
	case !message.Visible(staff, 1, message.StaffLimit):
		return nil, ErrStaff
	case !message.Visible(because, 1, message.BecauseLimit):
		return nil, ErrBecause
	case back > t.GetCashFen():
		return nil, ErrBack
	}
	if err := b.out.Ready(); err != nil {
		return nil, err
	}
	t.Void = &message.TicketVoid{Time: message.AppendTime(nil, at), Staff: staff, Because: because, CashBackFen: back}
	if err := b.keep(t); err != nil {
		return nil, err
	}
	b.kept[place] = t
	return t, nil
}

// keep makes what is said of a ticket durable: for clearing, and in the desk's memory.
func (b *Book) keep(t *message.ExitTicket) error {
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(t)
	if err != nil {
		return err
	}
	if _, err := message.CheckExitTicket(value); err != nil {
		return fmt.Errorf("the ticket cannot be kept: %w", err)
	}
	local := outbox.Local{Key: keyOf(t.GetNumber()), Value: value}
	return b.out.Keep([]outbox.Local{local}, outbox.Record{Topic: message.TopicExitTickets, Key: message.TicketKey(t), Value: value})
}
