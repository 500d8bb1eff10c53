package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/cards"
	"citycard/clearing/people/api"
	"citycard/clearing/people/proposal"
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

// openShift opens a shift at the centre, and here. otherwise says that it begins with other cash
// than the one before has left, which is a supervisor's act, and of two people where the difference
// is large.
func (t *till) openShift(ctx context.Context, start uint32, otherwise bool, reason string) (shifted, error) {
	if t.office == nil {
		return shifted{}, errNoOffice
	}
	if s, open := t.drawer.Shift(); open {
		return shifted{}, service.Refuse("nothing was done").Todo("close it first").Because(language.Textf("shift %d is open at this counter", s.Number))
	}
	kept := keptShift{Order: cards.ShiftOrder{
		Channel: t.till.channel, Counter: t.till.counter, Do: cards.Opens, Start: ledger.Fen(start), Otherwise: otherwise,
	}}
	if err := t.kept("opening", &kept); err != nil {
		return shifted{}, err
	}
	order := &kept.Order
	if order.Start != ledger.Fen(start) || order.Otherwise != otherwise {
		return shifted{}, openingFirst(order)
	}
	shift, err := t.office.client.OpenShift(ctx, order, reason, false)
	if takesTwo(err) {
		return t.proposeCash(ctx, "opening", &kept, reason, err)
	}
	if err != nil {
		return shifted{}, t.forget("opening", err)
	}
	err = t.drawer.Begin(counter.Shift{
		Number: shift.Number, Order: order.Number, By: shift.OpenedBy, Opened: shift.Opened.Format(time.RFC3339), Start: int64(shift.Start),
	})
	return shifted{Shift: shift}, errors.Join(err, t.forget("opening", nil))
}

// openingFirst: another shift is being opened, as an order says.
func openingFirst(o *cards.ShiftOrder) error {
	failed := service.Refuse("nothing was done")
	if o.Otherwise {
		failed = failed.Todo("give cardterm counter shift open --start %s --otherwise --reason WHY", o.Start.String())
	} else {
		failed = failed.Todo("give cardterm counter shift open --start %s", o.Start.String())
	}
	return failed.Because(language.Textf("a shift is being opened, and the centre has not answered: that comes first"))
}

// handOver hands cash over, of the shift that is open or of what the last one has left. Who
// receives it signs as well: it is proposed, and done here as the same is asked for once more.
func (t *till) handOver(ctx context.Context, fen uint32, to, reason string) (shifted, error) {
	if t.office == nil {
		return shifted{}, errNoOffice
	}
	if err := t.closing(); err != nil {
		return shifted{}, err
	}
	kept := keptShift{Order: cards.ShiftOrder{Channel: t.till.channel, Counter: t.till.counter, Do: cards.HandsOver, Handed: ledger.Fen(fen), To: to}}
	if err := t.kept("handing", &kept); err != nil {
		return shifted{}, err
	}
	order := &kept.Order
	if order.Handed != ledger.Fen(fen) || order.To != to {
		return shifted{}, handingFirst(&kept)
	}
	shift, err := t.office.client.HandOver(ctx, order, reason, false)
	if takesTwo(err) {
		return t.proposeCash(ctx, "handing", &kept, reason, err)
	}
	if err != nil {
		return shifted{}, t.forget("handing", err)
	}
	t.shiftReceipt(order, counter.Line{What: counter.WhatHanded, Fen: int64(order.Handed)})
	return shifted{Shift: shift}, t.forget("handing", nil)
}

// handingFirst: other cash is being handed over, as an order says.
func handingFirst(kept *keptShift) error {
	failed := service.Refuse("nothing was done").Todo("give cardterm counter shift hand-over --amount %s --to %s", kept.Order.Handed.String(), kept.Order.To)
	if kept.Proposal != 0 {
		return failed.Because(language.Textf("cash is being handed over, and who receives it has not signed proposal %d: that comes first, or is withdrawn", kept.Proposal))
	}
	return failed.Because(language.Textf("cash is being handed over, and the centre has not answered: that comes first"))
}

