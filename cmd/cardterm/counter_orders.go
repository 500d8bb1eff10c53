package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/service"
	"citycard/terminals/counter"
)

// ordersProgram is `cardterm counter orders`.
type ordersProgram struct {
	counterProgram
	settled string
	became  string
}

func counterOrdersCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm counter orders", flag.ContinueOnError)
	p := &ordersProgram{counterProgram: newCounterProgram()}
	p.registerCounter(flags, 10*time.Second)
	flags.StringVar(&p.settled, "settled", "", "end `ORDER`, whose card can prove it no more, after the clearing centre has found out what became of it")
	flags.StringVar(&p.became, "became", "", "with --settled: `WHAT` became of it, on-card or given-back; so its cash is counted")
	return &ffcli.Command{
		Name: "orders", ShortUsage: "cardterm counter orders [flags]", ShortHelp: "list the orders whose money is not known to be on its card",
		FlagSet: flags, Exec: p.exec,
	}
}

func (p *ordersProgram) exec(ctx context.Context, args []string) (err error) {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	stack := service.NewStack(p.Logger(), 10*time.Second)
	defer func() { err = errors.Join(err, stack.Close()) }()
	t, err := p.openTill(ctx, stack, service.NewOps("cardterm", p.Logger()).Registry(), false)
	if err != nil {
		return err
	}
	if p.settled != "" {
		if err := t.settle(p.settled, p.became); err != nil {
			return err
		}
		p.Print("order %s is over here", p.settled)
		return p.Printed()
	}
	all := []openOrder{}
	for _, o := range t.desk.Book.All() {
		all = append(all, orderOf(&o))
	}
	if p.json {
		return printJSON(os.Stdout, all)
	}
	table := &service.Table{Language: p.Language}
	table.Head("order", "card number", ">yuan", "state", "time")
	for _, o := range all {
		table.Add(o.Order, o.Card, yuan(o.Fen), orderState(o.State, p.Language), clockOf(o.Time))
	}
	return table.Write(os.Stdout)
}

// settle ends an order of which a person has found out what became of it. It counts its cash first.
func (t *till) settle(order, became string) error {
	for _, o := range t.desk.Book.All() {
		if o.Load.GetOrder() != order || o.State != counter.Late {
			continue
		}
		var err error
		switch became {
		case "on-card":
			err = t.drawer.Wrote(order)
		case "given-back":
			err = t.drawer.Gave(order, int64(o.Load.GetAmountFen()))
		default:
			return service.Exit(service.ExitUsage, service.Fail("what became of it?").Todo("give --became on-card or --became given-back"))
		}
		if err != nil {
			return err
		}
	}
	if err := t.desk.Book.Close(order); err != nil {
		return service.Refuse("nothing was done").Todo("give an order that is listed as late; the others are resolved with their card").Because(err)
	}
	return nil
}
