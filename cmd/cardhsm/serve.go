package main

import (
	"context"
	"flag"
	"log/slog"
	"runtime"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cardos/keyservice"
	"citycard/cmd/keyserver"
	"citycard/cmd/service"
)

// maxSessions bounds --sessions.
const maxSessions = 1000

func serveCommand() *ffcli.Command {
	flags := flag.NewFlagSet("cardhsm serve", flag.ContinueOnError)
	s := &keyserver.Settings{Common: service.Common{Data: "citycard-keyservice"}}
	s.RegisterServing(flags)
	var h holder
	h.registerLibrary(flags)
	h.registerToken(flags)
	sessions := 4 * runtime.NumCPU()
	service.Whole(flags, &sessions, "sessions", 1, maxSessions, "`number` of sessions of the token: so many operations are done at a time")
	return &ffcli.Command{
		Name: "serve", ShortUsage: "cardhsm serve --library FILE --token NAME [flags]", ShortHelp: "use the masters for others, until stopped: the key service",
		LongHelp: "Does for its clients what citycard keyservice does, with masters that stay in the token. The clients' file, the\n" +
			"certificates, the data directory and its log of uses are the same, and citycard keyservice check checks the log. A\n" +
			"token that was taken out or ended the login is logged in to again by the next request, with the PIN of the start.",
		FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			return keyserver.Run(ctx, s, "cardhsm", func(ctx context.Context, stack *service.Stack, log *slog.Logger) (keyservice.Backend, error) {
				module, token, err := h.open(sessions, s.Language, log)
				if err != nil {
					return nil, err
				}
				stack.Push("PKCS#11 library", func(context.Context) error { return module.Close() })
				stack.Push("token", func(context.Context) error { return token.Close() })
				masters, err := token.Masters(ctx)
				if err != nil {
					return nil, explain(err)
				}
				return masters, nil
			})
		},
	}
}
