package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/demo"
	"citycard/cmd/service"
	"citycard/language"
)

func main() { os.Exit(service.Run("citycard", rootCommand())) }

func rootCommand() *ffcli.Command {
	return &ffcli.Command{
		Name:       "citycard",
		ShortUsage: "citycard <command> [flags]",
		ShortHelp:  "clearing and ledger of a city card",
		FlagSet:    flag.NewFlagSet("citycard", flag.ContinueOnError),
		Subcommands: []*ffcli.Command{
			demo.Command(), serveCommand(), readyCommand(), migrateCommand(), verifyCommand(), dayCommand(), receiveCommand(), loadCommand(), channelCommand(), accessCommand(), proposalCommand(), suspenseCommand(), quarantineCommand(), keysCommand(), keyserviceCommand(), sealKeyCommand(), publishKeyCommand(), personCommand(), personTokenCommand(), personsCommand(), cardCommand(), shiftCommand(), stockCommand(), tapCommand(), registryCommand(), modeCommand(), rulesCommand(), faresCommand(),
			accountCommand(), statementCommand(), trialCommand(), holdsCommand(), auditCommand(), exportCommand(), proveCommand(), service.VersionCommand("citycard", knownSchemas),
		},
		Exec: func(context.Context, []string) error { return flag.ErrHelp },
	}
}

// knownSchemas says which tables the program works with.
func knownSchemas() (*language.Text, error) {
	var known []string
	for _, set := range books.Sets() {
		newest, err := set.Newest()
		if err != nil {
			return nil, err
		}
		known = append(known, fmt.Sprintf("%s %d", set.Name, newest))
	}
	return language.Textf("schema  %s", strings.Join(known, ", ")), nil
}
