package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/tunion"
	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/terminals/exits"
	"citycard/terminals/outbox"
	"citycard/terminals/station"
)

// stationTicketCommand is `cardterm station ticket`.
func stationTicketCommand() *ffcli.Command {
	return &ffcli.Command{
		Name: "ticket", ShortUsage: "cardterm station ticket COMMAND", ShortHelp: "exit tickets, for passengers whom no gate can let out",
		LongHelp: "An exit ticket is the operator's own paper, with a number. Staff at the side gate read it and tear it; no gate does.\n" +
			"Its record is on the disk before it is printed, and goes to the clearing centre, which moves no money for it.",
		FlagSet: flag.NewFlagSet("cardterm station ticket", flag.ContinueOnError),
		Exec: func(context.Context, []string) error {
			return service.Exit(service.ExitUsage, service.Fail("which command?").Todo("cardterm station ticket --help lists them"))
		},
		Subcommands: []*ffcli.Command{ticketGiveCommand(), ticketListCommand(), ticketPrintCommand(), ticketVoidCommand()},
	}
}

// ticketProgram is what the commands about tickets have in common.
type ticketProgram struct {
	stationProgram
	staff   string
	because string
	json    bool

	// Of a ticket that is given.
	reason string
	update string
	cash   yuanValue
	card   string
	// Of one that no longer counts.
	back string
}

func newTicketProgram(name string) (*ticketProgram, *flag.FlagSet) {
	flags := flag.NewFlagSet("cardterm station ticket "+name, flag.ContinueOnError)
	p := &ticketProgram{stationProgram: newStationProgram()}
	p.LogLevel = 4 // warnings; what was done is on standard output
	p.registerStation(flags)
	flags.BoolVar(&p.json, "json", false, "print JSON")
	return p, flags
}

func ticketGiveCommand() *ffcli.Command {
	p, flags := newTicketProgram("give")
	flags.StringVar(&p.reason, "reason", "", "`WHY`: damaged (the card cannot be read), lost (neither card nor ticket), ended (the desk has ended the trip) or staff (staff decide)")
	flags.StringVar(&p.update, "update", "", "with ended: `CODE` of the update that ended the trip")
	flags.Var(&p.cash, "cash", "`YUAN` that the passenger pays for it")
	flags.StringVar(&p.card, "card", "", "`DIGITS` of the card's number, 19 or 20, where anybody knows it")
	flags.StringVar(&p.staff, "staff", "", "name or number of `WHO` gives it")
	flags.StringVar(&p.because, "because", "", "why, in words, a `TEXT`; must be given where staff decide")
	return &ffcli.Command{
		Name: "give", ShortUsage: "cardterm station ticket give --reason WHY --staff WHO [flags]", ShortHelp: "give an exit ticket, and print it",
		LongHelp: "Without --printer the ticket is printed on standard output. What it costs is the operator's own rule.",
		FlagSet:  flags, Exec: p.alone(p.give),
	}
}

func ticketListCommand() *ffcli.Command {
	p, flags := newTicketProgram("list")
	return &ffcli.Command{
		Name: "list", ShortUsage: "cardterm station ticket list [flags]", ShortHelp: "show the desk's last exit tickets",
		LongHelp: "The desk remembers its last 32. Whether one was used it cannot know.",
		FlagSet:  flags, Exec: p.alone(p.list),
	}
}

func ticketPrintCommand() *ffcli.Command {
	p, flags := newTicketProgram("print")
	return &ffcli.Command{
		Name: "print", ShortUsage: "cardterm station ticket print [flags] NUMBER", ShortHelp: "print an exit ticket again, under its number",
		LongHelp: "NUMBER is that of the ticket, or its last part. A printer that failed, or a desk that stopped, may have left\n" +
			"a ticket that is given and not printed: cardterm station ticket list has it.",
		FlagSet: flags, Exec: p.numbered(p.print),
	}
}

