package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/cardos/apdu"
	"citycard/cardos/bcd"
	"citycard/cardos/chip"
	"citycard/clearing/message"
	"citycard/simulators/specimen"
	"citycard/terminals/card"
	"citycard/terminals/intent"
	"citycard/terminals/outbox"
)

// doors are the lanes of one bus, whose brokers are away.
type doors struct {
	*testing.T
	all  *neighbours
	dirs map[string]string
	outs map[string]*outbox.Log
	book map[string]*intent.Book
}

func newDoors(t *testing.T, names ...string) *doors {
	t.Helper()
	d := &doors{
		t, newNeighbours(slog.New(slog.DiscardHandler), time.UTC, time.Hour, nil),
		map[string]string{},
		map[string]*outbox.Log{},
		map[string]*intent.Book{},
	}
	for _, name := range names {
		d.dirs[name] = filepath.Join(t.TempDir(), name)
		d.open(name)
	}
	t.Cleanup(func() {
		for _, out := range d.outs {
			must(t, out.Close())
		}
	})
	return d
}

func bus() intent.Place {
	return intent.Place{Mode: message.Mode_MODE_BUS, Movement: message.Movement_MOVEMENT_SINGLE, Line: 9, Vehicle: "A1"}
}

func (d *doors) open(name string) {
	d.Helper()
	var err error
	d.outs[name], err = outbox.Open(d.dirs[name])
	must(d.T, err)
	d.book[name], err = intent.Open(d.outs[name], bus())
	must(d.T, err)
	d.all.add(name, d.book[name])
}

// close closes an outbox, as after a write that failed.
func (d *doors) close(name string) {
	d.Helper()
	d.all.remove(name)
	must(d.T, d.outs[name].Close())
	delete(d.outs, name)
}

// want compares the numbers of payments that a door has open, and that it knows of others.
func (d *doors) want(name string, open, others int) {
	d.Helper()
	if c := d.book[name].Counts(); c != (intent.Counts{Open: open, Others: others}) {
		d.Errorf("door %s: %+v, want %d open and %d of others", name, c, open, others)
	}
}

// topics are the topics of the records that wait at a door.
func (d *doors) topics(name string) (topics []string) {
	d.Helper()
	_, err := outbox.Look(d.dirs[name], func(r outbox.Record) error {
		if r.Value == nil {
			r.Topic += " over"
		}
		topics = append(topics, r.Topic)
		return nil
	})
	must(d.T, err)
	return topics
}

// ride is a ride of a card, without its TAC.
func ride(t *testing.T, held *chip.Chip, counter uint32, at time.Time) *message.Tap {
	t.Helper()
	p, err := card.OpenPurse(t.Context(), held)
	must(t, err)
	id, signed := p.ID(), bcd.Time(at)
	return &message.Tap{
		Mode: message.Mode_MODE_BUS, Movement: message.Movement_MOVEMENT_SINGLE, Line: 9, Vehicle: "A1", CardCounter: counter,
		Debit: &message.Debit{Card: id.ASN[:], Issuer: id.Issuer[:], Type: 9, AmountFen: 200, Terminal: []byte{0x49, 0x10, 0, 0, 0, 1}, TerminalSequence: counter, Time: signed[:]},
	}
}

// tear begins a payment at a door whose outcome is not known.
func (d *doors) tear(name string, tap *message.Tap) {
	d.Helper()
	must(d.T, d.book[name].Begin(tap))
	must(d.T, d.book[name].End(nil, &card.UnknownError{Tap: tap, Err: errors.New("gone")}))
}

// hold holds a card that has paid to a door, and returns how many payments it settles.
func (d *doors) hold(name string, held *chip.Chip, at time.Time) (passage bool, paid int) {
	d.Helper()
	s, err := d.book[name].Settle(d.Context(), held, at, func(_ context.Context, _ apdu.Card, open *card.UnknownError) (*message.Tap, error) {
		tap := proto.CloneOf(open.Tap)
		tap.Debit.Tac = []byte{1, 2, 3, 4}
		return tap, nil
	})
	must(d.T, err)
	return s.Passage != nil, len(s.Paid)
}

