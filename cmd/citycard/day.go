package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/broker"
	"citycard/clearing/dayclose"
	"citycard/clearing/intake"
	"citycard/clearing/registry"
	"citycard/cmd/service"
	"citycard/ledger"
)

func dayCommand() *ffcli.Command {
	return &ffcli.Command{
		Name: "day", ShortUsage: "citycard day <status|close> [flags]", ShortHelp: "clearing days / 清算日",
		FlagSet:     flag.NewFlagSet("citycard day", flag.ContinueOnError),
		Subcommands: []*ffcli.Command{dayStatusCommand(), dayCloseCommand()},
		Exec:        func(context.Context, []string) error { return flag.ErrHelp },
	}
}

func dayStatusCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard day status", flag.ContinueOnError)
	common := service.Common{Data: "citycard-data"}
	common.Register(flags)
	database := flags.String("db", "", "`URL` of the database; empty: the data directory's / 数据库地址")
	return &ffcli.Command{
		Name: "status", ShortUsage: "citycard day status [flags]", ShortHelp: "list the days / 列出清算日", FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			b, done, err := booksOf(ctx, *database, common.Data, common.Logger())
			if err != nil {
				return err
			}
			days, err := b.Days(ctx)
			if err := errors.Join(err, done()); err != nil {
				return err
			}
			w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
			for _, d := range days {
				fmt.Fprintf(w, "%s\t%s\n", d.Day, d.State)
			}
			return w.Flush()
		},
	}
}

func dayCloseCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard day close", flag.ContinueOnError)
	s := &settings{Common: service.Common{Data: "citycard-data"}}
	s.Register(flags)
	flags.StringVar(&s.database, "db", "", "`URL` of the database; empty: the serving process's / 数据库地址")
	flags.StringVar(&s.kafka, "kafka", "", "`HOST:PORT[,…]` of Kafka; empty: the serving process's / Kafka 地址")
	flags.Var(&s.day, "day", "the `day` YYYYMMDD to close; empty: the open one / 要关闭的清算日")
	return &ffcli.Command{
		Name: "close", ShortUsage: "citycard day close [flags]", ShortHelp: "close, settle and seal a day / 日终清算",
		LongHelp: "Waits until the serving process has cleared everything that is in the input topics now, moves the streams\n" +
			"to the next day, writes the settlement files, books the payments and seals the day. May be repeated.",
		FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			return closeDay(ctx, s)
		},
	}
}

func closeDay(ctx context.Context, s *settings) error {
	log := s.Logger()
	serving, ok := readRunning(s.Data)
	if s.kafka == "" {
		if !ok {
			return service.Fail("nothing serves "+s.Data+" / 清算服务未运行", "start citycard serve, or give --kafka and --db", nil)
		}
		s.kafka = serving.Kafka
	}
	b, done, err := booksOf(ctx, s.database, s.Data, log)
	if err != nil {
		return err
	}
	client, err := broker.Connect(ctx, s.kafka, 10*time.Second, log)
	if err != nil {
		return errors.Join(service.Fail("cannot reach Kafka / 无法连接 Kafka", "start the broker or correct --kafka", err), done())
	}
	defer client.Close()
	if err := intake.Await(ctx, client, b.Ledger, nil); err != nil {
		return errors.Join(err, done())
	}
	people, err := registry.NewStore(b.Pool()).Load(ctx, registry.Operators, registry.Channels, registry.Hospitals)
	if err != nil {
		return errors.Join(err, done())
	}
	result, err := closeBooks(ctx, b.Ledger, people, s.Data, ledger.Day(s.day))
	if err := errors.Join(err, done()); err != nil {
		return err
	}
	fmt.Printf("day %s sealed, root %x; settlement files in %s / 清算日已封账\n", result.Day, result.Seal.Root, result.Files)
	return nil
}

// closeBooks closes day, or the open one where day is 0.
func closeBooks(ctx context.Context, l *ledger.Ledger, people *registry.Edition, dir string, day ledger.Day) (*dayclose.Result, error) {
	if day == 0 {
		var err error
		if day, err = l.CurrentDay(ctx); err != nil {
			return nil, err
		}
	}
	signer, err := sealKey(dir)
	if err != nil {
		return nil, err
	}
	closer := &dayclose.Closer{
		Ledger: l, Registry: people, Owner: ownerName(), Signer: signer,
		Dir: dir + "/settlement", Seals: dir + "/seals",
	}
	return closer.Close(ctx, day, day.Next())
}
