package main

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"log/slog"
	"maps"
	"slices"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/keyservice"
	"citycard/cmd/keyserver"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
)

// keyserviceCommand is the key service with the software store.
func keyserviceCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard keyservice", flag.ContinueOnError)
	s := &keyserver.Settings{Common: service.Common{Data: "citycard-keyservice"}}
	s.RegisterServing(flags)
	var store server.Settings // the key store's file alone
	flags.StringVar(&store.Keys, "keys", "", "key store `file`")
	service.RegisterPassphrase(flags, &store.Passphrase)
	return &ffcli.Command{
		Name: "keyservice", ShortUsage: "citycard keyservice [flags]", ShortHelp: "use the masters for others, until stopped",
		LongHelp: "Opens the key store and does for its clients what needs a master: MAC2 of loads, commands with secure messaging,\n" +
			"the keys of new cards. A client is a certificate in the clients' file, which says what it may do and how often.\n" +
			"Every use is a line in the log of uses, which citycard keyservice check checks. The passphrase is read from\n" +
			"--keys-passphrase-file or " + service.PassphraseVariable + ".",
		FlagSet: flags, Subcommands: []*ffcli.Command{keyserviceCheckCommand()},
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			if store.Keys == "" {
				return service.Exit(service.ExitUsage, language.Textf("want --keys: the key store, which the service alone opens"))
			}
			return keyserver.Run(ctx, s, "citycard", func(_ context.Context, _ *service.Stack, log *slog.Logger) (keyservice.Backend, error) {
				ring, err := server.OpenKeys(store.Keys, store.Passphrase, s.Demo, log)
				return keyservice.Software{Keyring: ring}, err
			})
		},
	}
}

// keyserviceCheckCommand checks the log of uses and the clients' file.
func keyserviceCheckCommand() *ffcli.Command {
	c := newCommand("keyservice check", "", "check the logs, the clients' file and the orders file of a key service",
		"Reads the log of uses in the data directory and checks that it is one chain without gaps. With --use and --chain it\n"+
			"also checks that the log still has a use with the hash that was noted, from the service's own log, then: a log that\n"+
			"was cut or replaced has not. The log of cards is checked too, and how many cards each order has made. The service may\n"+
			"be running.")
	data := c.flags.Lookup("data")
	c.Data, data.DefValue = "citycard-keyservice", "citycard-keyservice"
	var clients, orders, noted string
	var use int
	c.flags.StringVar(&clients, "clients", "", "`file` of the clients, to check it too")
	c.flags.StringVar(&orders, "orders", "", "`file` of the orders, to check it too")
	service.Whole(c.flags, &use, "use", 0, 0, "`number` of a use whose hash was noted")
	c.flags.StringVar(&noted, "chain", "", "the `hash` that was noted with it")
	return c.runs(func(context.Context) error {
		if (use == 0) != (noted == "") {
			return service.Exit(service.ExitUsage, language.Textf("want both --use and --chain, or neither"))
		}
		if clients != "" {
			known, err := keyserver.ReadClients(clients)
			if err != nil {
				return err
			}
			for _, client := range known.Describe() {
				c.Print("client %s", client)
			}
		}
		if orders != "" {
			known, err := keyserver.ReadOrders(orders, true)
			if err != nil {
				return err
			}
			for _, order := range known.Describe() {
				c.Print("order %s", order)
			}
		}
		if err := c.checkMade(); err != nil {
			return err
		}
		counts := map[keyservice.Operation]int{}
		checked, err := keyservice.CheckUses(keyserver.UsesPath(c.Data), int64(use), noted, func(u *keyservice.Use) { counts[u.Operation]++ })
		if errors.Is(err, fs.ErrNotExist) {
			return service.Fail("there is no log of uses in %s", c.Data).Todo("give --data of a key service")
		}
		if err != nil {
			return service.Refuse("the log of uses in %s is not whole", keyserver.UsesPath(c.Data)).
				Todo("keep it as it is, and ask who has changed it").Because(err)
		}
		for _, o := range keyservice.Operations() {
			if counts[o] > 0 {
				c.Print("%s: %d lines", o, counts[o])
			}
		}
		if checked.Torn > 0 {
			c.Print("%d bytes of a line at the end are torn: what stands there was not answered", checked.Torn)
		}
		c.Print("uses %d to %d are one chain, in %d files; it ends with %s", checked.First, checked.Last, checked.Files, checked.Chain)
		return nil
	})
}

// checkMade checks the log of cards and says what each order has made.
func (c *command) checkMade() error {
	type made struct {
		cards map[string]bool
		times int
	}
	orders := map[string]*made{}
	checked, err := keyservice.CheckMade(keyserver.MadePath(c.Data), func(u *keyservice.Use) {
		of := orders[u.Order]
		if of == nil {
			of = &made{cards: map[string]bool{}}
			orders[u.Order] = of
		}
		of.cards[u.Card] = true
		of.times++
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return service.Refuse("the log of cards in %s is not whole", keyserver.MadePath(c.Data)).
			Todo("keep it as it is, and ask who has changed it").Because(err)
	}
	for _, name := range slices.Sorted(maps.Keys(orders)) {
		c.Print("order %s: cards made: %d; made once more: %d", name, len(orders[name].cards), orders[name].times-len(orders[name].cards))
	}
	c.Print("the log of cards has %d lines in one chain; it ends with %s", checked.Last, checked.Chain)
	return nil
}
