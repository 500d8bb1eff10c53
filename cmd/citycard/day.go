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

	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
)

func dayCommand() *ffcli.Command {
	return &ffcli.Command{
		Name: "day", ShortUsage: "citycard day <status|close|findings|held|release|reopen|seal> [flags]", ShortHelp: "clearing days / 清算日",
		FlagSet:     flag.NewFlagSet("citycard day", flag.ContinueOnError),
		Subcommands: []*ffcli.Command{dayStatusCommand(), dayCloseCommand(), dayFindingsCommand(), dayHeldCommand(), dayReleaseCommand(), dayReopenCommand(), daySealCommand()},
		Exec:        func(context.Context, []string) error { return flag.ErrHelp },
	}
}

func dayStatusCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard day status", flag.ContinueOnError)
	common := service.Common{Data: "citycard-data"}
	common.Register(flags)
	var database string
	service.RegisterDatabase(flags, &database, "`URL` of the database; empty: the data directory's / 数据库地址")
	return &ffcli.Command{
		Name: "status", ShortUsage: "citycard day status [flags]", ShortHelp: "list the days / 列出清算日", FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			b, done, err := books.ToRead(ctx, database, common.Data, common.Logger())
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

// due is the day to close, and the one after it: the named day, else the oldest that
// is closing or over. So repeating the command never closes the day after as well.
func due(ctx context.Context, l *ledger.Ledger, named ledger.Day, over func(ledger.Day) bool) (ledger.DayStatus, error) {
	days, err := l.Days(ctx)
	if err != nil {
		return ledger.DayStatus{}, err
	}
	if err := oneOf(days, named); err != nil {
		return ledger.DayStatus{}, err
	}
	for _, d := range days {
		unfinished := d.State == ledger.DayOpen || d.State == ledger.DayClosing
		switch {
		case named == d.Day || named == 0 && (d.State == ledger.DayClosing || unfinished && over(d.Day)):
			if d.Next == 0 {
				d.Next = d.Day.Next()
			}
			return d, nil
		case unfinished && named != 0:
			return d, service.Refuse("day "+d.Day.String()+" is not closed yet / 较早的清算日尚未关闭", "close the days in their order", nil)
		}
	}
	return ledger.DayStatus{}, service.Refuse("no day is over that was not closed / 无可关闭的清算日", "name the day with --day; citycard day status lists them", nil)
}

// actOnDay is a command that does something to one named day of the books.
type actOnDay struct {
	service.Common
	database string
	day      books.Day
}

func (a *actOnDay) register(flags *flag.FlagSet) {
	a.Common = service.Common{Data: "citycard-data"}
	a.Register(flags)
	service.RegisterDatabase(flags, &a.database, "`URL` of the database; empty: the data directory's / 数据库地址")
	flags.Var(&a.day, "day", "the `day` YYYYMMDD / 清算日")
}

func (a *actOnDay) run(ctx context.Context, args []string, act func(*books.Books) error) error {
	return a.within(ctx, args, books.ToBook, act)
}

// read is run for a command that only reads.
func (a *actOnDay) read(ctx context.Context, args []string, look func(*books.Books) error) error {
	return a.within(ctx, args, books.ToRead, look)
}

func (a *actOnDay) within(ctx context.Context, args []string, open books.Opener, act func(*books.Books) error) error {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	if a.day == 0 {
		return service.Exit(service.ExitUsage, errors.New("--day is missing: want YYYYMMDD / 缺少清算日"))
	}
	b, done, err := open(ctx, a.database, a.Data, a.Logger())
	if err != nil {
		return err
	}
	if err = knownDay(ctx, b.Ledger, ledger.Day(a.day)); err == nil {
		err = act(b)
	}
	return errors.Join(err, done())
}

func dayReopenCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard day reopen", flag.ContinueOnError)
	var a actOnDay
	a.register(flags)
	first := flags.String("by", "", "`name` of who asks for it / 申请人")
	second := flags.String("and", "", "`name` of who agrees, somebody else / 批准人")
	reason := flags.String("reason", "", "`text` that is kept with it / 原因")
	return &ffcli.Command{
		Name: "reopen", ShortUsage: "citycard day reopen --day DAY --by NAME --and NAME --reason TEXT [flags]",
		ShortHelp: "reopen a closed day, by two people, before it is sealed / 双人重开清算日", FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			return a.run(ctx, args, func(b *books.Books) error {
				by := ledger.Approval{First: *first, Second: *second, Reason: *reason, At: time.Now()}
				if err := b.ReopenDay(ctx, ledger.Day(a.day), by); err != nil {
					return service.Refuse("day "+a.day.String()+" is not reopened / 清算日未重开", "give two names and a reason, and a day that is closed and not sealed", err)
				}
				fmt.Printf("day %s reopened by %s and %s / 清算日已重开\n", a.day.String(), *first, *second)
				return nil
			})
		},
	}
}

func daySealCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard day seal", flag.ContinueOnError)
	var a actOnDay
	a.register(flags)
	return &ffcli.Command{
		Name: "seal", ShortUsage: "citycard day seal --day DAY [flags]", ShortHelp: "seal a closed day for good / 封账",
		LongHelp: "Signs the day's root with seal.key of the data directory, which \"citycard seal-key make\" has made. No key is made here.", FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			return a.run(ctx, args, func(b *books.Books) error {
				c, err := server.NewCloser(b.Ledger, a.Data)
				if err != nil {
					return err
				}
				seal, err := c.SealWith(ctx, a.Data, ledger.Day(a.day))
				if err != nil {
					return err
				}
				fmt.Printf("day %s sealed over %d streams, root %x, by the key %x / 已封账\n", a.day.String(), seal.Streams, seal.Root, []byte(seal.Signer))
				return nil
			})
		},
	}
}
