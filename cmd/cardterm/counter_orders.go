package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"slices"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/service"
	"citycard/language"
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
	flags.StringVar(&p.became, "became", "", "with --settled: `WHAT` became of it, on-card or given-back, to the channel")
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
	late := slices.DeleteFunc(t.desk.Book.All(), func(o counter.Open) bool {
		return o.State != counter.Late || order != o.Load.GetOrder() && order != o.Name().Receipt()
	})
	switch len(late) {
	case 0:
		return service.Refuse("nothing was done").Todo("give an order that is listed as late; the others are resolved with their card").Because(counter.ErrNoOrder)
	case 1:
	default:
		return service.Refuse("nothing was done").Todo("give --settled %s or --settled %s", late[0].Name().Receipt(), late[1].Name().Receipt()).
			Because(language.Textf("%d orders have the number %s", len(late), order))
	}
	o := &late[0]
	var err error
	switch {
	case became != "on-card" && became != "given-back":
		return service.Exit(service.ExitUsage, service.Fail("what became of it?").Todo("give --became on-card or --became given-back"))
	case o.Placer != "": // nobody has paid for it here
	case became == "on-card":
		err = t.drawer.Wrote(o.Name())
	case t.centre.server == "":
		err = t.drawer.Gave(o.Name(), int64(o.Load.GetAmountFen()))
	default: // cardterm counter shift give-back counts it
	}
	if err != nil {
		return err
	}
	return t.desk.Book.Close(o.Name())
}
