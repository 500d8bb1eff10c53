package main

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"
	"github.com/twmb/franz-go/pkg/kgo"

	"citycard/broker"
	"citycard/clearing/dayclose"
	"citycard/clearing/intake"
	"citycard/clearing/message"
	"citycard/clearing/people/api"
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
	without []string  // topics, or partitions of them; then it proposes
	by      *proposer // who proposes
}

func dayCloseCommand() *ffcli.Command {
	c := &closing{server: &server.Settings{}, command: newCommand("day close", "[--without STREAM --identity FILE --reason TEXT]", "close and settle a day",
		"Waits until the serving process has cleared everything that arrived before the end of the day and the grace (for a\n"+
			"day that is named: everything that is there now), moves the streams to the next day, passes over its cards and\n"+
			"SAMs, writes the settlement files and books the payments. May be repeated, also after a kill.\n\n"+
			"While it waits it says which streams are behind. With --without it closes nothing: it proposes that the close does\n"+
			"not wait for a topic, or for one partition of it (--without taps/3), that stands. Once somebody else has approved it,\n"+
			"close the day without the flag: where the streams stood is in the audit, what they hold is booked in the day in which\n"+
			"it is read, and the day's findings have no gaps of it; the next day that has everything reports those that are left.")}
	c.by = &proposer{command: c.command, key: c.registerIdentity()}
	c.registerJSON("print the proposal of --without for machines")
	c.flags.StringVar(&c.by.reason, "reason", "", "why the close does not wait, a `text` for who approves it and for later")
	c.flags.StringVar(&c.server.Kafka, "kafka", "", "`HOST:PORT[,…]` of Kafka; empty: the serving process's")
	c.server.Access.Register(c.flags)
	c.flags.Var(&c.server.Day, "day", "the `day` YYYYMMDD to close, over or not; empty: the oldest that is over")
	c.flags.DurationVar(&c.grace, "grace", 30*time.Minute, "how long after midnight what arrives still counts")
	c.registerWithout()
	c.registerDry(&c.dry)
	service.RegisterDatabase(c.flags, &c.database, "`URL` of the database; empty: the serving process's")
	c.check = func() error {
		if c.grace < 0 {
			return language.Textf("--grace %s: want 0 or more", c.grace)
		}
		if len(c.without) > 0 {
			return c.by.complete()
		}
		if c.asJSON || c.by.reason != "" || c.by.key.file != "" {
			return language.Textf("--json, --identity and --reason go with --without: nobody signs a close")
		}
		return nil
	}
	return c.runs(func(ctx context.Context) error {
		if len(c.without) > 0 {
			return c.proposeWithout(ctx)
		}
		return c.withKafka(ctx, books.ToChange, func(ctx context.Context, b *books.Books, client *kgo.Client) error {
			return c.closeOne(ctx, b, client, c.Logger())
		})
	})
}

// withKafka asks the serving process for Kafka's address, unless a flag gives it, and runs a
// function with the books and Kafka.
func (c *closing) withKafka(ctx context.Context, right books.Right, do func(context.Context, *books.Books, *kgo.Client) error) error {
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
	return c.within(ctx, right, func(ctx context.Context, b *books.Books) error {
		options, err := c.server.Access.Options(c.server.Kafka)
		if err != nil {
			return service.Exit(service.ExitUsage, err)
		}
		client, err := broker.Connect(ctx, c.server.Kafka, 10*time.Second, c.Logger(), options...)
		if err != nil {
			return service.Unreachable("cannot reach Kafka").Todo("start the broker or correct --kafka").Because(err)
		}
		defer client.Close()
		return do(ctx, b, client)
	})
}

// due is the named day, or the oldest that is over, and what arrived before its end.
func (c *closing) due(ctx context.Context, b *books.Books, client *kgo.Client) (d ledger.DayStatus, cut intake.Cut, err error) {
	zone, err := server.Zone(ctx, b.Ledger)
	if err != nil {
		return d, cut, err
	}
	end := func(day ledger.Day) time.Time { return day.Next().Time(zone).Add(c.grace) }
	d, err = due(ctx, b.Ledger, ledger.Day(c.server.Day), func(day ledger.Day) bool { return time.Now().After(end(day)) })
	switch {
	case err != nil || d.State != ledger.DayOpen:
	case c.server.Day == 0:
		cut, err = intake.CutBefore(ctx, client, end(d.Day))
	default:
		cut, err = intake.CutNow(ctx, client)
	}
	return d, cut, err
}

// closeOne closes the named day, or the oldest that is over.
func (c *closing) closeOne(ctx context.Context, b *books.Books, client *kgo.Client, log *slog.Logger) error {
	closer, err := server.NewCloser(ctx, b.Ledger, c.Data)
	if err != nil {
		return err
	}
	d, cut, err := c.due(ctx, b, client)
	if err != nil {
		return err
	}
	if c.dry {
		return c.preview(ctx, b, closer, d, cut)
	}
	if d.State == ledger.DayOpen {
		excluded, err := excluded(ctx, closer, d.Day)
		if err != nil {
			return err
		}
		if err := cut.Await(ctx, closer.Ledger, among(excluded), waiting(log, time.Now)); err != nil {
			return err
		}
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
	excluded, err := excluded(ctx, closer, d.Day)
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

func (c *closing) registerWithout() {
	c.flags.Func("without", "propose not to wait for a topic, or a `stream` TOPIC/PARTITION, that stands; may be repeated", func(text string) error {
		topic, partition, one := strings.Cut(text, "/")
		if _, err := strconv.ParseInt(partition, 10, 32); one && err != nil || !slices.Contains(message.InputTopics(), topic) {
			return language.Textf("want a topic of %s, or TOPIC/PARTITION", strings.Join(message.InputTopics(), ", "))
		}
		c.without = append(c.without, text)
		return nil
	})
}

// excluded lists the streams for which the close of a day does not wait, as two people decided.
func excluded(ctx context.Context, c *server.Closer, day ledger.Day) (names []string, err error) {
	list, err := c.Unread(ctx, day)
	for _, u := range list {
		names = append(names, u.Stream)
	}
	return names, err
}

// among returns a condition for streams: one of the names is theirs or their topic's.
func among(names []string) func(intake.Standing) bool {
	return func(s intake.Standing) bool {
		return slices.Contains(names, s.Topic) || slices.Contains(names, s.Stream)
	}
}

// proposeWithout proposes that the close of the day does not wait for those of the named streams
// that are behind.
func (c *closing) proposeWithout(ctx context.Context) error {
	var request dayclose.WithoutRequest
	err := c.withKafka(ctx, books.ToRead, func(ctx context.Context, b *books.Books, client *kgo.Client) error {
		d, cut, err := c.due(ctx, b, client)
		if err == nil {
			request, err = c.standing(ctx, b.Ledger, d.Day, cut)
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.asking(ctx, true, c.by.key, func(ctx context.Context, client *api.Client) error {
		return propose(ctx, c.by, client, dayclose.WithoutName, request)
	})
}

// standing is the request for those of the named streams that are behind.
func (c *closing) standing(ctx context.Context, l *ledger.Ledger, day ledger.Day, cut intake.Cut) (request dayclose.WithoutRequest, err error) {
	named := among(c.without)
	through, err := cut.Through(ctx, l, func(s intake.Standing) bool { return !named(s) })
	request.Day = day
	for _, s := range through.Behind {
		request.Streams = append(request.Streams, dayclose.Standing{Stream: s.Stream, At: s.At, End: s.End})
	}
	slices.SortFunc(request.Streams, func(a, b dayclose.Standing) int { return strings.Compare(a.Stream, b.Stream) })
	return request, err
}
