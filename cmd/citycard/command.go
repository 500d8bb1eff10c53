package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// command is one command of the operator. newCommand and the flags declare it; reads, changes or
// runs sets its action.
type command struct {
	service.Common
	cli       *ffcli.Command
	flags     *flag.FlagSet
	takes     func(arguments []string) error // checks them; service.NoArguments if it takes none
	arguments []string
	check     func() error // checks the flags, before anything is opened; nil: no check
	database  string
	server    string          // of a client of the API
	books     string          // that its server must have; empty: those that it had before
	settings  server.Settings // of a client that serves the books to itself
	served    bool            // a citycard serve answers
	asJSON    bool
	dry       bool // it prints what it would do, and does nothing
}

// newCommand makes the command with a name such as "day close". usage shows its arguments and the
// flags that it needs.
func newCommand(name, usage, short, long string) *command {
	c := &command{Common: service.Common{Data: "citycard-data"}, flags: flag.NewFlagSet("citycard "+name, flag.ContinueOnError), takes: service.NoArguments}
	c.Register(c.flags)
	c.cli = &ffcli.Command{
		Name: name[strings.LastIndex(name, " ")+1:], ShortUsage: strings.Join(strings.Fields("citycard "+name+" "+usage+" [flags]"), " "),
		ShortHelp: short, LongHelp: long, FlagSet: c.flags,
	}
	return c
}

// group is a command that only has subcommands.
func group(name, short, long string, below ...*ffcli.Command) *ffcli.Command {
	var names []string
	for _, c := range below {
		names = append(names, c.Name)
	}
	usage := names[0]
	if len(names) > 1 {
		usage = "<" + strings.Join(names, "|") + ">"
	}
	return &ffcli.Command{
		Name: name, ShortUsage: "citycard " + name + " " + usage + " [flags]", ShortHelp: short, LongHelp: long,
		FlagSet: flag.NewFlagSet("citycard "+name, flag.ContinueOnError), Subcommands: below,
		Exec: func(context.Context, []string) error { return flag.ErrHelp },
	}
}

// reads makes the command open the books to read them.
func (c *command) reads(do func(context.Context, *books.Books) error) *ffcli.Command {
	if c.flags.Lookup("json") == nil {
		c.registerJSON("print for machines")
	}
	return c.opens(do)
}

func (c *command) opens(do func(context.Context, *books.Books) error) *ffcli.Command {
	c.registerDatabase()
	return c.runs(func(ctx context.Context) error { return c.within(ctx, books.ToRead, do) })
}

// within opens the books, runs a function with them and closes them.
func (c *command) within(ctx context.Context, right books.Right, do func(context.Context, *books.Books) error) error {
	b, err := books.Find(ctx, right, c.database, c.Data, c.Logger())
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, b), b.Close(ctx))
}

// runs sets the command's function, which is called once arguments and flags are checked.
func (c *command) runs(do func(context.Context) error) *ffcli.Command {
	c.cli.Exec = func(ctx context.Context, args []string) error {
		if err := c.takes(args); err != nil {
			return err
		}
		if c.check != nil {
			if err := c.check(); err != nil {
				return service.Exit(service.ExitUsage, err)
			}
		}
		switch {
		case c.dry && c.asJSON:
			c.Say(dryRunNote)
		case c.dry:
			c.Print(dryRunNote)
		}
		return c.Ended(do(ctx))
	}
	return c.cli
}

const dryRunNote = "dry run, nothing is changed; it would answer:"

func (c *command) registerDatabase() {
	service.RegisterDatabase(c.flags, &c.database, "`URL` of the database; empty: the data directory's")
}

func (c *command) registerJSON(what string) {
	c.flags.BoolVar(&c.asJSON, "json", false, what)
}

// jsonLines is how --json prints many.
const jsonLines = "one JSON object a line"

func (c *command) registerDry(dry *bool) {
	c.flags.BoolVar(dry, "dry-run", false, "say what would be done, and do nothing")
}

// takeDir takes the data directory, for a file that the command makes there, until release is
// called. A dry run only checks whether it could.
func (c *command) takeDir() (release func() error, err error) {
	if c.dry {
		return func() error { return nil }, service.CheckDataDir(c.Data, books.DataPurpose)
	}
	dir, err := service.OpenDataDir(c.Data, books.DataPurpose)
	if err != nil {
		return nil, err
	}
	return dir.Close, nil
}

// span are two flags for the first and the last clearing day.
type span struct{ from, to books.Day }

// everyDay is a span with every day that books may have.
func everyDay() span { return span{19000101, 29991231} }

func (s *span) register(flags *flag.FlagSet) {
	flags.Var(&s.from, "from", "first clearing `day` YYYYMMDD")
	flags.Var(&s.to, "to", "last clearing `day` YYYYMMDD")
}

func (s *span) check() error {
	if s.from == 0 || s.to == 0 || s.from > s.to {
		return language.Textf("--from %s --to %s: want two days, the first not after the last", s.from.String(), s.to.String())
	}
	return nil
}

func (s *span) days() (first, last ledger.Day) { return ledger.Day(s.from), ledger.Day(s.to) }

// list prints items as a table or, with --json, as one object a line. Names of columns of numbers
// begin with ">". each passes the items one by one: with --json they need no memory, however many
// they are; a table is kept until its widths are known.
func list[T any](c *command, header string, cells func(T, language.Language) []string, each func(add func(T) error) error) error {
	if c.asJSON {
		encoder := json.NewEncoder(os.Stdout)
		return each(func(item T) error { return encoder.Encode(item) })
	}
	table := service.Table{Language: c.Language}
	if header != "" {
		table.Head(strings.Split(header, "\t")...)
	}
	err := each(func(item T) error {
		table.Add(cells(item, c.Language)...)
		return nil
	})
	return errors.Join(err, table.Write(os.Stdout))
}

// listAll does the same as list for a slice of items.
func listAll[T any](c *command, header string, cells func(T, language.Language) []string, items []T) error {
	return list(c, header, cells, func(add func(T) error) error {
		for _, item := range items {
			if err := add(item); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeJSON prints one value for machines.
func writeJSON[T any](w io.Writer, value T) error { return json.NewEncoder(w).Encode(value) }