func ticketVoidCommand() *ffcli.Command {
	p, flags := newTicketProgram("void")
	flags.StringVar(&p.staff, "staff", "", "name or number of `WHO` says so")
	flags.StringVar(&p.because, "because", "", "why, in words, a `TEXT`")
	flags.StringVar(&p.back, "cash-back", "", "`YUAN` that the passenger got back; must be given if the ticket was paid")
	return &ffcli.Command{
		Name: "void", ShortUsage: "cardterm station ticket void --staff WHO --because TEXT [flags] NUMBER", ShortHelp: "say that an exit ticket no longer counts",
		LongHelp: "Take the paper back first: the side gate does not know. The record goes to the clearing centre as the ticket's did.",
		FlagSet:  flags, Exec: p.numbered(p.void),
	}
}

// alone runs a command that takes no argument.
func (p *ticketProgram) alone(do func(ctx context.Context, d *desk) error) func(context.Context, []string) error {
	return func(ctx context.Context, args []string) error {
		if err := service.NoArguments(args); err != nil {
			return err
		}
		return p.withDesk(ctx, do)
	}
}

// numbered runs a command about one ticket.
func (p *ticketProgram) numbered(do func(ctx context.Context, d *desk, t *message.ExitTicket) error) func(context.Context, []string) error {
	return func(ctx context.Context, args []string) error {
		if len(args) != 1 {
			return service.Exit(service.ExitUsage, service.Fail("which ticket?").Todo("give its number, or the last part of it; cardterm station ticket list has them"))
		}
		return p.withDesk(ctx, func(ctx context.Context, d *desk) error {
			book, err := d.tickets()
			if err != nil {
				return err
			}
			t, err := book.Named(args[0])
			if err != nil {
				return err
			}
			return do(ctx, d, t)
		})
	}
}

// withDesk starts the desk, does something, and waits a moment for the brokers.
func (p *ticketProgram) withDesk(ctx context.Context, do func(ctx context.Context, d *desk) error) (err error) {
	stack := service.NewStack(p.Logger(), 10*time.Second)
	defer func() { err = errors.Join(err, stack.Close()) }()
	d, err := p.start(ctx, stack, service.NewOps("cardterm", p.Logger()))
	if err != nil {
		return stoppedWaiting(ctx, err)
	}
	if err := do(ctx, d); err != nil {
		return p.failed(err)
	}
	return p.Printed()
}

// failed says what an error means.
func (p *ticketProgram) failed(err error) error {
	for _, refused := range []error{
		exits.ErrReason, exits.ErrUpdate, exits.ErrCash, exits.ErrStaff, exits.ErrBecause, exits.ErrBack, exits.ErrUnknown, exits.ErrVoid,
	} {
		if errors.Is(err, refused) {
			return service.Refuse("nothing was done").Because(err)
		}
	}
	if errors.Is(err, outbox.ErrBroken) {
		return service.Fail("whether it is kept is not known").Todo("cardterm station ticket list says").Because(err)
	}
	return err
}

// request is what the flags ask for.
func (p *ticketProgram) request() (q exits.Request, err error) {
	if q.Reason, err = exits.ParseReason(p.reason); err != nil {
		return q, err
	}
	if p.update != "" {
		if q.Update, err = station.ParseCode(p.update); err != nil {
			return q, exits.ErrUpdate
		}
	}
	if p.card != "" {
		number, err := tunion.ParseNumber(p.card)
		if err != nil {
			return q, service.Exit(service.ExitUsage, service.Fail("--card is no card number").Todo("give the 19 or 20 digits, or leave it out").Because(err))
		}
		q.Card = number[:]
	}
	q.Cash, q.Staff, q.Because = p.cash.fen, p.staff, p.because
	return q, nil
}

func (p *ticketProgram) give(ctx context.Context, d *desk) error {
	q, err := p.request()
	if err != nil {
		return err
	}
	t, err := d.give(q, p.exits.valid())
	if err != nil {
		return err
	}
	if err := p.printed(ctx, d, t); err != nil {
		return err
	}
	p.told(ctx, d)
	return nil
}

// told says so where the record of a ticket waits on the disk.
func (p *ticketProgram) told(ctx context.Context, d *desk) {
	if !d.sent(ctx, sendWait) {
		p.Say("its record waits on the disk; the next run of the desk sends it")
	}
}

