package main

import (
	"context"
	"flag"
	"os"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/service"
)

func main() { os.Exit(service.Run("cardhsm", rootCommand())) }

func rootCommand() *ffcli.Command {
	return &ffcli.Command{
		Name:        "cardhsm",
		ShortUsage:  "cardhsm <command> [flags]",
		ShortHelp:   "the masters of cards in a hardware security module, and the key service with them",
		FlagSet:     flag.NewFlagSet("cardhsm", flag.ContinueOnError),
		Subcommands: []*ffcli.Command{tokensCommand(), initCommand(), makeCommand(), importCommand(), rotateCommand(), batchCommand(), listCommand(), serveCommand(), service.VersionCommand("cardhsm")},
		Exec:        func(context.Context, []string) error { return flag.ErrHelp },
	}
}
