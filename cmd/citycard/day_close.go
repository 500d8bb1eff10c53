package main

import (
	"context"
	"flag"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/clearing/counters"
	"citycard/clearing/dayclose"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

// closing holds the flags of citycard day close.
type closing struct {
	*command
	server  *server.Settings
	grace   time.Duration
	without without
}

func dayCloseCommand() *ffcli.Command {
	c := &closing{server: &server.Settings{}, command: newCommand("day close", "[--without STREAM --by NAME --and NAME --reason TEXT]", "close and settle a day",
		"Waits until the serving process has cleared everything that arrived before the end of the day and the grace (for a\n"+
			"day that is named: everything that is there now), moves the streams to the next day, passes over its cards and\n"+
			"SAMs, writes the settlement files and books the payments. May be repeated, also after a kill.\n\n"+
			"While it waits it says which streams are behind. Two people may close the day without a topic, or one partition of\n"+
			"it (--without taps/3), that stands: where it stood goes into the audit, what it holds is booked in the day in which\n"+
			"it is read, and the day's findings have no gaps of it; the next day that has everything reports those that are left.")}
	c.flags.StringVar(&c.server.Kafka, "kafka", "", "`HOST:PORT[,…]` of Kafka; empty: the serving process's")
	c.server.Access.Register(c.flags)
	c.flags.Var(&c.server.Day, "day", "the `day` YYYYMMDD to close, over or not; empty: the oldest that is over")
	c.flags.DurationVar(&c.grace, "grace", 30*time.Minute, "how long after midnight what arrives still counts")
	c.without.register(c.flags)
	c.registerDry(&c.dry)
	service.RegisterDatabase(c.flags, &c.database, "`URL` of the database; empty: the serving process's")
	c.check = func() error {
		if c.grace < 0 {
			return language.Textf("--grace %s: want 0 or more", c.grace)
		}
		return c.without.check()
	}
	return c.runs(c.findKafka)
}

// findKafka asks the serving process for Kafka's address, unless a flag gives it, and closes the
// day.
func (c *closing) findKafka(ctx context.Context) error {
	if c.server.Kafka == "" {
		serving, ok, err := books.Serving(ctx, c.Data, c.Logger())
		switch {
		case err != nil:
			return err
		case !ok:
			return notServing(c.Data, language.Textf("start citycard serve, or give --kafka and --db"))
		}
		c.server.Kafka = serving.Kafka
		if c.server.Access == (broker.Access{}) {
			c.server.Access = serving.Access
		}
	}
	return c.within(ctx, books.ToChange, func(ctx context.Context, b *books.Books) error {
		options, err := c.server.Access.Options(c.server.Kafka)
		if err != nil {
			return service.Exit(service.ExitUsage, err)
		}
		client, err := broker.Connect(ctx, c.server.Kafka, 10*time.Second, c.Logger(), options...)
		if err != nil {
			return service.Unreachable("cannot reach Kafka").Todo("start the broker or correct --kafka").Because(err)
		}
		defer client.Close()
		return c.closeOne(ctx, b, client, c.Logger())
	})
}

// closeOne closes the named day, or the oldest that is over.
func (c *closing) closeOne(ctx context.Context, b *books.Books, client *kgo.Client, log *slog.Logger) error {
	closer, err := server.NewCloser(ctx, b.Ledger, c.Data)
	if err != nil {
		return err
	}
	zone, err := server.Zone(ctx, b.Ledger)
	if err != nil {
		return err
	}
	end := func(day ledger.Day) time.Time { return day.Next().Time(zone).Add(c.grace) }
	d, err := due(ctx, b.Ledger, ledger.Day(c.server.Day), func(day ledger.Day) bool { return time.Now().After(end(day)) })
	if err != nil {
		return err
	}
	var cut intake.Cut
	if d.State == ledger.DayOpen {
		if c.server.Day == 0 {
			cut, err = intake.CutBefore(ctx, client, end(d.Day))
		} else {
			cut, err = intake.CutNow(ctx, client)
		}
		if err != nil {
			return err
		}
	}
	if c.dry {
		return c.preview(ctx, b, closer, d, cut)
	}
	switch {
	case d.State == ledger.DayOpen:
		err = c.without.wait(ctx, closer, d.Day, cut, log)
	case len(c.without.streams) > 0:
		log.Warn("the day's streams have moved on already, and nothing is waited for", "day", d.Day)
	}
	if err != nil {
		return err
	}
	result, err := closer.Close(ctx, d.Day, d.Next)
	if err != nil {
		return err
	}
	c.print(closer, result)
	return nil
}

// printDue prints the value date of a day.
func (c *closing) printDue(closer *server.Closer, day ledger.Day) {
	due, err := closer.ValueDate(day)
	if err != nil {
		c.Print("when operators' money of day %s is due is not known: %v", day, err)
		return
	}
	c.Print("operators' money of day %s is due on %s", day, due)
}

// preview prints what the close would wait for, pay and hold, given the present books.
func (c *closing) preview(ctx context.Context, b *books.Books, closer *server.Closer, d ledger.DayStatus, cut intake.Cut) error {
	c.Print("day %s, which is %s, is closed, and %s follows", d.Day, server.StateIn(c.Language, d.State), d.Next)
	excluded, err := c.without.excluded(ctx, closer, d.Day)
	if err != nil {
		return err
	}
	through, err := cut.Through(ctx, b.Ledger, among(excluded))
	if err != nil {
		return err
	}
	for _, s := range through.Behind {
		c.Print("it waits for %s, which is at %d of %d", s.Stream, s.At, s.End)
	}
	for _, name := range excluded {
		c.Print("it does not wait for %s", name)
	}
	accounts, err := b.Accounts(ctx)
	if err != nil {
		return err
	}
	payments, unpaid, err := closer.Preview(ctx, d.Day, d.Next)
	if err != nil {
		return err
	}
	for _, p := range payments {
		c.Print("%s -> %s %s", books.CodeOf(accounts, p.Debit), books.CodeOf(accounts, p.Credit), p.Amount.String())
	}
	c.printDue(closer, d.Day)
	c.printUnpaid(d.Day, unpaid)
	c.Print("amounts are those of what is booked by now")
	return nil
}

// print prints what a close has done, and what people still have to do.
func (c *closing) print(closer *server.Closer, result *dayclose.Result) {
	c.Print("day %s closed; settlement files in %s", result.Day, result.Files)
	c.printDue(closer, result.Day)
	c.printUnpaid(result.Day, result.Unpaid)
	for _, u := range result.Without {
		c.Print("WITHOUT %s, which stood at %d of %d; what it holds is booked when it is read", u.Stream, u.At, u.End)
	}
	if result.Uncounted != nil {
		c.Print("how many records are kept alone is not known: %v; ask citycard quarantine list", result.Uncounted)
	}
	if result.Quarantined > 0 {
		c.Print("%d records are kept alone and are not booked: citycard quarantine list", result.Quarantined)
	}
	found := 0
	for _, n := range result.Counters.Found {
		found += n
	}
	c.Print("%d findings in cards and SAMs: citycard day findings --day %s", found, result.Day)
}

// waiting logs every few seconds which streams are behind and their positions, so that the user
// does not wait silently for a process that does not run.
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

// without lists the streams for which two people decide that a close does not wait.
type without struct {
	people
	streams []string // topics, or partitions of them
}

func (w *without) register(flags *flag.FlagSet) {
	flags.Func("without", "topic, or `stream` TOPIC/PARTITION, that stands and is not waited for, by two people; may be repeated", func(text string) error {
		topic, partition, one := strings.Cut(text, "/")
		if _, err := strconv.ParseInt(partition, 10, 32); one && err != nil || !slices.Contains(message.InputTopics(), topic) {
			return language.Textf("want a topic of %s, or TOPIC/PARTITION", strings.Join(message.InputTopics(), ", "))
		}
		w.streams = append(w.streams, text)
		return nil
	})
	w.people.register(flags)
}

// check requires two people before the wait begins.
func (w *without) check() error {
	if len(w.streams) == 0 {
		return nil
	}
	if err := w.missing(); err != nil {
		return language.Textf("--without takes --by, --and and --reason: %w", err)
	}
	return nil
}

// excluded lists the topics and streams for which the close of a day does not wait: those of the
// flags and, unless a flag names their topic, those that two people have excluded before.
func (w *without) excluded(ctx context.Context, c *server.Closer, day ledger.Day) ([]string, error) {
	before, err := c.Unread(ctx, day)
	names := slices.Clone(w.streams)
	for _, u := range before {
		if topic, _, _ := strings.Cut(u.Stream, "/"); !slices.Contains(names, topic) && !slices.Contains(names, u.Stream) {
			names = append(names, u.Stream)
		}
	}
	return names, err
}

// among returns a condition for streams: one of the names is theirs or their topic's.
func among(names []string) func(intake.Standing) bool {
	return func(s intake.Standing) bool {
		return slices.Contains(names, s.Topic) || slices.Contains(names, s.Stream)
	}
}

// wait waits for all streams except those without which the day is closed, and records the
// positions of these.
func (w *without) wait(ctx context.Context, c *server.Closer, day ledger.Day, cut intake.Cut, log *slog.Logger) error {
	excluded, err := w.excluded(ctx, c, day)
	if err != nil {
		return err
	}
	err = cut.Await(ctx, c.Ledger, among(excluded), waiting(log, time.Now))
	if err != nil || len(w.streams) == 0 {
		return err
	}
	named := among(w.streams)
	through, err := cut.Through(ctx, c.Ledger, func(s intake.Standing) bool { return !named(s) })
	if err != nil {
		return err
	}
	var standing []counters.Unread
	for _, s := range through.Behind {
		log.Warn("the day is closed without a stream", "stream", s.Stream, "at", s.At, "of", s.End)
		standing = append(standing, counters.Unread{Day: day, Stream: s.Stream, At: s.At, End: s.End})
	}
	return c.Without(ctx, standing, w.approval())
}
