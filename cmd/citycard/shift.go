package main

import (
	"context"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/people/api"
	"citycard/cmd/service"
	"citycard/language"
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
	c := newCommand("shift list", "[--channel ID] [--counter NAME] [--missing] [--limit N]", "shifts with their cash, the newest first",
		"Expected, counted and over (below zero: short), what is left in the drawer, and what loads brought: by the books, and as\n"+
			"the counter claims. An open shift has no count. Missing is what taps took from cards that were returned, by the\n"+
			"counter's word, and is not booked: after some days somebody has to ask the clerk.")
	c.registerJSON("print one object a line, with all figures of a shift")
	channel := c.flags.String("channel", "", "only of the channel with this `ID`")
	counter := c.flags.String("counter", "", "only at the counter of this `NAME`")
	missing := c.flags.Bool("missing", false, "only those of which a tap is missing")
	limit := c.flags.Int("limit", 50, "the greatest `number` of shifts")
	c.check = func() error {
		if *limit < 1 {
			return service.Exit(service.ExitUsage, language.Textf("--limit %d: want at least 1", *limit))
		}
		return nil
	}
	return c.asks(false, nil, func(ctx context.Context, client *api.Client) error {
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
