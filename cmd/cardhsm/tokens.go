package main

import (
	"context"
	"errors"
	"os"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/service"
	"citycard/language"
)

func tokensCommand() *ffcli.Command {
	c := begin("tokens")
	return newCommand(c, "tokens", "list the tokens that the library shows", "", func(context.Context) error {
		module, err := c.load()
		if err != nil {
			return err
		}
		slots, err := module.Slots()
		if err != nil {
			return errors.Join(explain(err), module.Close())
		}
		table := service.Table{Language: c.Language}
		table.Head("token", "serial number", "model", "state")
		for _, s := range slots {
			state := c.Language.Of("empty")
			switch {
			case s.Locked:
				state = c.Language.Of("locked")
			case s.Ready:
				state = c.Language.Of("ready")
			}
			table.Add(s.Label, s.Serial, s.Model, state)
		}
		return errors.Join(table.Write(os.Stdout), module.Close())
	})
}

func initCommand() *ffcli.Command {
	c, officer := begin("init"), ""
	c.registerToken(c.flags)
	c.registerDry()
	c.flags.StringVar(&officer, "officer-pin-file", "", "`FILE` of the PIN of the token's security officer; empty: it is asked for on the terminal")
	return newCommand(
		c, "init", "give an empty token its name and PINs",
		"Two people are needed: one chooses the PIN of the security officer, who may set a new PIN and nothing else, and the\n"+
			"other one the PIN with which the masters are used. A token that is not empty is never erased. Modules that are set\n"+
			"up with tools of their own do not need this command.",
		func(context.Context) error { return c.prepare(officer) },
	)
}

func (c *command) prepare(officer string) error {
	if c.token == "" {
		return service.Exit(service.ExitUsage, service.Fail("no token is named").Todo("give --token NAME, the name that it is to have"))
	}
	module, err := c.load()
	if err != nil {
		return err
	}
	officerPIN, err := readPIN(officer, "--officer-pin-file", language.Textf("PIN of the security officer: "), true, c.Language)
	if err != nil {
		return errors.Join(err, module.Close())
	}
	pin, err := readPIN(c.pin, pinFlag, language.Textf("PIN with which the masters are used: "), true, c.Language)
	if err != nil {
		return errors.Join(err, module.Close())
	}
	if officerPIN == pin {
		return errors.Join(service.Refuse("both PINs are the same").Todo("have two people choose them"), module.Close())
	}
	if c.dry {
		err = module.CanPrepare(c.token)
	} else {
		err = module.Prepare(c.token, officerPIN, pin)
	}
	if err := errors.Join(explain(err), module.Close()); err != nil {
		return err
	}
	c.Print("the token %s is ready for masters", c.token)
	return nil
}
