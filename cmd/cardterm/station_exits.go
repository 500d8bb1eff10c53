package main

import (
	"context"
	"flag"
	"sync"
	"time"

	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/exits"
	"citycard/terminals/outbox"
)

// exitFlags are what the exit tickets of a desk have in common.
type exitFlags struct {
	minutes uint
	print   printerFlags
}

func (f *exitFlags) register(flags *flag.FlagSet) {
	flags.UintVar(&f.minutes, "ticket-minutes", f.minutes, "how many `MINUTES` an exit ticket is valid")
	f.print.register(flags)
}

// valid is how long a ticket is.
func (f *exitFlags) valid() time.Duration { return time.Duration(f.minutes) * time.Minute }

func (f *exitFlags) check() error {
	if f.minutes == 0 || f.minutes > uint(message.TicketValidLimit.Minutes()) {
		return language.Textf("--ticket-minutes %d: want 1 to %d", f.minutes, int(message.TicketValidLimit.Minutes()))
	}
	return nil
}

// exitBook is the book of a desk's tickets, which is in its outbox: another one after that was
// opened again.
type exitBook struct {
	mu   sync.Mutex
	out  *outbox.Log
	book *exits.Book
}

func (e *exitBook) of(out *outbox.Log) (*exits.Book, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.out != out {
		book, err := exits.Open(out)
		if err != nil {
			return nil, err
		}
		e.out, e.book = out, book
	}
	return e.book, nil
}

// tickets is the book of the desk's tickets. It needs no card, and no reader.
func (d *desk) tickets() (*exits.Book, error) {
	out := d.box.Load()
	if out == nil {
		return nil, d.outOfService(nil)
	}
	return d.exits.of(out)
}

// outOfService says why the desk cannot do anything.
func (d *desk) outOfService(err error) error {
	if t := d.trouble.Load(); t != nil {
		err = t.err
	}
	return service.Fail("the desk is out of service").Todo("see what it says; it goes on by itself once that is over").Because(err)
}

// give gives an exit ticket: its record is on the disk when it returns.
func (d *desk) give(q exits.Request, valid time.Duration) (*message.ExitTicket, error) {
	book, err := d.tickets()
	if err != nil {
		return nil, err
	}
	at := time.Now().In(d.zone)
	if err := d.policy.clockUnset(at); err != nil {
		return nil, err
	}
	here := exits.Here{Line: uint32(d.settings.place.line), Station: uint32(d.settings.place.station), Valid: valid}
	if terminal := d.terminal.Load(); terminal != nil {
		here.Terminal = *terminal
	} else if last, ok := book.Terminal(); ok { // a passenger need not wait for a SAM
		here.Terminal = last
	} else {
		return nil, d.outOfService(nil)
	}
	t, err := book.Give(here, q, at)
	if err == nil {
		d.log.Info("exit ticket", "number", t.GetNumber(), "reason", exits.ReasonName(t.GetReason()), "cash_fen", t.GetCashFen(), "staff", t.GetStaff())
	}
	return t, err
}

// void says that a ticket no longer counts.
func (d *desk) void(number uint32, staff, because string, back uint32) (*message.ExitTicket, error) {
	book, err := d.tickets()
	if err != nil {
		return nil, err
	}
	at := time.Now().In(d.zone)
	if err := d.policy.clockUnset(at); err != nil {
		return nil, err
	}
	t, err := book.Void(number, staff, because, back, at)
	if err == nil {
		d.log.Info("exit ticket void", "number", t.GetNumber(), "cash_back_fen", back, "staff", staff)
	}
	return t, err
}

// paper prints a ticket on the desk's printer, in a language; without a printer it does nothing.
func (f *exitFlags) paper(ctx context.Context, t *message.ExitTicket, l language.Language) error {
	if f.print.printer == "" {
		return nil
	}
	if t.GetVoid() != nil {
		return exits.ErrVoid
	}
	return f.print.printText(ctx, exits.Paper(t, f.print.heading, l))
}
