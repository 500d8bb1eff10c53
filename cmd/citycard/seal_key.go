package main

import (
	"context"
	"flag"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
)

func sealKeyCommand() *ffcli.Command {
	return &ffcli.Command{
		Name: "seal-key", ShortUsage: "citycard seal-key <make|show> [flags]", ShortHelp: "the key that signs sealed days / 封账密钥",
		FlagSet:     flag.NewFlagSet("citycard seal-key", flag.ContinueOnError),
		Subcommands: []*ffcli.Command{sealKeyMakeCommand(), sealKeyShowCommand()},
		Exec:        func(context.Context, []string) error { return flag.ErrHelp },
	}
}

func sealKeyMakeCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard seal-key make", flag.ContinueOnError)
	common := service.Common{Data: "citycard-data"}
	common.Register(flags)
	return &ffcli.Command{
		Name: "make", ShortUsage: "citycard seal-key make [flags]", ShortHelp: "make the seal key of a city, once / 生成封账密钥",
		LongHelp: "Writes seal.key into the data directory and prints the public key, by which everybody else verifies the seals.\n" +
			"A city has one seal key: where days are sealed on another machine too, copy the file there. It is never replaced,\n" +
			"and nothing makes it again: back it up.",
		FlagSet: flags,
		Exec: func(_ context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			// A serving process holds the directory, and may go on.
			if !service.Marked(common.Data, books.DataPurpose) {
				dir, err := service.OpenDataDir(common.Data, books.DataPurpose)
				if err != nil {
					return err
				}
				defer dir.Close()
			}
			public, err := server.MakeSealKey(common.Data)
			if err != nil {
				return err
			}
			fmt.Printf("%s: made; back it up, and give the public key to everybody who verifies / 已生成,请备份,并将公钥交给核验方\n%x\n", server.SealKeyPath(common.Data), []byte(public))
			return nil
		},
	}
}

func sealKeyShowCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard seal-key show", flag.ContinueOnError)
	common := service.Common{Data: "citycard-data"}
	common.Register(flags)
	return &ffcli.Command{
		Name: "show", ShortUsage: "citycard seal-key show [flags]", ShortHelp: "print the public key, for verify --signer / 显示封账公钥", FlagSet: flags,
		Exec: func(_ context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			private, err := server.ReadSealKey(common.Data)
			if err != nil {
				return err
			}
			fmt.Printf("%x\n", []byte(server.PublicOf(private)))
			return nil
		},
	}
}
