package main

import (
	"context"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/dayclose"
	"citycard/clearing/people/api"
	"citycard/cmd/books"
	"citycard/cmd/server"
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
	return c.acts(func(ctx context.Context, client *api.Client) error {
		seal, err := client.Seal(ctx, ledger.Day(c.day), c.dry)
		if err != nil {
			return failedBy(err)
		}
		c.Print("day %s sealed over %d streams, root %s, by the key %s", seal.Day, seal.Streams, seal.Root, seal.Signer)
		return nil
	})
}
