package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/clearing/dayclose"
	"citycard/clearing/history"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/ledger"
)

func dayCloseCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard day close", flag.ContinueOnError)
	s := &server.Settings{Common: service.Common{Data: "citycard-data"}}
	s.Register(flags)
	service.RegisterDatabase(flags, &s.Database, "`URL` of the database; empty: the serving process's / 数据库地址")
	flags.StringVar(&s.Kafka, "kafka", "", "`HOST:PORT[,…]` of Kafka; empty: the serving process's / Kafka 地址")
	s.Access.Register(flags)
	flags.Var(&s.Day, "day", "the `day` YYYYMMDD to close, over or not; empty: the oldest that is over / 要关闭的清算日")
	flags.Var(&s.Zone, "zone", "time `zone` of the days / 时区")
	grace := flags.Duration("grace", 30*time.Minute, "how long after midnight what arrives still counts / 零点后仍计入当日的时长")
	var w without
	w.register(flags)
	return &ffcli.Command{
		Name: "close", ShortUsage: "citycard day close [--without STREAM --by NAME --and NAME --reason TEXT] [flags]", ShortHelp: "close and settle a day / 日终清算",
		LongHelp: "Waits until the serving process has cleared everything that arrived before the end of the day and the grace (for a\n" +
			"day that is named: everything that is there now), moves the streams to the next day, passes over its cards and\n" +
			"SAMs, writes the settlement files and books the payments. May be repeated, also after a kill.\n\n" +
			"While it waits it says which streams are behind. Two people may close the day without a topic, or one partition of\n" +
			"it (--without taps/3), that stands: where it stood goes into the audit, what it holds is booked in the day in which\n" +
			"it is read, and the day's findings have no gaps of it; the next day that has everything reports those that are left.",
		FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			if err := service.NoArguments(args); err != nil {
				return err
			}
			if *grace < 0 {
				return service.Exit(service.ExitUsage, fmt.Errorf("--grace %s: want 0 or more", *grace))
			}
			if err := w.check(); err != nil {
				return service.Exit(service.ExitUsage, err)
			}
			return closeDay(ctx, s, *grace, &w)
		},
	}
}

func closeDay(ctx context.Context, s *server.Settings, grace time.Duration, w *without) error {
	log := s.Logger()
	if s.Kafka == "" {
		serving, ok, err := books.Serving(ctx, s.Data, log)
		switch {
		case err != nil:
			return err
		case !ok:
			return notServing(s.Data, "start citycard serve, or give --kafka and --db")
		}
		s.Kafka = serving.Kafka
		if s.Access == (broker.Access{}) {
			s.Access = serving.Access
		}
	}
	b, done, err := books.ToBook(ctx, s.Database, s.Data, log)
	if err != nil {
		return err
	}
	options, err := s.Access.Options(s.Kafka)
	if err != nil {
		return errors.Join(service.Exit(service.ExitUsage, err), done())
	}
	client, err := broker.Connect(ctx, s.Kafka, 10*time.Second, log, options...)
	if err != nil {
		return errors.Join(service.Unreachable("cannot reach Kafka / 无法连接 Kafka", "start the broker or correct --kafka", err), done())
	}
	defer client.Close()
	result, err := closeOne(ctx, s, grace, w, b, client, log)
	if err := errors.Join(err, done()); err != nil {
		return err
	}
	fmt.Printf("day %s closed; settlement files in %s / 清算日已关闭\n", result.Day, result.Files)
	printUnpaid(result)
	for _, u := range result.Without {
		fmt.Printf("WITHOUT %s, which stood at %d of %d; what it holds is booked when it is read / 未含该分区,读取时入账\n", u.Stream, u.At, u.End)
	}
	if result.Uncounted != nil {
		fmt.Printf("how many records are kept alone is not known: %v; ask citycard quarantine list / 隔离记录数未知，请查 citycard quarantine list\n", result.Uncounted)
	}
	if result.Quarantined > 0 {
		fmt.Printf("%d records are kept alone and are not booked: citycard quarantine list / 隔离记录 %d 条\n", result.Quarantined, result.Quarantined)
	}
	found := 0
	for _, n := range result.History.Found {
		found += n
	}
	fmt.Printf("%d findings in cards and SAMs: citycard day findings --day %s / 核对发现 %d 项\n", found, result.Day, found)
	return nil
}

