package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/clearing/broker"
	"citycard/clearing/dayclose"
	"citycard/clearing/intake"
	"citycard/cmd/observe"
	"citycard/cmd/service"
	"citycard/ledger"
)

func dayCommand() *ffcli.Command {
	return &ffcli.Command{
		Name: "day", ShortUsage: "citycard day <status|close|findings|reopen|seal> [flags]", ShortHelp: "clearing days / 清算日",
		FlagSet:     flag.NewFlagSet("citycard day", flag.ContinueOnError),
		Subcommands: []*ffcli.Command{dayStatusCommand(), dayCloseCommand(), dayFindingsCommand(), dayReopenCommand(), daySealCommand()},
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
			b, done, err := booksToRead(ctx, *database, common.Data, common.Logger())
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
	service.RegisterAccess(flags, &s.access)
	flags.Var(&s.day, "day", "the `day` YYYYMMDD to close, over or not; empty: the oldest that is over / 要关闭的清算日")
	flags.Var(&s.zone, "zone", "time `zone` of the days / 时区")
	grace := flags.Duration("grace", 30*time.Minute, "how long after midnight what arrives still counts / 零点后仍计入当日的时长")
	return &ffcli.Command{
		Name: "close", ShortUsage: "citycard day close [flags]", ShortHelp: "close and settle a day / 日终清算",
		LongHelp: "Waits until the serving process has cleared everything that arrived before the end of the day and the grace (for a\n" +
			"day that is named: everything that is there now), moves the streams to the next day, passes over its cards and\n" +
			"SAMs, writes the settlement files and books the payments. May be repeated, also after a kill.",
		FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			if *grace < 0 {
				return service.Exit(service.ExitUsage, fmt.Errorf("--grace %s: want 0 or more", *grace))
			}
			return closeDay(ctx, s, *grace)
		},
	}
}

func closeDay(ctx context.Context, s *settings, grace time.Duration) error {
	log := s.Logger()
	serving, ok := observe.ReadRunning(s.Data)
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
	options, err := s.access.Options()
	if err != nil {
		return errors.Join(service.Exit(service.ExitUsage, err), done())
	}
	client, err := broker.Connect(ctx, s.kafka, 10*time.Second, log, options...)
	if err != nil {
		return errors.Join(service.Fail("cannot reach Kafka / 无法连接 Kafka", "start the broker or correct --kafka", err), done())
	}
	defer client.Close()
	result, err := closeOne(ctx, s, grace, b, client, log)
	if err := errors.Join(err, done()); err != nil {
		return err
	}
	fmt.Printf("day %s closed; settlement files in %s / 清算日已关闭\n", result.Day, result.Files)
	for _, u := range result.Unpaid {
		fmt.Printf("NOT PAID: %s yuan of %s (%v); reopen the day once its account may move / 未付款,账户恢复后请重开清算日\n", yuan(u.Fen), u.Code, u.Err)
	}
	found := 0
	for _, n := range result.History.Found {
		found += n
	}
	fmt.Printf("%d findings in cards and SAMs: citycard day findings --day %s / 核对发现 %d 项\n", found, result.Day, found)
	return nil
}

// closeOne closes the day named, or the oldest that is over.
func closeOne(ctx context.Context, s *settings, grace time.Duration, b *books, client *kgo.Client, log *slog.Logger) (*dayclose.Result, error) {
	closer := newCloser(b.Ledger, s.Data)
	end := func(day ledger.Day) time.Time { return day.Next().Time(s.zone.location()).Add(grace) }
	d, err := closer.due(ctx, ledger.Day(s.day), func(day ledger.Day) bool { return time.Now().After(end(day)) })
	if err != nil {
		return nil, err
	}
	if s.day == 0 {
		err = intake.AwaitBefore(ctx, client, b.Ledger, end(d.Day), waiting(log, time.Now))
	} else {
		err = intake.Await(ctx, client, b.Ledger, waiting(log, time.Now))
	}
	if err != nil {
		return nil, err
	}
	return closer.Close(ctx, d.Day, d.Next)
}

