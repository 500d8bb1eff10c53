package main

import (
	"cmp"
	"context"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/people/api"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
)

func shiftCommand() *ffcli.Command {
	return group("shift", "shifts at counters, and their cash", "Shifts are opened and closed at a counter: cardterm counter shift.", shiftListCommand())
}

// shiftLine is a shift as it is printed.
type shiftLine struct{ api.Shift }

const shiftHeader = ">SHIFT\tUNIT\tAT COUNTER\tOPENED\tBY\tCLOSED\tBY\t>EXPECTED\t>COUNTED\t>OVER\t>LEFT\t>LOADS\t>CLAIMED\t>MISSING"

func (s shiftLine) cells(language.Language) []string {
	closed, counted, over := "", "", ""
	if s.Closed != nil {
		closed, counted, over = s.Closed.UTC().Format(time.RFC3339), s.Counted.String(), s.Difference.String()
	}
	return []string{
		number(s.Number), string(s.Unit), s.Counter, s.Opened.UTC().Format(time.RFC3339), s.OpenedBy, closed, s.ClosedBy,
		s.Expected.String(), counted, over, s.Left.String(), s.Loaded.String(), s.Claimed.String(), s.Missing.String(),
	}
}

// shiftPage is how many shifts are asked for at once.
const shiftPage = 200

func shiftListCommand() *ffcli.Command {
	c := newCommand("shift list", "[--channel ID] [--counter NAME] [--missing] [--limit N] | --handed | --owed | --differences [--from DAY] [--to DAY]", "shifts with their cash, the newest first",
		"Expected, counted and over (below zero: short), what is left in the drawer, and what loads brought: by the books, and as\n"+
			"the counter claims. An open shift has no count. Missing is what taps took from cards that were returned, by the\n"+
			"counter's word, and is not booked: after some days somebody has to ask the clerk.\n"+
			"--handed lists cash that was handed over instead, with who received it; what the bank has not received yet is the\n"+
			"balance of handed:ID (citycard account). --owed lists loads that two people have given back to a channel, and whose cash\n"+
			"no counter has given to the customer. --differences adds up what was over and short for each person who counted.")
	c.registerJSON("print one object a line, with all figures of a shift")
	channel := c.flags.String("channel", "", "only of the channel with this `ID`")
	counter := c.flags.String("counter", "", "only at the counter of this `NAME`")
	missing := c.flags.Bool("missing", false, "only those of which a tap is missing")
	handed := c.flags.Bool("handed", false, "cash that was handed over, the newest first")
	owed := c.flags.Bool("owed", false, "cash of loads that counters are to give back")
	differences := c.flags.Bool("differences", false, "what was over and short, by person")
	var of span
	c.flags.Var(&of.from, "from", "with --differences: the first `day` YYYYMMDD; without it the first of the month")
	c.flags.Var(&of.to, "to", "with --differences: the last `day` YYYYMMDD; without it today in UTC")
	limit := c.flags.Int("limit", 50, "the greatest `number` of rows")
	c.check = func() error {
		switch {
		case *limit < 1:
			return service.Exit(service.ExitUsage, language.Textf("--limit %d: want at least 1", *limit))
		case several(*handed, *owed, *differences, *missing || *counter != "") || !*differences && (of.from != 0 || of.to != 0):
			return service.Exit(service.ExitUsage, language.Textf("--handed, --owed and --differences are lists of their own, of a channel or of all; --from and --to belong to --differences"))
		}
		return nil
	}
	return c.asks(false, nil, func(ctx context.Context, client *api.Client) error {
		switch {
		case *handed:
			return listHanded(ctx, c, client, *channel, *limit)
		case *owed:
			return listOwedCash(ctx, c, client, *channel, *limit)
		case *differences:
			return listDifferences(ctx, c, client, *channel, of, *limit)
		}
		err := list(c, shiftHeader, shiftLine.cells, func(add func(shiftLine) error) error {
			for before, left := int64(0), *limit; left > 0; {
				page, err := client.Shifts(ctx, *channel, *counter, *missing, before, min(left, shiftPage))
				if err != nil {
					return err
				}
				for _, s := range page.Shifts {
					if err := add(shiftLine{s}); err != nil {
						return err
					}
				}
				if before = page.Next; before == 0 {
					return nil
				}
				left -= len(page.Shifts)
			}
			return nil
		})
		if err != nil {
			return refusedBy(language.Textf("no shifts are listed"), err)
		}
		return nil
	})
}

