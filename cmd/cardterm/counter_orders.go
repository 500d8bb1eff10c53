package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/service"
)

// ordersProgram is `cardterm counter orders`.
type ordersProgram struct {
	counterProgram
	settled string
}

func counterOrdersCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardterm counter orders", flag.ContinueOnError)
	p := &ordersProgram{counterProgram: newCounterProgram()}
	p.registerCounter(flags, 10*time.Second)
	flags.StringVar(&p.settled, "settled", "", "end `ORDER`, whose card can prove it no more, after the clearing centre has found out what became of it")
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
		if err := t.desk.Book.Close(p.settled); err != nil {
			return service.Refuse("nothing was done").Todo("give an order that is listed as late; the others are resolved with their card").Because(err)
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