// printed prints a ticket, on the printer or here.
func (p *ticketProgram) printed(ctx context.Context, d *desk, t *message.ExitTicket) error {
	if err := p.exits.paper(ctx, t, p.Language); err != nil {
		return service.Fail("exit ticket %s is given, and not printed", message.TicketName(t)).Todo("look at the printer; then: cardterm station ticket print %d", t.GetNumber()).Because(err)
	}
	switch {
	case p.json:
		return printJSON(os.Stdout, shownTicket(t, time.Now().In(d.zone)))
	case p.exits.print.printer == "":
		_, err := io.WriteString(os.Stdout, exits.Paper(t, p.exits.print.heading, p.Language))
		return err
	}
	p.Print("exit ticket %s is printed", message.TicketName(t))
	return nil
}

// print prints a ticket again.
func (p *ticketProgram) print(ctx context.Context, d *desk, t *message.ExitTicket) error {
	if t.GetVoid() != nil {
		return exits.ErrVoid
	}
	return p.printed(ctx, d, t)
}

func (p *ticketProgram) void(ctx context.Context, d *desk, t *message.ExitTicket) (err error) {
	back := uint32(0)
	if p.back != "" {
		if back, err = exits.ParseYuan(p.back); err != nil {
			return service.Exit(service.ExitUsage, service.Fail("--cash-back %q", p.back).Todo("give yuan, such as 9 or 4.50").Because(err))
		}
	} else if t.GetCashFen() > 0 {
		return service.Refuse("nothing was done").Todo("say with --cash-back how much of its %s yuan the passenger got back, 0 if nothing", yuan(t.GetCashFen()))
	}
	if t, err = d.void(t.GetNumber(), p.staff, p.because, back); err != nil {
		return err
	}
	if p.json {
		if err := printJSON(os.Stdout, shownTicket(t, time.Now().In(d.zone))); err != nil {
			return err
		}
	} else {
		p.Print("exit ticket %s no longer counts; %s yuan given back", message.TicketName(t), yuan(back))
	}
	p.told(ctx, d)
	return nil
}

// ticketShown is a ticket as JSON.
type ticketShown struct {
	Ticket  string `json:"ticket"` // SAM, day, running number
	Number  uint32 `json:"number"`
	Time    string `json:"time"` // YYYYMMDDhhmmss
	Until   string `json:"valid_until"`
	Reason  string `json:"reason"`
	Update  string `json:"update,omitempty"`
	Because string `json:"because,omitempty"`
	Cash    uint32 `json:"cash_fen"`
	Card    string `json:"card,omitempty"` // masked
	Staff   string `json:"staff"`
	Over    bool   `json:"over,omitempty"` // its time is
	Void    string `json:"void,omitempty"` // why
	Back    uint32 `json:"cash_back_fen,omitempty"`
}

func shownTicket(t *message.ExitTicket, at time.Time) *ticketShown {
	s := &ticketShown{
		Ticket: message.TicketName(t), Number: t.GetNumber(), Time: fmt.Sprintf("%x", t.GetTime()), Until: fmt.Sprintf("%x", t.GetValidUntil()),
		Reason: exits.ReasonName(t.GetReason()), Because: t.GetBecause(), Cash: t.GetCashFen(), Card: exits.Card(t), Staff: t.GetStaff(),
		Over: exits.Over(t, at), Void: t.GetVoid().GetBecause(), Back: t.GetVoid().GetCashBackFen(),
	}
	if t.GetUpdate() != message.UpdateReason_UPDATE_REASON_UNSPECIFIED {
		s.Update = t.GetUpdate().Code()
	}
	return s
}

func (p *ticketProgram) list(_ context.Context, d *desk) error {
	book, err := d.tickets()
	if err != nil {
		return err
	}
	now := time.Now().In(d.zone)
	if p.json {
		shown := []*ticketShown{}
		for _, t := range book.Tickets() {
			shown = append(shown, shownTicket(t, now))
		}
		return printJSON(os.Stdout, shown)
	}
	table := &service.Table{Language: p.Language}
	table.Head("ticket", "time", "valid until", "reason", ">yuan", "card", "staff", "state")
	for _, t := range book.Tickets() {
		table.Add(message.TicketName(t), exits.Clock(t.GetTime()), exits.Clock(t.GetValidUntil()), exits.Why(t).In(p.Language), yuan(t.GetCashFen()),
			exits.Card(t), t.GetStaff(), exits.State(t, now).In(p.Language))
	}
	return table.Write(os.Stdout)
}
