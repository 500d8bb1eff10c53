package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/service"
	"citycard/simulators/city"
)

// ordering is the command `cardsim orders`.
type ordering struct {
	settings
	count int
}

func ordersCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardsim orders", flag.ContinueOnError)
	var c ordering
	c.register(flags)
	c.mode = mode{set: true} // an order makes a chip, however large the city is
	flags.IntVar(&c.count, "count", 20, "`NUMBER` of orders")
	return &ffcli.Command{
		Name:       "orders",
		ShortUsage: "cardsim orders [flags]",
		ShortHelp:  "the first cards' orders as JSON lines, for cardterm issue",
		FlagSet:    flags,
		Exec:       c.exec,
	}
}

func (c *ordering) exec(_ context.Context, args []string) error {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	day, err := c.midnight(time.Now())
	if err != nil {
		return err
	}
	town, _, err := c.town()
	if err != nil {
		return err
	}
	people, err := city.NewPopulation(c.city(day, town), town)
	if err != nil {
		return service.Fail("no such city").Todo("correct --cards").Because(err)
	}
	orders, err := people.Orders(c.count)
	if err != nil {
		return service.Fail("no such orders").Todo("correct --count").Because(err)
	}
	enc := json.NewEncoder(os.Stdout)
	for _, order := range orders {
		if err := enc.Encode(order); err != nil {
			return err
		}
	}
	return nil
}
