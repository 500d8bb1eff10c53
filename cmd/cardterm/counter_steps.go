package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/cards"
	"citycard/clearing/people/api"
	"citycard/cmd/service"
	"citycard/ledger"
)

// stepProgram is a command that does one thing with a card.
type stepProgram struct {
	counterProgram
	do      cards.Do
	number  string // empty: the card in the reader
	product string
	old     string
	shown   string // the file of the holder's certificate
	reason  string
	first   yuanValue
	yes     bool
	dry     bool
}

// stepOf completes the command of an act.
func stepOf(do cards.Do, c *ffcli.Command, extra func(*stepProgram, *flag.FlagSet)) *ffcli.Command {
	flags := flag.NewFlagSet("cardterm counter "+c.Name, flag.ContinueOnError)
	p := &stepProgram{counterProgram: newCounterProgram(), do: do}
	p.LogLevel = 4 // warnings; what was done is on standard output
	p.registerCounter(flags, 10*time.Second)
	flags.StringVar(&p.reason, "reason", "", "`WHY` it is done, for the audit")
	registerCertificate(flags, &p.shown)
	flags.BoolVar(&p.yes, "yes", false, "do not ask")
	flags.BoolVar(&p.dry, "dry-run", false, "show what would be done and what it costs, and do nothing")
	if extra != nil {
		extra(p, flags)
	}
	c.FlagSet, c.Exec = flags, p.exec
	return c
}

// counterStepCommands are the commands that act on cards at the centre.
func counterStepCommands() []*ffcli.Command {
	number := func(p *stepProgram, flags *flag.FlagSet) {
		flags.StringVar(&p.number, "number", "", "the card's `DIGITS`; empty: the card in the reader")
	}
	brief := func(p *stepProgram, flags *flag.FlagSet) {
		number(p, flags)
		flags.BoolFunc("for-now", "the holder reports it without a document: it lapses by rule", func(string) error {
			p.do = cards.ReportBrief
			return nil
		})
	}
	sell := func(p *stepProgram, flags *flag.FlagSet) {
		flags.StringVar(&p.product, "product", "", "`ID` of the product, as the rules have it")
		flags.Var(&p.first, "first-load", "`YUAN` of the first load; 0 for none")
	}
	replace := func(p *stepProgram, flags *flag.FlagSet) {
		flags.StringVar(&p.old, "old", "", "`DIGITS` of the card whose place the one in the reader takes")
	}
	return []*ffcli.Command{
		stepOf(cards.Sell, &ffcli.Command{
			Name: "sell", ShortUsage: "cardterm counter sell --product ID [flags]", ShortHelp: "sell the card in the reader, with its first load", LongHelp: "The card is loaded after it was sold; another card that is put in meanwhile is not.",
		}, sell),
		stepOf(cards.Return, &ffcli.Command{
			Name: "return", ShortUsage: "cardterm counter return [flags]", ShortHelp: "take the card in the reader back: balance and deposit", LongHelp: "First the card pays its whole balance at the counter's own SAM, so its code proves the cash.",
		}, nil),
		stepOf(cards.ReportLoss, &ffcli.Command{
			Name: "report-loss", ShortUsage: "cardterm counter report-loss --number DIGITS [flags]", ShortHelp: "report a registered card lost: it is listed at once",
		}, brief),
		stepOf(cards.Find, &ffcli.Command{
			Name: "found", ShortUsage: "cardterm counter found [flags]", ShortHelp: "a card that was reported lost was found",
		}, number),
		stepOf(cards.Replace, &ffcli.Command{
			Name: "replace", ShortUsage: "cardterm counter replace --old DIGITS [flags]", ShortHelp: "the card in the reader takes the place of another one", LongHelp: "What was on the other card waits for the new one, and is written at once if it may.",
		}, replace),
		stepOf(cards.UnblockPIN, &ffcli.Command{
			Name: "unblock-pin", ShortUsage: "cardterm counter unblock-pin [flags]", ShortHelp: "give the card in the reader a new PIN, and all tries back",
			LongHelp: "Asks for the new PIN as cardterm counter pin does; where standard input is no terminal, it reads it as one line, behind the certificate's if that is read there too.",
		}, nil),
		stepOf(cards.Extend, &ffcli.Command{
			Name: "extend", ShortUsage: "cardterm counter extend [flags]", ShortHelp: "let the card in the reader be used for longer",
		}, nil),
		stepOf(cards.HandIn, &ffcli.Command{
			Name: "hand-in", ShortUsage: "cardterm counter hand-in --number DIGITS [flags]", ShortHelp: "take a card back that cannot be read",
		}, number),
		stepOf(cards.Refund, &ffcli.Command{
			Name: "refund", ShortUsage: "cardterm counter refund --number DIGITS [flags]", ShortHelp: "give back what is owed for a card that was handed in",
		}, number),
		stepOf(cards.CutDeposit, &ffcli.Command{
			Name: "cut-deposit", ShortUsage: "cardterm counter cut-deposit --number DIGITS [flags]", ShortHelp: "give back what is held above today's deposit",
		}, number),
	}
}