// waiting says every few seconds how far clearing is, so that nobody waits
// without a word for a process that does not run.
func waiting(log *slog.Logger, now func() time.Time) func(done, total int64) {
	const every = 5 * time.Second
	said := now()
	return func(done, total int64) {
		if done < total && now().Sub(said) > every {
			said = now()
			log.Warn("waiting for citycard serve to clear what has arrived", "done", done, "of", total)
		}
	}
}

// closer closes and seals days of a data directory.
type closer struct{ dayclose.Closer }

func newCloser(l *ledger.Ledger, dir string) *closer {
	return &closer{dayclose.Closer{
		Ledger: l, Owner: ownerName(), Dir: filepath.Join(dir, "settlement"), Seals: filepath.Join(dir, "seals"),
	}}
}

// seal seals a day with the data directory's seal key, which must be there.
func (c *closer) seal(ctx context.Context, dir string, day ledger.Day) (seal ledger.Seal, err error) {
	if c.Signer, err = readSealKey(dir); err != nil {
		return seal, err
	}
	if seal, err = c.Seal(ctx, day); err != nil {
		return seal, service.Fail("day "+day.String()+" is not sealed / 未能封账", "close it first", err)
	}
	return seal, nil
}

// due is the day to close, and the one after it: the one named, else the oldest that
// was begun to be closed or is over. So to repeat the command never closes the day
// after as well.
func (c *closer) due(ctx context.Context, named ledger.Day, over func(ledger.Day) bool) (ledger.DayStatus, error) {
	days, err := c.Ledger.Days(ctx)
	if err != nil {
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
			return d, service.Fail("day "+d.Day.String()+" is not closed yet / 较早的清算日尚未关闭", "close the days in their order", nil)
		}
	}
	return ledger.DayStatus{}, service.Fail("no day is over that was not closed / 无可关闭的清算日", "name the day with --day; citycard day status lists them", nil)
}

// actOnDay is a command that does something to one named day of the books.
type actOnDay struct {
	service.Common
	database string
	day      day
}

func (a *actOnDay) register(flags *flag.FlagSet) {
	a.Common = service.Common{Data: "citycard-data"}
	a.Register(flags)
	flags.StringVar(&a.database, "db", "", "`URL` of the database; empty: the data directory's / 数据库地址")
	flags.Var(&a.day, "day", "the `day` YYYYMMDD / 清算日")
}

func (a *actOnDay) run(ctx context.Context, args []string, act func(*books) error) error {
	return a.within(ctx, args, booksOf, act)
}

// read is run for a command that only reads.
func (a *actOnDay) read(ctx context.Context, args []string, look func(*books) error) error {
	return a.within(ctx, args, booksToRead, look)
}

func (a *actOnDay) within(ctx context.Context, args []string, open opener, act func(*books) error) error {
	if err := service.NoArguments(args); err != nil {
		return err
	}
	if a.day == 0 {
		return service.Exit(service.ExitUsage, errors.New("--day is missing: want YYYYMMDD"))
	}
	b, done, err := open(ctx, a.database, a.Data, a.Logger())
	if err != nil {
		return err
	}
	return errors.Join(act(b), done())
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
			return a.run(ctx, args, func(b *books) error {
				by := ledger.Approval{First: *first, Second: *second, Reason: *reason, At: time.Now()}
				if err := b.ReopenDay(ctx, ledger.Day(a.day), by); err != nil {
					return service.Fail("day "+a.day.String()+" is not reopened / 清算日未重开", "give two names and a reason, and a day that is closed and not sealed", err)
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
			return a.run(ctx, args, func(b *books) error {
				seal, err := newCloser(b.Ledger, a.Data).seal(ctx, a.Data, ledger.Day(a.day))
				if err != nil {
					return err
				}
				fmt.Printf("day %s sealed over %d streams, root %x, by the key %x / 已封账\n", a.day.String(), seal.Streams, seal.Root, []byte(seal.Signer))
				return nil
			})
		},
	}
}
