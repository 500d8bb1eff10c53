package main

import (
	"context"
	"errors"
	"flag"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
)

func serveCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard serve", flag.ContinueOnError)
	s := &server.Settings{KafkaPort: 9092, Ops: "127.0.0.1:9464", API: server.APISettings{Address: service.LoadAuthority}, Common: service.Common{Data: "citycard-data"}}
	s.RegisterServing(flags)
	s.KeyService.Register(flags)
	service.RegisterDemo(flags, &s.Demo)
	return &ffcli.Command{
		Name:       "serve",
		ShortUsage: "citycard serve [flags]",
		ShortHelp:  "clear what arrives, until stopped",
		LongHelp: "Claims every partition of the input topics, clears what arrives, answers the load authority and serves\n" +
			"/metrics, /healthz and /readyz. The key store's passphrase is read from --keys-passphrase-file or " + service.PassphraseVariable + ".\n" +
			"With --key-service no key store is opened: the key service makes MAC2 of loads, and gives the TAC masters, by which taps\n" +
			"are checked here, and the keys of persons' data.",
		FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			return serve(ctx, s)
		},
	}
}

// stoppedTodo is the advice for a part that has ended.
func stoppedTodo(err error) *language.Text {
	if books.DiskFull(err) {
		return language.Textf("nothing that was acknowledged is lost; free some space and start again")
	}
	return language.Textf("nothing was lost; start again once what it names is put right")
}

func serve(ctx context.Context, s *server.Settings) (err error) {
	log := s.Logger()
	dir, err := service.OpenDataDir(s.Data, books.DataPurpose)
	if err != nil {
		return err
	}
	stack := service.NewStack(log, server.StopLimit)
	stack.Push("data directory", func(context.Context) error { return dir.Close() })
	serving := false
	defer func() {
		if err = errors.Join(err, stack.Close()); serving {
			log.Info("serve has stopped")
		}
	}()
	stack.Push("word of the start", func(context.Context) error { return books.RemoveRunning(dir.Path) })
	if err := (books.Running{Doing: "reading the registry's files", Long: true}).Write(dir.Path); err != nil {
		return err
	}

	in, err := s.ReadInputs(ctx, dir.Path, log)
	if err != nil {
		return err
	}
	if err := s.CheckPorts(ctx); err != nil {
		return err
	}
	if err := (books.Running{Doing: "opening the message log and the database"}).Write(dir.Path); err != nil {
		return err
	}
	base, err := server.OpenBase(ctx, s, dir, time.Now(), stack, log)
	if err != nil {
		return err
	}
	if err := in.Founds().Write(dir.Path); err != nil {
		return err
	}
	ops := service.NewOps("citycard", log)
	c, err := base.Start(ctx, s, dir.Path, in, ops, stack, log)
	if err != nil {
		return err
	}
	if err := c.Show(ctx, ops, s.Ops, stack); err != nil {
		return err
	}
	word := books.Running{Look: c.Books.Look, Kafka: c.Kafka, Access: c.Access, API: c.API, Socket: c.Socket, Pages: ops.Addr()}
	if err := word.Write(dir.Path); err != nil {
		return err
	}
	stack.Push("running.json", func(context.Context) error { return books.RemoveRunning(dir.Path) })
	serving = true
	log.Info("serving", "kafka", c.Kafka, "api", c.API, "ops", ops.Addr(), "registry", c.Registry.Version())
	service.NotifyReady(log)
	defer service.NotifyStopping(log)
	select {
	case <-ctx.Done():
		return nil
	case err := <-c.Failed():
		return service.Fail("clearing stopped").Todo("%w", stoppedTodo(err)).Because(err)
	}
}