const handedHeader = ">ENTRY\tUNIT\t>SHIFT\tORDER\tAT\tBY\tRECEIVED BY\tTO\t>YUAN"

// handedLine is cash that was handed over, as it is printed.
type handedLine struct{ api.CashHanded }

func (h handedLine) cells(language.Language) []string {
	return []string{number(h.Entry), string(h.Unit), number(h.Shift), h.Order, h.At.UTC().Format(time.RFC3339), h.By, h.Received, h.To, h.Fen.String()}
}

func listHanded(ctx context.Context, c *command, client *api.Client, channel string, limit int) error {
	err := list(c, handedHeader, handedLine.cells, func(add func(handedLine) error) error {
		for before, left := int64(0), limit; left > 0; {
			page, err := client.HandedOver(ctx, channel, before, min(left, shiftPage))
			if err != nil {
				return err
			}
			for _, h := range page.Handed {
				if err := add(handedLine{h}); err != nil {
					return err
				}
			}
			if before = page.Next; before == 0 {
				return nil
			}
			left -= len(page.Handed)
		}
		return nil
	})
	if err != nil {
		return refusedBy(language.Textf("no cash that was handed over is listed"), err)
	}
	return nil
}

const differencesHeader = "PERSON\tUNIT\t>TIMES\t>OVER\t>SHORT\t>ALONE"

// differencesLine is what a person has said is over and short, as it is printed.
type differencesLine struct{ api.PersonDifferences }

func (d differencesLine) cells(language.Language) []string {
	return []string{d.Person, string(d.Unit), number(d.Times), d.Over.String(), d.Short.String(), d.Alone.String()}
}

func listDifferences(ctx context.Context, c *command, client *api.Client, channel string, of span, limit int) error {
	_, to := of.days()
	to = cmp.Or(to, ledger.DayOf(time.Now().UTC()))
	from := cmp.Or(ledger.Day(of.from), to-to%100+1)
	err := list(c, differencesHeader, differencesLine.cells, func(add func(differencesLine) error) error {
		for after, left := "", limit; left > 0; {
			page, err := client.Differences(ctx, channel, from, to, after, min(left, shiftPage))
			if err != nil {
				return err
			}
			for _, d := range page.Persons {
				if err := add(differencesLine{d}); err != nil {
					return err
				}
			}
			if after = page.Next; after == "" {
				return nil
			}
			left -= len(page.Persons)
		}
		return nil
	})
	if err != nil {
		return refusedBy(language.Textf("no differences are listed"), err)
	}
	return nil
}

const owedCashHeader = "UNIT\tORDER\tCARD\t>YUAN"

// owedCashLine is cash that is to be given back, as it is printed.
type owedCashLine struct{ api.CashOwed }

func (o owedCashLine) cells(language.Language) []string {
	return []string{string(o.Unit), o.Load, o.Card, o.Fen.String()}
}

func listOwedCash(ctx context.Context, c *command, client *api.Client, channel string, limit int) error {
	err := list(c, owedCashHeader, owedCashLine.cells, func(add func(owedCashLine) error) error {
		for after, left := "", limit; left > 0; {
			page, err := client.OwedCash(ctx, channel, after, min(left, shiftPage))
			if err != nil {
				return err
			}
			for _, o := range page.Owed {
				if err := add(owedCashLine{o}); err != nil {
					return err
				}
			}
			if after = page.Next; after == "" {
				return nil
			}
			left -= len(page.Owed)
		}
		return nil
	})
	if err != nil {
		return refusedBy(language.Textf("no cash that is to be given back is listed"), err)
	}
	return nil
}

// several reports whether more than one is true.
func several(all ...bool) bool {
	n := 0
	for _, is := range all {
		if is {
			n++
		}
	}
	return n > 1
}
