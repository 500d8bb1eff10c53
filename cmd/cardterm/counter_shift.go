package main

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/cards"
	"citycard/clearing/people/api"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
	"citycard/terminals/counter"
)

// errClosing: the shift is being closed.
var errClosing = language.Textf("the shift is being closed, and the centre has not answered: close it first, with what was counted then")

// closing refuses what would change the cash of a shift that is being closed.
func (t *till) closing() error {
	_, err := os.Stat(t.dir.Join("closing"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err == nil:
		err = errClosing
	}
	return service.Refuse("nothing was done").Todo("give cardterm counter shift close").Because(err)
}

// openShift opens a shift at the centre, and here.
func (t *till) openShift(ctx context.Context, start uint32, reason string) (api.Shift, error) {
	if t.office == nil {
		return api.Shift{}, errNoOffice
	}
	if s, open := t.drawer.Shift(); open {
		return api.Shift{}, service.Refuse("nothing was done").Todo("close it first").Because(language.Textf("shift %d is open at this counter", s.Number))
	}
	order := cards.ShiftOrder{Channel: t.till.channel, Counter: t.till.counter, Start: ledger.Fen(start)}
	var err error
	if order.Number, err = t.kept("opening", &order); err != nil {
		return api.Shift{}, err
	}
	shift, err := t.office.client.OpenShift(ctx, &order, reason, false)
	if err != nil {
		return shift, t.forget("opening", err)
	}
	err = t.drawer.Begin(counter.Shift{
		Number: shift.Number, Order: order.Number, By: shift.OpenedBy, Opened: shift.Opened.Format(time.RFC3339), Start: int64(shift.Start),
	})
	return shift, errors.Join(err, t.forget("opening", nil))
}

// closeShift closes the shift at the centre, and here.
func (t *till) closeShift(ctx context.Context, counted uint32, reason string) (api.Shift, error) {
	if t.office == nil {
		return api.Shift{}, errNoOffice
	}
	if _, open := t.drawer.Shift(); !open {
		return api.Shift{}, service.Refuse("nothing was done").Because(counter.ErrNoShift)
	}
	if p, err := t.pending(); err != nil || p != nil {
		return api.Shift{}, errors.Join(err, service.Refuse("nothing was done").Todo("give cardterm counter again").Because(errPending))
	}
	order := cards.ShiftOrder{
		Channel: t.till.channel, Counter: t.till.counter, Ends: true, Loaded: ledger.Fen(max(t.drawer.Loaded(), 0)), Counted: ledger.Fen(counted),
	}
	var err error
	if order.Number, err = t.kept("closing", &order); err != nil {
		return api.Shift{}, err
	}
	if was := order.Counted; was != ledger.Fen(counted) {
		return api.Shift{}, service.Refuse("nothing was done").Todo("give cardterm counter shift close --counted %s", was.String()).Because(errClosing)
	}
	shift, err := t.office.client.CloseShift(ctx, &order, reason, false)
	if err != nil {
		return shift, t.forget("closing", err)
	}
	receipt := counter.Receipt{
		Number: order.Number, Act: counter.ActShift, Channel: order.Channel, Time: t.now().Format("20060102150405"),
		Lines: []counter.Line{{What: counter.WhatExpected, Fen: int64(shift.Expected)}, {What: counter.WhatCounted, Fen: int64(shift.Counted)}},
	}
	if err := t.receipts.Put(receipt); err != nil {
		t.Logger().Error("a receipt is not kept", "order", order.Number, logged(err))
	}
	return shift, errors.Join(t.drawer.End(), t.forget("closing", nil))
}

// differenceText says what is over or short.
func differenceText(s *api.Shift) *language.Text {
	switch {
	case s.Difference > 0:
		return language.Textf("shift %d is closed: %s yuan are over (expected %s, counted %s)", s.Number, s.Difference.String(), s.Expected.String(), s.Counted.String())
	case s.Difference < 0:
		return language.Textf("shift %d is closed: %s yuan are short (expected %s, counted %s)", s.Number, (-s.Difference).String(), s.Expected.String(), s.Counted.String())
	}
	return language.Textf("shift %d is closed: the cash is as expected, %s yuan", s.Number, s.Counted.String())
}

// shiftProgram is `cardterm counter shift open` and `close`.
type shiftProgram struct {
	counterProgram
	cash   yuanValue
	reason string
}

func counterShiftCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm counter shift", flag.ContinueOnError)
	return &ffcli.Command{
		Name: "shift", ShortUsage: "cardterm counter shift open|close [flags]", ShortHelp: "open and close a shift, with the cash in the drawer", FlagSet: flags,
		Exec: func(context.Context, []string) error {
			return service.Exit(service.ExitUsage, service.Fail("which command?").Todo("cardterm counter shift --help lists them"))
		},
		Subcommands: []*ffcli.Command{
			shiftCommand(&ffcli.Command{
				Name: "open", ShortUsage: "cardterm counter shift open --start YUAN [flags]", ShortHelp: "open a shift",
			}, func(p *shiftProgram, flags *flag.FlagSet) {
				flags.Var(&p.cash, "start", "`YUAN` in the drawer at the beginning")
			}, func(ctx context.Context, t *till, p *shiftProgram) error {
				s, err := t.openShift(ctx, p.cash.fen, p.reason)
				if err != nil {
					return officeError(err)
				}
				if p.json {
					return printJSON(os.Stdout, s)
				}
				p.Print("shift %d is open, with %s yuan in the drawer", s.Number, s.Start.String())
				return p.Printed()
			}),
			shiftCommand(&ffcli.Command{
				Name: "close", ShortUsage: "cardterm counter shift close --counted YUAN [flags]", ShortHelp: "close the shift: what is over or short is booked",
			}, func(p *shiftProgram, flags *flag.FlagSet) {
				flags.Var(&p.cash, "counted", "`YUAN` that were counted in the drawer")
			}, func(ctx context.Context, t *till, p *shiftProgram) error {
				s, err := t.closeShift(ctx, p.cash.fen, p.reason)
				if err != nil {
					return officeError(err)
				}
				if p.json {
					return printJSON(os.Stdout, s)
				}
				p.Print("%w", differenceText(&s))
				return p.Printed()
			}),
		},
	}
}

