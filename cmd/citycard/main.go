package main

import (
	"context"
	"flag"
	"os"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/service"
)

func main() { os.Exit(service.Run("citycard", rootCommand())) }

func rootCommand() *ffcli.Command {
	return &ffcli.Command{
		Name:       "citycard",
		ShortUsage: "citycard <command> [flags]",
		ShortHelp:  "clearing and ledger of a city card / 城市一卡通清算与账务",
		FlagSet:    flag.NewFlagSet("citycard", flag.ContinueOnError),
		Subcommands: []*ffcli.Command{
			demoCommand(), serveCommand(), readyCommand(), migrateCommand(), verifyCommand(), dayCommand(), receiveCommand(), loadCommand(), channelCommand(), suspenseCommand(), quarantineCommand(), keysCommand(), sealKeyCommand(), personTokenCommand(), tapCommand(), registryCommand(),
			accountCommand(), statementCommand(), trialCommand(), holdsCommand(), exportCommand(), proveCommand(),
		},
		Exec: func(context.Context, []string) error { return flag.ErrHelp },
	}
}