func (p *stepProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	stack := service.NewStack(p.Logger(), 10*time.Second)
	defer func() { err = errors.Join(err, stack.Close()) }()
	t, err := p.openTill(ctx, stack, service.NewOps("cardterm", p.Logger()).Registry(), p.do == cards.Sell || p.do == cards.Replace)
	if err != nil {
		return err
	}
	if err := t.signedIn(ctx, stack); err != nil {
		return err
	}
	a := &act{Do: p.do, Product: p.product, Reason: p.reason, First: p.first.fen, Number: p.number}
	if p.do == cards.Replace {
		a.Number = p.old
	}
	if a.Certificate, err = p.certificate(p.shown); err != nil {
		return err
	}
	if p.do == cards.UnblockPIN {
		if a.PIN, err = p.askPIN(); err != nil {
			return err
		}
	}
	plan, err := t.prepare(ctx, a)
	if err != nil {
		return counterError(err)
	}
	if p.dry {
		return p.showPlan(plan)
	}
	if !p.yes {
		p.Say("%w", plan.text())
		if err := p.confirmed(); err != nil {
			return err
		}
	}
	did, err := t.carryOut(ctx, plan)
	return errors.Join(p.did(ctx, t, did), counterError(err))
}

// signedIn signs the clerk in.
func (t *till) signedIn(ctx context.Context, stack *service.Stack) error {
	o, err := t.centre.signIn(ctx, t.Language, t.centre.clerk, t.centre.secret(t.Language))
	if err != nil {
		return err
	}
	t.office = o
	stack.Push("the clerk's key", func(context.Context) error { return o.close() })
	return nil
}

// stepDone is an act as JSON.
type stepDone struct {
	Order string         `json:"order"`
	Do    cards.Do       `json:"do"`
	Card  string         `json:"card"`
	Cash  ledger.Fen     `json:"cash_fen"` // that goes over the counter; below zero: given
	Done  bool           `json:"done"`
	Lines []api.CardLine `json:"lines,omitempty"`
	Loads []*loaded      `json:"loads,omitempty"`
	Waits ledger.Fen     `json:"waits_fen,omitempty"`
	// Proposal waits for a second person, who lets it be done.
	Proposal int64 `json:"proposal,omitempty"`
	// Two says why it takes two people, of an act that was only shown.
	Two string `json:"two_people,omitempty"`
}

func (p *stepProgram) showPlan(plan *planned) error {
	if p.json {
		return printJSON(os.Stdout, &stepDone{
			Order: plan.Order.Number, Do: plan.Do, Card: maskedNumber(plan.Order.Card), Cash: plan.cash(), Lines: plan.Choice.Lines, Waits: plan.Choice.Waits, Two: plan.Choice.Two,
		})
	}
	p.Print("%w", plan.text())
	if plan.Two {
		p.Print("it is proposed, and a supervisor approves it first: %s", plan.Choice.Two)
	}
	return p.Printed()
}

// did prints what was done, and its receipts.
func (p *stepProgram) did(ctx context.Context, t *till, out *carriedOut) error {
	if out == nil {
		return nil
	}
	if out.Proposal != 0 {
		if p.json {
			return printJSON(os.Stdout, &stepDone{Do: p.do, Proposal: out.Proposal})
		}
		p.Print("%w", askedText(out.Proposal))
		return p.Printed()
	}
	t.printReceipt(ctx, out.Done.Step.Order)
	sent := t.said(ctx)
	for _, l := range out.Loads {
		l.Sent = sent
		t.printReceipt(ctx, l.receipt)
	}
	step := &out.Done.Step
	if p.json {
		cash := step.Cash
		for _, l := range out.Loads {
			if p.do == cards.Sell {
				cash += ledger.Fen(l.Fen)
			}
		}
		return printJSON(os.Stdout, &stepDone{Order: step.Order, Do: cards.Do(step.Do), Cash: cash, Done: true, Lines: step.Lines, Loads: out.Loads, Waits: out.Done.Choice.Waits})
	}
	p.Print("%w: done by order %s", doText(p.do), step.Order)
	for _, l := range out.Loads {
		if err := p.say(os.Stdout, l); err != nil {
			return err
		}
	}
	return p.Printed()
}
