package main

import (
	"context"
	"os"
	"strconv"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/hsm"
	"citycard/cardos/keys"
	"citycard/cmd/service"
	"citycard/language"
)

func makeCommand() *ffcli.Command {
	c := begin("make")
	c.registerToken(c.flags)
	c.registerDry()
	return newCommand(
		c, "make", "make the first masters, inside the token",
		"The token makes the masters; they cannot be read, and are used there alone. Have the token backed up with its\n"+
			"maker's tools before the first card is made: cards whose masters are lost cannot be loaded, and there is no other way to\n"+
			"get them back.",
		func(ctx context.Context) error {
			return c.makes(ctx, "first masters", func(t *hsm.Token) (byte, error) { return t.Make(ctx) }, 0)
		},
	)
}

func rotateCommand() *ffcli.Command {
	c := begin("rotate")
	c.registerToken(c.flags)
	c.registerDry()
	return newCommand(
		c, "rotate", "make another generation of masters, inside the token",
		"New cards get keys of the new generation; cards of all generations are served. A key service that is running takes\n"+
			"it up by itself. Gates and validators whose SAM does not hold the new version refuse new cards until it is rekeyed.",
		func(ctx context.Context) error {
			return c.makes(ctx, "another generation", func(t *hsm.Token) (byte, error) { return t.Rotate(ctx) }, 1)
		},
	)
}

// makes makes a generation of masters in a token that has at least so many.
func (c *command) makes(ctx context.Context, what string, create func(*hsm.Token) (byte, error), least int) error {
	return c.within(func(token *hsm.Token) error {
		if c.dry {
			return c.wouldMake(ctx, token, least)
		}
		version, err := create(token)
		if err != nil {
			return explain(err)
		}
		c.Print("new cards get keys of version %d; back the token up before one is made", version)
		return nil
	})
}

// wouldMake says what a dry run would make.
func (c *command) wouldMake(ctx context.Context, token *hsm.Token, least int) error {
	there, err := token.Generations(ctx)
	switch {
	case err != nil:
		return explain(err)
	case least == 0 && len(there) > 0:
		return explain(hsm.ErrMasters)
	case len(there) < least:
		return explain(hsm.ErrNoMasters)
	}
	version := byte(1)
	if len(there) > 0 {
		version = there[0].Version + 1
	}
	c.Print("new cards would get keys of version %d", version)
	return nil
}

// importing is the command `cardhsm import`.
type importing struct {
	*command
	keys       string
	passphrase string // the file of it
	demo       bool
}

func importCommand() *ffcli.Command {
	c := &importing{command: begin("import")}
	c.registerToken(c.flags)
	c.registerDry()
	c.flags.StringVar(&c.keys, "keys", "", "`FILE` of the key store whose masters move into the token")
	service.RegisterPassphrase(c.flags, &c.passphrase)
	service.RegisterDemo(c.flags, &c.demo)
	return newCommand(
		c.command, "import", "bring the masters of a key store's file into a token, for a move",
		"All generations move, and cards that are out are served as before. Afterwards the token's check values are those\n"+
			"of the file. The masters were outside the token once, and \"cardhsm list\" says so: rotate them when the move is done, and\n"+
			"destroy the file and its copies when the last card of the old generations has expired.",
		c.exec,
	)
}

func (c *importing) exec(ctx context.Context) error {
	if c.keys == "" {
		return service.Exit(service.ExitUsage, service.Fail("no key store is named").Todo("give --keys FILE"))
	}
	passphrase, err := service.Passphrase(c.passphrase)
	if err != nil {
		return err
	}
	store, err := keys.Open(c.keys, passphrase)
	if err != nil {
		return service.Fail("cannot open the key store %s", c.keys).Todo("check --keys and its passphrase").Because(err)
	}
	if err := service.AllowKeys(store.Test(), c.keys, c.demo); err != nil {
		return err
	}
	return c.within(func(token *hsm.Token) error {
		if c.dry {
			there, err := token.Generations(ctx)
			if err == nil && len(there) > 0 {
				err = hsm.ErrMasters
			}
			if err != nil {
				return explain(err)
			}
			c.Print("the masters of %s, up to version %d, would be in the token", c.keys, store.Version())
			return nil
		}
		if err := token.Import(ctx, store); err != nil {
			return explain(err)
		}
		c.Print("the masters of %s, up to version %d, are in the token", c.keys, store.Version())
		return nil
	})
}

func listCommand() *ffcli.Command {
	c := begin("list")
	c.registerToken(c.flags)
	return newCommand(
		c, "list", "show the masters and transport keys in a token with their check values, and no keys",
		"A check value tells masters apart and reveals nothing of them. Two tokens with the same masters, such as a module and its\n"+
			"backup, show the same check values.",
		func(ctx context.Context) error {
			return c.within(func(token *hsm.Token) error {
				there, err := token.Generations(ctx)
				if err == nil && len(there) == 0 {
					err = hsm.ErrNoMasters
				}
				if err != nil {
					return explain(err)
				}
				batches, failed := token.Batches(ctx)
				if failed != nil {
					return explain(failed)
				}
				return c.show(there, batches)
			})
		},
	)
}

func (c *command) show(there []hsm.Generation, batches []hsm.Batch) error {
	table := service.Table{Language: c.Language}
	table.Head(">version", "master", "check value", "came from")
	test := false
	for i, g := range there {
		for _, m := range g.Masters {
			if m.Version == 0 && i > 0 { // shown with the newest generation
				continue
			}
			version, from := strconv.Itoa(int(m.Version)), c.Language.Of("a file, once")
			if m.Version == 0 {
				version = ""
			}
			if m.Inside {
				from = c.Language.Of("made in the token")
			}
			table.Add(version, m.Role.String(), m.Check, from)
		}
		test = test || g.Test
	}
	for _, b := range batches {
		table.Add("", language.Textf("transport key, batch %s", b.Name).In(c.Language), b.Check, "")
	}
	err := table.Write(os.Stdout)
	if test {
		c.Say("TEST masters, which anybody can make from their seed")
	}
	return err
}
