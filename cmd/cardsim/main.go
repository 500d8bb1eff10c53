package main

import (
	"context"
	"flag"
	"os"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/service"
)

func main() { os.Exit(service.Run("cardsim", rootCommand())) }

func rootCommand() *ffcli.Command {
	return &ffcli.Command{
		Name:        "cardsim",
		ShortUsage:  "cardsim <command> [flags]",
		ShortHelp:   "virtual cards and a simulated city",
		FlagSet:     flag.NewFlagSet("cardsim", flag.ContinueOnError),
		Subcommands: []*ffcli.Command{cardCommand(), ordersCommand(), templateCommand(), issueCommand(), cityCommand(), checkCommand(), service.VersionCommand("cardsim")},
		Exec:        func(context.Context, []string) error { return flag.ErrHelp },
	}
}
