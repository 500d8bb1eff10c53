package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/tunion"
	"citycard/clearing/cards"
	"citycard/clearing/people/api"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
	"citycard/terminals/counter"
)

// printLimit is how long a printer may take for one receipt.
const printLimit = 10 * time.Second

// printerFlags say where receipts go.
type printerFlags struct {
	printer string
	heading string
}

func (f *printerFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&f.printer, "printer", "", "`WHERE` receipts are printed: device:PATH, or command:PROGRAM ARGUMENTS, which reads one; empty: they wait")
	flags.StringVar(&f.heading, "receipt-heading", "", "`TEXT` above each receipt")
}

// printText prints a text. A printer that is away, or takes too long, is an error.
func (f *printerFlags) printText(ctx context.Context, text string) error {
	kind, where, _ := strings.Cut(f.printer, ":")
	ctx, cancel := context.WithTimeout(ctx, printLimit)
	defer cancel()
	switch words := strings.Fields(where); {
	case kind == "command" && len(words) > 0:
		cmd := exec.CommandContext(ctx, words[0], words[1:]...)
		cmd.Stdin, cmd.WaitDelay = strings.NewReader(text), time.Second
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
		}
		return nil
	case kind == "device" && where != "":
		return onDevice(ctx, where, text)
	}
	return language.Textf("--printer %q, want device:PATH or command:PROGRAM", f.printer)
}

// onDevice writes a text to a device; one that does not take it in time is left alone.
func onDevice(ctx context.Context, path, text string) error {
	done := make(chan error, 1)
	go func() {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err == nil {
			_, err = f.WriteString(text)
			err = errors.Join(err, f.Close())
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return language.Textf("the printer at %s does not take the receipt", path)
	}
}

// printReceipt prints the receipt of an order, if there is a printer; else it waits.
func (t *till) printReceipt(ctx context.Context, number string) {
	if t.print.printer == "" {
		return
	}
	if err := t.printNow(ctx, number); err != nil {
		t.Say("the receipt of %s waits, the printer does not take it: %w; cardterm counter receipt prints it", number, err)
	}
}

// printNow prints one.
func (t *till) printNow(ctx context.Context, number string) error {
	r, err := t.receipts.Get(number)
	if err != nil {
		return err
	}
	if err := t.print.printText(ctx, r.Paper(t.print.heading, t.Language)); err != nil {
		return err
	}
	return t.receipts.Printed(number)
}

// receiptProgram is `cardterm counter receipt`.
type receiptProgram struct {
	counterProgram
	list bool
}

func counterReceiptCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm counter receipt", flag.ContinueOnError)
	p := &receiptProgram{counterProgram: newCounterProgram()}
	p.registerCounter(flags, 10*time.Second)
	flags.BoolVar(&p.list, "list", false, "print the numbers of the receipts that wait, and nothing else")
	return &ffcli.Command{
		Name: "receipt", ShortUsage: "cardterm counter receipt [flags] [NUMBER]", ShortHelp: "print the receipts that wait, or one once more",
		LongHelp: "Without --printer receipts are printed on standard output. Those that were printed are kept for 90 days.",
		FlagSet:  flags, Exec: p.exec,
	}
}

func (p *receiptProgram) exec(ctx context.Context, args []string) (err error) {
	if len(args) > 1 {
		return service.Exit(service.ExitUsage, service.Fail("one receipt at a time").Todo("give one NUMBER"))
	}
	stack := service.NewStack(p.Logger(), 10*time.Second)
	defer func() { err = errors.Join(err, stack.Close()) }()
	t, err := p.openTill(ctx, stack, service.NewOps("cardterm", p.Logger()).Registry(), false)
	if err != nil {
		return err
	}
	numbers := args
	if len(args) == 0 {
		if numbers, err = t.receipts.Waiting(); err != nil {
			return err
		}
	}
	for _, number := range numbers {
		if p.list {
			p.Print("%s", number)
			continue
		}
		if err := p.one(ctx, t, number); err != nil {
			return err
		}
	}
	return p.Printed()
}

// one prints one receipt, on the printer or here.
func (p *receiptProgram) one(ctx context.Context, t *till, number string) error {
	if p.print.printer != "" {
		if err := t.printNow(ctx, number); errors.Is(err, counter.ErrNoReceipt) {
			return service.Refuse("nothing is printed").Todo("cardterm counter receipt --list has those that wait").Because(err)
		} else if err != nil {
			return service.Fail("the receipt of %s waits", number).Todo("look at the printer and give the command again").Because(err)
		}
		return nil
	}
	r, failed := t.receipts.Get(number)
	if failed != nil {
		return service.Refuse("nothing is printed").Todo("cardterm counter receipt --list has those that wait").Because(failed)
	}
	if _, err := os.Stdout.WriteString(r.Paper(p.print.heading, p.Language)); err != nil {
		return err
	}
	return t.receipts.Printed(number)
}

// stepReceipt keeps the receipt of an act.
func (t *till) stepReceipt(o *cards.Order, done *api.CardDone) {
	act := map[cards.Do]counter.Act{
		cards.Sell: counter.ActSale, cards.Return: counter.ActReturn, cards.Refund: counter.ActReturn, cards.HandIn: counter.ActReturn,
		cards.ReportLoss: counter.ActLoss, cards.ReportBrief: counter.ActLoss, cards.Replace: counter.ActReplace, cards.Extend: counter.ActExtend,
	}[o.Do]
	if act == "" {
		return
	}
	r := counter.Receipt{Number: o.Number, Act: act, Channel: o.Channel, Card: maskedNumber(o.Card), Time: t.now().Format("20060102150405")}
	for _, line := range done.Choice.Lines {
		if what := whatOf(line.What); what != "" {
			r.Lines = append(r.Lines, counter.Line{What: what, Fen: int64(line.Fen)})
		}
	}
	if o.Emptied > 0 {
		r.Lines = append(r.Lines, counter.Line{What: counter.WhatBalance, Fen: -int64(o.Emptied)})
	}
	switch cash := cashOf(o); {
	case cash > 0:
		r.Lines = append(r.Lines, counter.Line{What: counter.WhatPaid, Fen: int64(cash)})
	case cash < 0:
		r.Lines = append(r.Lines, counter.Line{What: counter.WhatPaidBack, Fen: int64(-cash)})
	}
	if done.Choice.Waits > 0 {
		r.Lines = append(r.Lines, counter.Line{What: counter.WhatWaits, Fen: int64(done.Choice.Waits)})
	}
	if err := t.receipts.Put(r); err != nil {
		t.Logger().Error("a receipt is not kept", "order", o.Number, logged(err))
	}
}

func whatOf(line cards.Line) counter.What {
	switch string(line) {
	case "price":
		return counter.WhatPrice
	case "fee":
		return counter.WhatFee
	case "deposit":
		return counter.WhatDeposit
	case "purse":
		return counter.WhatLoad
	}
	return ""
}

// cashOf is the cash that goes over the counter: paid, or given below zero.
func cashOf(o *cards.Order) ledger.Fen { return o.Cash - o.Emptied }

// maskedNumber is the end of a card's number.
func maskedNumber(number string) string { return tunion.Masked(number) }
