package outbox_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"citycard/clearing/message"
	"citycard/terminals/exits"
	"citycard/terminals/outbox"
)

// The crash test of exit tickets gives some and makes one void, over two runs of a desk, and stops
// the machine before every single step on the disk.

func deskHere() exits.Here {
	return exits.Here{Terminal: [6]byte{0x49, 0x10, 0x10, 0, 0, 1}, Line: 1, Station: 2, Valid: 15 * time.Minute}
}

func lostTicket(fen uint32) exits.Request {
	return exits.Request{Reason: message.ExitReason_EXIT_REASON_LOST_TICKET, Cash: fen, Staff: "A17"}
}

// printed is what passengers have in their hands, by number, and what staff were told is void.
type printed struct {
	paper map[uint32]*message.ExitTicket
	void  map[uint32]bool
}

// give gives tickets in one run, until the machine stops.
func (p *printed) give(open func(string) (*outbox.Log, error), dir string, n int) (err error) {
	out, err := open(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	book, err := exits.Open(out)
	if err != nil {
		return err
	}
	for i := range n {
		t, err := book.Give(deskHere(), lostTicket(uint32(100*i)), morning().Add(time.Duration(i)*time.Minute))
		if err != nil {
			return err
		}
		if p.paper[t.GetNumber()] != nil {
			return fmt.Errorf("number %d is given twice", t.GetNumber())
		}
		p.paper[t.GetNumber()] = t
		if i == 1 {
			if _, err := book.Void(t.GetNumber(), "B2", "printed twice", 50, morning().Add(time.Hour)); err != nil {
				return err
			}
			p.void[t.GetNumber()] = true
		}
	}
	return nil
}

func (p *printed) run(c *outbox.Cut, dir string) error {
	if err := p.give(c.Open, dir, 4); err != nil {
		return err
	}
	return p.give(c.Open, dir, 3)
}

// agree compares what is in people's hands with the desk's memory and with what clearing gets.
func (p *printed) agree(t *testing.T, where, dir string) {
	t.Helper()
	out, err := outbox.NewCut(1 << 30).Open(dir)
	must(t, err)
	defer func() { must(t, out.Close()) }()
	book, err := exits.Open(out)
	must(t, err)
	sent, ends := map[uint32]*message.ExitTicket{}, map[uint32]bool{}
	for _, r := range outbox.Waiting(t, out) {
		m, err := message.CheckExitTicket(r.Value)
		must(t, err)
		switch {
		case r.Topic != message.TopicExitTickets || string(r.Key) != "491010000001":
			t.Errorf("%s: a record to %s under %s", where, r.Topic, r.Key)
		case m.GetVoid() != nil:
			ends[m.GetNumber()] = true
		case sent[m.GetNumber()] != nil:
			t.Errorf("%s: number %d is sent twice", where, m.GetNumber())
		default:
			sent[m.GetNumber()] = m
		}
	}
	if len(sent) != len(book.Tickets()) {
		t.Errorf("%s: %d are sent, the desk remembers %d", where, len(sent), len(book.Tickets()))
	}
	last := uint32(0)
	for _, kept := range book.Tickets() {
		if last = kept.GetNumber(); sent[last] == nil || ends[last] != (kept.GetVoid() != nil) {
			t.Errorf("%s: the desk remembers %v, which is not what is sent", where, kept)
		}
	}
	for number, paper := range p.paper {
		if !proto.Equal(sent[number], paper) || number > last || p.void[number] && !ends[number] {
			t.Errorf("%s: ticket %d is printed, and what is sent is %v", where, number, sent[number])
		}
	}
	next, err := book.Give(deskHere(), lostTicket(0), morning())
	if err != nil || next.GetNumber() != last+1 {
		t.Errorf("%s: the next ticket is %v after %d: %v", where, next, last, err)
	}
}

func newPrinted() *printed {
	return &printed{paper: map[uint32]*message.ExitTicket{}, void: map[uint32]bool{}}
}

// Wherever the desk stops, a ticket that somebody has in his hands is on the disk, goes to clearing
// once, and its number is not given again.
func TestNoTicketIsPaperAlone(t *testing.T) {
	p, whole, dir := newPrinted(), outbox.NewCut(1<<30), t.TempDir()
	must(t, p.run(whole, dir))
	if len(p.paper) != 7 || len(p.void) != 2 || whole.Steps() < 40 {
		t.Fatalf("%d tickets, %d steps: the script does not test what it should", len(p.paper), whole.Steps())
	}
	p.agree(t, "in the end", dir)
	for _, mode := range outbox.CutModes() {
		for n := range whole.Steps() {
			p, dir, c := newPrinted(), t.TempDir(), outbox.NewCut(n)
			if err := p.run(c, dir); err == nil {
				t.Fatalf("%d steps: it did not stop", n)
			}
			c.Fall(t, mode)
			p.agree(t, fmt.Sprintf("%s after %d steps", mode, n), dir)
		}
	}
}

// While the disk is full no ticket is given and none is made void; no number is used up by that.
func TestNoTicketOnAFullDisk(t *testing.T) {
	full, dir := false, t.TempDir()
	out, err := outbox.OpenFull(dir, &full)
	must(t, err)
	book, err := exits.Open(out)
	must(t, err)
	_, err = book.Give(deskHere(), lostTicket(900), morning())
	must(t, err)
	for range 2 {
		full = true
		if given, err := book.Give(deskHere(), lostTicket(900), morning()); given != nil || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%v is given on a full disk: %v", given, err)
		}
		if void, err := book.Void(1, "A17", "not needed", 900, morning()); void != nil || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%v is void on a full disk: %v", void, err)
		}
		if first, err := book.Find(1); err != nil || first.GetVoid() != nil || len(book.Tickets()) != 1 {
			t.Errorf("the desk remembers %v, %v", book.Tickets(), err)
		}
	}
	full = false
	if given, err := book.Give(deskHere(), lostTicket(900), morning()); err != nil || given.GetNumber() != 2 {
		t.Errorf("the next one is %v, %v", given, err)
	}
	_, err = book.Void(1, "A17", "not needed", 900, morning())
	must(t, err)
	if records := outbox.Waiting(t, out); len(records) != 3 {
		t.Errorf("%d records, want two tickets and one that is void", len(records))
	}
	must(t, out.Close())
}
