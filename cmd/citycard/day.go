package main

import (
	"context"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/dayclose"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

func dayCommand() *ffcli.Command {
	return group("day", "clearing days", "",
		dayStatusCommand(), dayCloseCommand(), dayFindingsCommand(), dayHeldCommand(), dayReleaseCommand(), dayReopenCommand(), daySealCommand())
}

// dayLine is a day as it is printed.
type dayLine struct {
	Day   string          `json:"day"`
	State ledger.DayState `json:"state"`
}

func (d dayLine) cells(l language.Language) []string {
	return []string{d.Day, server.StateIn(l, d.State)}
}

func dayStatusCommand() *ffcli.Command {
	c := newCommand("day status", "", "list the days", "")
	return c.reads(func(ctx context.Context, b *books.Books) error {
		days, err := b.Days(ctx)
		if err != nil {
			return err
		}
		var lines []dayLine
		for _, d := range days {
			lines = append(lines, dayLine{d.Day.String(), d.State})
		}
		return listAll(c, "", dayLine.cells, lines)
	})
}

// due is the day to close, and the day after it. The day to close is the named day, else the oldest
// day that is closing or over. So repeating the command never closes the next day as well.
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
			return d, service.Refuse("day %s is not closed yet", d.Day.String()).Todo("close the days in their order")
		}
	}
	return ledger.DayStatus{}, service.Refuse("no day is over that was not closed").Todo("name the day with --day; citycard day status lists them")
}

// oneDay is a command for one day of the books; the day must be named.
type oneDay struct {
	*command
	day books.Day
}

func newOneDay(name, usage, short, long string) *oneDay {
	d := &oneDay{command: newCommand(name, usage, short, long)}
	d.flags.Var(&d.day, "day", "the `day` YYYYMMDD")
	d.check = func() error {
		if d.day == 0 {
			return language.Textf("--day is missing: want YYYYMMDD")
		}
		return nil
	}
	return d
}

// known runs a function only if the books have the day.
func (d *oneDay) known(do func(context.Context, *books.Books, ledger.Day) error) func(context.Context, *books.Books) error {
	return func(ctx context.Context, b *books.Books) error {
		if err := knownDay(ctx, b.Ledger, ledger.Day(d.day)); err != nil {
			return err
		}
		return do(ctx, b, ledger.Day(d.day))
	}
}

func dayReopenCommand() *ffcli.Command {
	p := newProposing("day reopen", "--day DAY", "propose to reopen a closed day, before it is sealed", "")
	var day books.Day
	p.flags.Var(&day, "day", "the `day` YYYYMMDD")
	p.check = func() error {
		if day == 0 {
			return language.Textf("--day is missing: want YYYYMMDD")
		}
		return nil
	}
	return proposes(p, dayclose.ReopenName, func(context.Context) (dayclose.ReopenRequest, error) {
		return dayclose.ReopenRequest{Day: ledger.Day(day)}, nil
	})
}

func daySealCommand() *ffcli.Command {
	c := newOneDay("day seal", "--day DAY", "seal a closed day for good",
		"Signs the day's root with seal.key of the data directory, which \"citycard seal-key make\" has made. No key is made here.")
	return c.changes(c.known(func(ctx context.Context, b *books.Books, day ledger.Day) error {
		closer, err := server.NewCloser(ctx, b.Ledger, c.Data)
		if err != nil {
			return err
		}
		seal, err := closer.SealWith(ctx, c.Data, day)
		if err != nil {
			return err
		}
		c.Print("day %s sealed over %d streams, root %x, by the key %x", day, seal.Streams, seal.Root, []byte(seal.Signer))
		return nil
	}))
}