// handing refuses to close a shift while cash of it is being handed over: whether that is still in
// the drawer, nobody could say.
func (t *till) handing() error {
	content, err := os.ReadFile(t.dir.Join("handing"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var kept keptShift
	if err == nil {
		err = json.Unmarshal(content, &kept)
	}
	if err != nil {
		return err
	}
	return handingFirst(&kept)
}

// shifted is what became of an order of a shift.
type shifted struct {
	api.Shift
	Proposal int64 `json:"proposal,omitempty"` // it is not done until somebody else has approved this
}

// giveBack gives a customer the cash of a load that the centre has given back to the channel.
func (t *till) giveBack(ctx context.Context, load string, fen uint32, reason string) (api.Shift, error) {
	if t.office == nil {
		return api.Shift{}, errNoOffice
	}
	if err := t.closing(); err != nil {
		return api.Shift{}, err
	}
	kept := keptShift{Order: cards.ShiftOrder{Channel: t.till.channel, Counter: t.till.counter, Do: cards.GivesBack, Load: load, Given: ledger.Fen(fen)}}
	if err := t.kept("giving", &kept); err != nil {
		return api.Shift{}, err
	}
	order := &kept.Order
	if order.Load != load || order.Given != ledger.Fen(fen) {
		return api.Shift{}, service.Refuse("nothing was done").Todo("give cardterm counter shift give-back --load %s --amount %s", order.Load, order.Given.String()).
			Because(language.Textf("cash is being given back, and the centre has not answered: that comes first"))
	}
	shift, err := t.office.client.GiveBack(ctx, order, reason, false)
	if err != nil {
		return shift, t.forget("giving", err)
	}
	if err := t.drawer.Gave(t.own(load), int64(fen)); err != nil {
		return shift, err
	}
	t.shiftReceipt(order, counter.Line{What: counter.WhatPaidBack, Fen: int64(fen)})
	return shift, t.forget("giving", nil)
}

// giving refuses to close a shift while it is not known whether its cash was given back.
func (t *till) giving() error {
	_, err := os.Stat(t.dir.Join("giving"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return errors.Join(err, service.Refuse("nothing was done").Todo("give the same cardterm counter shift give-back once more").
		Because(language.Textf("cash is being given back, and the centre has not answered: that comes first")))
}

// closeShift closes the shift at the centre, and here. A large difference is proposed: then the
// shift is closed here once somebody else has approved it, and the same is asked for again.
func (t *till) closeShift(ctx context.Context, counted uint32, reason string) (shifted, error) {
	if t.office == nil {
		return shifted{}, errNoOffice
	}
	if err := errors.Join(t.handing(), t.giving()); err != nil {
		return shifted{}, err
	}
	if _, open := t.drawer.Shift(); !open {
		return shifted{}, service.Refuse("nothing was done").Because(counter.ErrNoShift)
	}
	if p, err := t.pending(); err != nil || p != nil {
		return shifted{}, errors.Join(err, service.Refuse("nothing was done").Todo("give cardterm counter again").Because(errPending))
	}
	kept := keptShift{Order: cards.ShiftOrder{
		Channel: t.till.channel, Counter: t.till.counter, Do: cards.Closes, Loaded: ledger.Fen(t.drawer.Loaded()), Counted: ledger.Fen(counted),
	}}
	if err := t.kept("closing", &kept); err != nil {
		return shifted{}, err
	}
	order := &kept.Order
	if was := order.Counted; was != ledger.Fen(counted) {
		return shifted{}, service.Refuse("nothing was done").Todo("give cardterm counter shift close --counted %s", was.String()).Because(errClosing)
	}
	shift, err := t.office.client.CloseShift(ctx, order, reason, false)
	if takesTwo(err) {
		return t.proposeCash(ctx, "closing", &kept, reason, err)
	}
	if err != nil {
		return shifted{}, t.forget("closing", err)
	}
	t.shiftReceipt(order, counter.Line{What: counter.WhatExpected, Fen: int64(shift.Expected)}, counter.Line{What: counter.WhatCounted, Fen: int64(shift.Counted)})
	return shifted{Shift: shift}, errors.Join(t.drawer.End(), t.forget("closing", nil))
}

// takesTwo reports whether the centre wants a proposal.
func takesTwo(err error) bool {
	p, ok := errors.AsType[*api.Problem](err)
	return ok && p.Type == api.TwoPeople
}

// proposeCash proposes what a kept order of a shift does with its cash, unless that waits already.
// One that was decided otherwise is forgotten: the clerk counts again.
func (t *till) proposeCash(ctx context.Context, name string, kept *keptShift, reason string, why error) (shifted, error) {
	client := t.office.client
	client.Knows([]proposal.Entry{cards.CashEntry()})
	if kept.Proposal != 0 {
		v, err := client.Show(ctx, kept.Proposal)
		switch {
		case err != nil:
			return shifted{}, err
		case v.State == proposal.Waiting:
			return shifted{Proposal: kept.Proposal}, nil
		}
		return shifted{}, errors.Join(service.Refuse("nothing was done").Todo("count, and give it again").
			Because(language.Textf("proposal %d is %s: %w", kept.Proposal, string(v.State), why)), t.forget(name, nil))
	}
	body, err := proposal.Body(kept.Order)
	if err != nil {
		return shifted{}, err
	}
	view, err := t.propose(ctx, cards.KindCash, body, reason)
	if err != nil {
		return shifted{}, t.forget(name, err)
	}
	kept.Proposal = view.Number
	return shifted{Proposal: view.Number}, t.rewrite(name, kept)
}

// propose proposes what takes two people.
func (t *till) propose(ctx context.Context, kind string, body json.RawMessage, reason string) (*api.View, error) {
	client := t.office.client
	draft, err := client.Draft(ctx, kind, body, reason, false, false)
	if err != nil {
		return nil, err
	}
	return client.Propose(ctx, draft, false)
}

// shiftReceipt keeps a receipt of what was done with a shift.
func (t *till) shiftReceipt(order *cards.ShiftOrder, lines ...counter.Line) {
	r := counter.Receipt{Number: order.Number, Act: counter.ActShift, Channel: order.Channel, Time: t.now().Format("20060102150405"), Lines: lines}
	if err := t.receipts.Put(r); err != nil {
		t.Logger().Error("a receipt is not kept", "order", order.Number, logged(err))
	}
}

// text says what became of an order of a shift: it waits, or is done as it says.
func (s *shifted) text(done *language.Text) *language.Text {
	if s.Proposal != 0 {
		return askedText(s.Proposal)
	}
	return done
}

func openText(s *shifted) *language.Text {
	return s.text(language.Textf("shift %d is open, with %s yuan in the drawer", s.Number, s.Start.String()))
}

func handedText(s *shifted, fen uint32, to string) *language.Text {
	return s.text(language.Textf("%s yuan are handed over %w; %s yuan are left in the drawer", ledger.Fen(fen).String(), placeText(to), s.Left.String()))
}

func givenText(s *api.Shift, load string, fen uint32) *language.Text {
	return language.Textf("give the customer the %s yuan of load order %s; %s yuan are left in the drawer", ledger.Fen(fen).String(), load, s.Left.String())
}

func closedText(s *shifted) *language.Text { return s.text(differenceText(&s.Shift)) }

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

// shiftProgram is `cardterm counter shift open`, `hand-over`, `give-back` and `close`.
type shiftProgram struct {
	counterProgram
	cash      yuanValue
	reason    string
	otherwise bool
	to        string
	load      string
}

func counterShiftCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm counter shift", flag.ContinueOnError)
	return &ffcli.Command{
		Name: "shift", ShortUsage: "cardterm counter shift open|hand-over|give-back|close [flags]", ShortHelp: "open and close a shift, with the cash in the drawer", FlagSet: flags,
		Exec: func(context.Context, []string) error {
			return service.Exit(service.ExitUsage, service.Fail("which command?").Todo("cardterm counter shift --help lists them"))
		},
		Subcommands: []*ffcli.Command{
			shiftCommand(&ffcli.Command{
				Name: "open", ShortUsage: "cardterm counter shift open --start YUAN [flags]", ShortHelp: "open a shift",
			}, func(p *shiftProgram, flags *flag.FlagSet) {
				flags.Var(&p.cash, "start", "`YUAN` in the drawer at the beginning: what the shift before has left")
				flags.BoolVar(&p.otherwise, "otherwise", false, "it begins with other cash than the shift before has left; a supervisor's act, with --reason")
			}, func(ctx context.Context, t *till, p *shiftProgram) error {
				s, err := t.openShift(ctx, p.cash.fen, p.otherwise, p.reason)
				if err != nil {
					return officeError(err)
				}
				if p.json {
					return printJSON(os.Stdout, s)
				}
				p.Print("%w", openText(&s))
				return p.Printed()
			}),
			shiftCommand(&ffcli.Command{
				Name: "hand-over", ShortUsage: "cardterm counter shift hand-over --amount YUAN --to safe|bank [flags]", ShortHelp: "hand cash of the drawer over to the safe or the bank",
				LongHelp: "Who receives the cash signs as well: a supervisor approves the proposal that this makes. Given once more after\nthat, it is done. What the bank has not received yet is the balance of the account handed:CHANNEL.",
			}, func(p *shiftProgram, flags *flag.FlagSet) {
				flags.Var(&p.cash, "amount", "`YUAN` that are handed over")
				flags.StringVar(&p.to, "to", cards.ToSafe, "`PLACE`: safe or bank")
			}, func(ctx context.Context, t *till, p *shiftProgram) error {
				s, err := t.handOver(ctx, p.cash.fen, p.to, p.reason)
				if err != nil {
					return officeError(err)
				}
				if p.json {
					return printJSON(os.Stdout, s)
				}
				p.Print("%w", handedText(&s, p.cash.fen, p.to))
				return p.Printed()
			}),
			shiftGiveBackCommand(),
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
				p.Print("%w", closedText(&s))
				return p.Printed()
			}),
		},
	}
}

func shiftGiveBackCommand() *ffcli.Command {
	return shiftCommand(&ffcli.Command{
		Name: "give-back", ShortUsage: "cardterm counter shift give-back --load ORDER --amount YUAN [flags]", ShortHelp: "give a customer the cash of a load back",
		LongHelp: "Of a load that two people have given back to the channel (citycard load refund, load withdraw). It leaves the drawer of\nthe shift that is open here; citycard shift list --owed lists what is still to be given.",
	}, func(p *shiftProgram, flags *flag.FlagSet) {
		flags.StringVar(&p.load, "load", "", "order `NUMBER` of the load")
		flags.Var(&p.cash, "amount", "`YUAN` that were paid for it")
	}, func(ctx context.Context, t *till, p *shiftProgram) error {
		s, err := t.giveBack(ctx, p.load, p.cash.fen, p.reason)
		if err != nil {
			return officeError(err)
		}
		if p.json {
			return printJSON(os.Stdout, s)
		}
		p.Print("%w", givenText(&s, p.load, p.cash.fen))
		return p.Printed()
	})
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
