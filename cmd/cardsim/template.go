package main

import (
	"context"
	"flag"
	"io"
	"os"
	"path/filepath"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/service"
	"citycard/durable"
	"citycard/language"
	"citycard/simulators/network"
)

// templating is the command `cardsim template`.
type templating struct {
	service.Common
	dry bool
}

func templateCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardsim template", flag.ContinueOnError)
	var c templating
	c.Register(flags)
	flags.BoolVar(&c.dry, "dry-run", false, "say what would be done, and do nothing")
	return &ffcli.Command{
		Name:       "template",
		ShortUsage: "cardsim template DIR [flags]",
		ShortHelp:  "write the file of a city of your own into a folder, to begin with",
		LongHelp:   "The file fits the documents that citycard rules template writes. cardsim issue --city FILE --rules DIR names its faults.",
		FlagSet:    flags,
		Exec:       c.exec,
	}
}

func (c *templating) exec(_ context.Context, args []string) error {
	if len(args) != 1 {
		return service.Exit(service.ExitUsage, language.Textf("want one folder to write into"))
	}
	path := filepath.Join(args[0], townFile)
	if _, err := os.Lstat(path); err == nil {
		return service.Refuse("%s exists", path).Todo("name a folder without documents; none is replaced")
	}
	makeDir := durable.MkdirAll
	if c.dry {
		makeDir = service.CheckDirectory
	}
	if err := makeDir(args[0]); err != nil {
		return service.Fail("cannot make %s", args[0]).Todo("name another folder").Because(err)
	}
	if !c.dry {
		err := durable.WriteNew(path, func(out io.Writer) error {
			_, err := out.Write(network.Template())
			return err
		})
		if err != nil {
			return service.Fail("cannot write %s", path).Todo("check the directory").Because(err)
		}
	}
	c.Print("%s", path)
	return c.Printed()
}
