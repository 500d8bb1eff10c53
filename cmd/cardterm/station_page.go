package main

import (
	"context"
	"errors"
	"flag"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/message"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/terminals/card"
	"citycard/terminals/exits"
	"citycard/terminals/page"
	"citycard/terminals/station"
)

// lookWait is how long the page waits for a card that is not in the reader.
const lookWait = 500 * time.Millisecond

// pageProgram is `cardterm station --page`.
type pageProgram struct {
	stationProgram
	page string
}

// stationCommand is `cardterm station`, the desk at a metro station.
func stationCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm station", flag.ContinueOnError)
	p := &pageProgram{stationProgram: newStationProgram()}
	p.registerStation(flags)
	flags.StringVar(&p.page, "page", "", "`ADDRESS` on loopback at which the desk's page is served, such as 127.0.0.1:0")
	flags.StringVar(&p.ops, "ops", "", "`ADDRESS` for /metrics, /healthz, /readyz; none where empty")
	return &ffcli.Command{
		Name: "station", ShortUsage: "cardterm station --page ADDRESS [flags] | cardterm station COMMAND",
		ShortHelp: "the desk at a metro station: what is wrong with a card, and what helps",
		LongHelp: "With --page it prints the address of a page for the staff of this machine, and serves it until it is stopped.\n" +
			"The address has a token in it; who has it can correct cards here.",
		FlagSet: flags, Exec: p.exec,
		Subcommands: []*ffcli.Command{stationLookCommand(), stationUpdateCommand(), stationTicketCommand()},
	}
}

func (p *pageProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	if p.page == "" {
		return service.Exit(service.ExitUsage, service.Fail("which command?").Todo("give --page ADDRESS, or a command; cardterm station --help lists them"))
	}
	log := p.Logger()
	stack := service.NewStack(log, 10*time.Second)
	defer func() { err = errors.Join(err, stack.Close()) }()
	pages := service.NewOps("cardterm", log)
	d, err := p.start(ctx, stack, pages)
	if err != nil {
		return stoppedWaiting(ctx, err)
	}
	told := &acks{shared: d.shared, lanes: []*lane{d.lane}, up: d.up, said: map[string]*message.Ack{}}
	stack.Go(ctx, "acks", told.run)
	running, end := context.WithCancelCause(ctx)
	defer end(nil)
	if p.ops != "" {
		if err := pages.Start(ctx, p.ops, end); err != nil {
			return err
		}
		stack.Push("pages", pages.Close)
	}
	served, err := p.serve(ctx, d, end)
	if err != nil {
		return err
	}
	stack.Push("the desk's page", served.Close)
	p.Print("%s", served.Address())
	service.NotifyReady(log)
	stack.Go(running, "watchdog", func(ctx context.Context) {
		service.NotifyAlive(ctx, log, func() bool { return !d.hangs(time.Now()) })
	})
	<-running.Done()
	service.NotifyStopping(log)
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(running)
}

// serve serves the desk's page; end is called if that ends by itself.
func (p *pageProgram) serve(ctx context.Context, d *desk, end context.CancelCauseFunc) (*page.Server, error) {
	here, err := d.here()
	if err != nil {
		return nil, err
	}
	desk, err := page.NewStation(page.Desk{
		Here: here, Now: func() time.Time { return time.Now().In(d.zone) },
		Tickets: page.Tickets{
			Book: d.tickets,
			Give: func(q exits.Request) (*message.ExitTicket, error) { return d.give(q, p.exits.valid()) },
			Void: d.void,
			Paper: func(ctx context.Context, t *message.ExitTicket, l language.Language) (bool, error) {
				return p.exits.print.printer != "", p.exits.paper(ctx, t, l)
			},
		},
		Look: func(ctx context.Context) (station.Reading, time.Time, *message.Tap, error) {
			return d.look(ctx, lookWait)
		},
		Correct: func(ctx context.Context, o station.Offer) (*message.Tap, error) {
			tap, err := d.correct(ctx, lookWait, o)
			if _, unknown := errors.AsType[*card.UnknownError](err); unknown {
				err = service.Fail("whether the card has paid is not known").Todo("put the same card in and look again: it tells, and pays once").Because(err)
			}
			return tap, err
		},
	})
	if err != nil {
		return nil, err
	}
	return servePage(ctx, p.page, desk, d.log, end)
}