// closeOne closes the day named, or the oldest that is over.
func closeOne(ctx context.Context, s *server.Settings, grace time.Duration, w *without, b *books.Books, client *kgo.Client, log *slog.Logger) (*dayclose.Result, error) {
	closer, err := server.NewCloser(b.Ledger, s.Data)
	if err != nil {
		return nil, err
	}
	end := func(day ledger.Day) time.Time { return day.Next().Time(s.Zone.Location()).Add(grace) }
	d, err := due(ctx, b.Ledger, ledger.Day(s.Day), func(day ledger.Day) bool { return time.Now().After(end(day)) })
	if err != nil {
		return nil, err
	}
	switch {
	case d.State != ledger.DayOpen && len(w.streams) > 0:
		log.Warn("the day's streams have moved on already, and nothing is waited for", "day", d.Day)
	case d.State == ledger.DayOpen:
		var cut intake.Cut
		if s.Day == 0 {
			cut, err = intake.CutBefore(ctx, client, end(d.Day))
		} else {
			cut, err = intake.CutNow(ctx, client)
		}
		if err != nil {
			return nil, err
		}
		if err := w.wait(ctx, closer, d.Day, cut, log); err != nil {
			return nil, err
		}
	}
	return closer.Close(ctx, d.Day, d.Next)
}

// waiting says every few seconds which streams are behind and how far they are, so that
// nobody waits without a word for a process that does not run.
func waiting(log *slog.Logger, now func() time.Time) func(intake.Through) {
	const every, most = 5 * time.Second, 10
	said := now()
	return func(t intake.Through) {
		if len(t.Behind) == 0 || now().Sub(said) <= every {
			return
		}
		said = now()
		log.Warn("waiting for citycard serve to clear what has arrived", "done", t.Done, "of", t.Total, "streams_behind", len(t.Behind))
		for _, s := range t.Behind[:min(len(t.Behind), most)] {
			log.Warn("a stream is behind", "stream", s.Stream, "at", s.At, "of", s.End)
		}
	}
}

// without is what two people close a day without.
type without struct {
	streams               []string // topics, or partitions of them
	first, second, reason string
}

func (w *without) register(flags *flag.FlagSet) {
	flags.Func("without", "topic, or `stream` TOPIC/PARTITION, that stands and is not waited for, by two people; may be repeated / 双人决定不等待的主题或分区", func(text string) error {
		topic, partition, one := strings.Cut(text, "/")
		if _, err := strconv.ParseInt(partition, 10, 32); one && err != nil || !slices.Contains(message.InputTopics(), topic) {
			return fmt.Errorf("want a topic of %s, or TOPIC/PARTITION", strings.Join(message.InputTopics(), ", "))
		}
		w.streams = append(w.streams, text)
		return nil
	})
	flags.StringVar(&w.first, "by", "", "`name` of who asks for it / 申请人")
	flags.StringVar(&w.second, "and", "", "`name` of who agrees, somebody else / 批准人")
	flags.StringVar(&w.reason, "reason", "", "`text` that is kept with it / 原因")
}

func (w *without) approval() ledger.Approval {
	return ledger.Approval{First: w.first, Second: w.second, Reason: w.reason, At: time.Now()}
}

// check asks for two people before anything is waited for.
func (w *without) check() error {
	if len(w.streams) == 0 {
		return nil
	}
	if err := twoPeople(w.approval()); err != nil {
		return fmt.Errorf("--without takes --by, --and and --reason: %w", err)
	}
	return nil
}

// wait waits for all streams but those that the day is closed without, and notes how far
// these are.
func (w *without) wait(ctx context.Context, c *server.Closer, day ledger.Day, cut intake.Cut, log *slog.Logger) error {
	before, err := c.Unread(ctx, day)
	if err != nil {
		return err
	}
	named := func(s intake.Standing) bool {
		return slices.Contains(w.streams, s.Topic) || slices.Contains(w.streams, s.Stream)
	}
	err = cut.Await(ctx, c.Ledger, func(s intake.Standing) bool {
		return named(s) || slices.ContainsFunc(before, func(u history.Unread) bool { return u.Stream == s.Stream })
	}, waiting(log, time.Now))
	if err != nil || len(w.streams) == 0 {
		return err
	}
	through, err := cut.Through(ctx, c.Ledger, func(s intake.Standing) bool { return !named(s) })
	if err != nil {
		return err
	}
	var standing []history.Unread
	for _, s := range through.Behind {
		log.Warn("the day is closed without a stream", "stream", s.Stream, "at", s.At, "of", s.End)
		standing = append(standing, history.Unread{Day: day, Stream: s.Stream, At: s.At, End: s.End})
	}
	return c.Without(ctx, standing, w.approval())
}
