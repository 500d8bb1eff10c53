package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/dayclose"
	"citycard/clearing/message"
	"citycard/clearing/people/api"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/language"
	"citycard/ledger"
)

// closing holds the flags of citycard day close.
type closing struct {
	*command
	day     books.Day
	grace   time.Duration
	without []string  // topics, or partitions of them; then it proposes
	by      *proposer // who proposes
}

func dayCloseCommand() *ffcli.Command {
	c := &closing{command: newCommand("day close", "[--without STREAM --identity FILE --reason TEXT]", "close and settle a day",
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
	c.flags.StringVar(&c.settings.Kafka, "kafka", "", "`HOST:PORT[,…]` of Kafka, where no citycard serve runs; a running one reads its own")
	c.settings.Access.Register(c.flags)
	c.flags.Var(&c.day, "day", "the `day` YYYYMMDD to close, over or not; empty: the oldest that is over")
	c.flags.DurationVar(&c.grace, "grace", 30*time.Minute, "how long after midnight what arrives still counts")
	c.registerWithout()
	c.registerDry(&c.dry)
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
			return c.asking(ctx, true, c.by.key, c.proposeWithout)
		}
		return c.asking(ctx, true, nil, c.closeOne)
	})
}

// what is what is asked for.
func (c *closing) what() api.Closing { return api.Closing{Day: ledger.Day(c.day), Grace: c.grace} }

// closeOne closes the named day, or the oldest that is over.
func (c *closing) closeOne(ctx context.Context, client *api.Client) error {
	if c.dry {
		preview, err := client.PreviewClose(ctx, c.what())
		if err == nil {
			c.preview(&preview)
		}
		return failedBy(err)
	}
	var last *api.Waiting
	say := waiting(c.Logger(), time.Now)
	closed, err := client.CloseDay(ctx, c.what(), func(w *api.Waiting) {
		last = w
		say(w)
	})
	if ctx.Err() != nil && last != nil && len(last.Behind) > 0 {
		first := last.Behind[0]
		return fmt.Errorf("%s stands at %d of %d: %w", first.Stream, first.At, first.End, ctx.Err())
	}
	if err == nil {
		c.print(&closed)
	}
	return c.goesOn(ctx, failedBy(err))
}

// printDue prints the value date of a day.
func (c *closing) printDue(day ledger.Day, due api.Due) {
	if text := due.Unknown.String(); text != "" {
		c.Print("when operators' money of day %s is due is not known: %s", day, text)
		return
	}
	c.Print("operators' money of day %s is due on %s", day, due.Day)
}

// preview prints what the close would wait for, pay and hold, given the present books.
func (c *closing) preview(p *api.Preview) {
	c.Print("day %s, which is %s, is closed, and %s follows", p.Day, server.StateIn(c.Language, p.State), p.Next)
	for _, s := range p.Behind {
		c.Print("it waits for %s, which is at %d of %d", s.Stream, s.At, s.End)
	}
	for _, name := range p.Excluded {
		c.Print("it does not wait for %s", name)
	}
	for _, payment := range p.Payments {
		c.Print("%s -> %s %s", payment.Debit, payment.Credit, payment.Fen.String())
	}
	c.printDue(p.Day, p.Due)
	c.printUnpaid(p.Day, p.Unpaid)
	c.Print("amounts are those of what is booked by now")
}

// print prints what a close has done, and what people still have to do.
func (c *closing) print(closed *api.Closed) {
	c.Print("day %s closed; settlement files in %s", closed.Day, closed.Files)
	c.printDue(closed.Day, closed.Due)
	c.printUnpaid(closed.Day, closed.Unpaid)
	for _, u := range closed.Without {
		c.Print("WITHOUT %s, which stood at %d of %d; what it holds is booked when it is read", u.Stream, u.At, u.End)
	}
	if text := closed.Uncounted.String(); text != "" {
		c.Print("how many records are kept alone is not known: %s; ask citycard quarantine list", text)
	}
	if closed.Quarantined > 0 {
		c.Print("%d records are kept alone and are not booked: citycard quarantine list", closed.Quarantined)
	}
	c.Print("%d findings in cards and SAMs: citycard day findings --day %s", closed.Findings, closed.Day)
}

// waiting logs every few seconds which streams are behind and their positions, so that the user
// does not wait silently for a process that does not run.
func waiting(log *slog.Logger, now func() time.Time) func(*api.Waiting) {
	const every, most = 5 * time.Second, 10
	said := now()
	return func(t *api.Waiting) {
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

// proposeWithout proposes that the close of the day does not wait for those of the named streams
// that are behind.
func (c *closing) proposeWithout(ctx context.Context, client *api.Client) error {
	request, err := client.Standing(ctx, c.what(), c.without)
	if err != nil {
		return failedBy(err)
	}
	return propose(ctx, c.by, client, dayclose.WithoutName, request)
}