func shiftCommand(c *ffcli.Command, register func(*shiftProgram, *flag.FlagSet), do func(context.Context, *till, *shiftProgram) error) *ffcli.Command {
	flags := flag.NewFlagSet("cardterm counter shift "+c.Name, flag.ContinueOnError)
	p := &shiftProgram{counterProgram: newCounterProgram()}
	p.LogLevel = 4
	p.registerCounter(flags, 10*time.Second)
	register(p, flags)
	flags.StringVar(&p.reason, "reason", "counter", "`WHY` it is done, for the audit")
	c.FlagSet = flags
	c.Exec = func(ctx context.Context, args []string) (err error) {
		if err := service.NoArguments(args); err != nil {
			return err
		}
		stack := service.NewStack(p.Logger(), 10*time.Second)
		defer func() { err = errors.Join(err, stack.Close()) }()
		t, err := p.openTill(ctx, stack, service.NewOps("cardterm", p.Logger()).Registry(), false)
		if err != nil {
			return err
		}
		if err := t.signedIn(ctx, stack); err != nil {
			return err
		}
		return do(ctx, t, p)
	}
	return c
}

// counterAgainCommand is `cardterm counter again`.
func counterAgainCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm counter again", flag.ContinueOnError)
	p := &stepProgram{counterProgram: newCounterProgram()}
	p.LogLevel = 4
	p.registerCounter(flags, 10*time.Second)
	registerCertificate(flags, &p.shown)
	drop := flags.Bool("give-up", false, "give the act up; it is listed, and a person finds out whether it was done")
	flags.StringVar(&p.reason, "reason", "", "`WHY` it is given up")
	return &ffcli.Command{
		Name: "again", ShortUsage: "cardterm counter again [flags]", ShortHelp: "ask for the act again whose answer did not come",
		LongHelp: "An act has its order number on the disk before it is signed. Asked for again, it is done once.",
		FlagSet:  flags,
		Exec: func(ctx context.Context, args []string) (err error) {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			stack := service.NewStack(p.Logger(), 10*time.Second)
			defer func() { err = errors.Join(err, stack.Close()) }()
			t, err := p.openTill(ctx, stack, service.NewOps("cardterm", p.Logger()).Registry(), false)
			if err != nil {
				return err
			}
			if *drop {
				return p.giveUp(t)
			}
			if err := t.signedIn(ctx, stack); err != nil {
				return err
			}
			certificate, err := p.certificate(p.shown)
			if err != nil {
				return err
			}
			done, o, err := t.again(ctx, certificate)
			if err != nil || o == nil {
				if err == nil {
					p.Print("no act is without an answer")
					err = p.Printed()
				}
				return counterError(err)
			}
			p.do = o.Do
			return p.did(ctx, t, &carriedOut{Done: done})
		},
	}
}

// giveUp gives up the act whose answer did not come.
func (p *stepProgram) giveUp(t *till) error {
	if p.reason == "" {
		return service.Exit(service.ExitUsage, service.Fail("why?").Todo("give --reason WHY"))
	}
	kept, err := t.giveUp(p.reason)
	if err != nil {
		return err
	}
	if kept == nil {
		p.Print("no act is without an answer")
	} else {
		p.Print("%w", givenUpText(kept))
	}
	return p.Printed()
}