// Doors of one agent know of each other's torn payments while the brokers are away, whichever
// outbox is opened again meanwhile; and one that is settled opens one door, once.
func TestDoorsWithoutBrokers(t *testing.T) {
	at := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	d := newDoors(t, "front", "back", "middle")
	held, err := specimen.New(t.Context(), specimen.Transit, 1, at)
	must(t, err)
	held.PowerOn()
	d.tear("front", ride(t, held, 7, at))
	d.want("front", 1, 0)
	d.want("back", 0, 1)
	d.close("back")
	d.open("back")
	d.want("back", 0, 1)
	d.all.begin()
	d.want("back", 0, 1)
	d.close("front")
	d.all.begin()
	d.want("back", 0, 1)
	d.open("front")
	d.want("back", 0, 1)

	if passage, paid := d.hold("back", held, at.Add(time.Minute)); !passage || paid != 1 {
		t.Errorf("the card that was torn at the other door: passage %t, %d paid", passage, paid)
	}
	for _, name := range []string{"front", "back", "middle"} {
		d.want(name, 0, 0)
		if passage, paid := d.hold(name, held, at.Add(2*time.Minute)); passage || paid != 0 {
			t.Errorf("door %s opens for what another has opened for", name)
		}
	}
	// The end is behind the beginning in the outbox of the lane that began.
	if got := d.topics("front"); len(got) != 2 || got[0] != "intents" || got[1] != "intents over" || len(d.outs["front"].Locals()) != 0 {
		t.Errorf("the first door sends %q and keeps %d", got, len(d.outs["front"].Locals()))
	}
	late := &message.Intent{Tap: ride(t, held, 7, at), State: message.IntentState_INTENT_STATE_OPEN}
	value, err := proto.Marshal(late)
	must(t, err)
	d.all.places = []intent.Place{bus()}
	must(t, d.all.heard(message.IntentKey(late.GetTap().GetDebit()), value))
	d.want("back", 0, 0)
}

// A payment that a crash left, and one that was settled while the outbox of its lane was closed.
func TestDoorsOpenedAgain(t *testing.T) {
	at := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	d := newDoors(t, "front", "back")
	held, err := specimen.New(t.Context(), specimen.Transit, 1, at)
	must(t, err)
	held.PowerOn()
	must(t, d.book["front"].Begin(ride(t, held, 7, at)))
	d.want("back", 0, 0)
	d.close("front")
	d.open("front")
	d.want("front", 1, 0)
	d.want("back", 0, 1)
	d.close("front")
	if passage, paid := d.hold("back", held, at.Add(time.Minute)); !passage || paid != 1 {
		t.Errorf("passage %t, %d paid", passage, paid)
	}
	d.open("front")
	d.want("front", 0, 0)
	d.want("back", 0, 0)
}

// TestTwoDoors: a card is torn at the front door of a bus, after it has paid, while the brokers are
// away. At the back door its ride is paid, and the doors do not open one after the other for it.
func TestTwoDoors(t *testing.T) {
	h := newHall(t, 2)
	bus := ",role=validator,vehicle=A1"
	h.start("--repeat", "0s", "--lane", laneN(0, bus), "--lane", laneN(1, bus))
	h.awaitTimes(2, 30*time.Second, `msg="in service"`)
	h.broker.Close()
	held, front, back := passenger(t, h, 1), h.slot(0), h.slot(1)
	must(t, front.Insert(t.Context(), leavingCard{held, chip.AfterCommit}))
	h.await(recoverLimit, "outcome unknown", "lane=gate-0")
	_ = front.Remove() // it is out already
	h.awaitMetric(`cardterm_intents{lane="gate-1",state="neighbours"} 1`)
	must(t, back.Insert(t.Context(), held))
	h.await(recoverLimit, "msg=paid", "lane=gate-1")
	must(t, back.Remove())
	h.awaitMetric(`cardterm_intents{lane="gate-0",state="open"} 0`)
	if n := passages(held); n != 1 {
		t.Errorf("the card has paid %d times for one ride", n)
	}
	must(t, front.Insert(t.Context(), held))
	h.await(recoverLimit, "msg=paid", "lane=gate-0")
	must(t, front.Remove())
	if n := passages(held); n != 2 {
		t.Errorf("the card has paid %d times for two rides", n)
	}
	h.stop()
}
