package main

import (
	"context"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/chart"
	"citycard/clearing/transit/load"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/language"
	"citycard/ledger"
	"citycard/ledger/shadow"
)

func channelCommand() *ffcli.Command {
	return group("channel", "top-up channels", "", channelStatementCommand())
}

// channelLine is a line of a channel's statement, as it is printed.
type channelLine struct {
	Day     string     `json:"day"` // clearing day
	Purpose string     `json:"purpose"`
	Count   int64      `json:"count"`
	Fen     ledger.Fen `json:"fen"`  // above zero: the channel owes more
	Owes    ledger.Fen `json:"owes"` // after the line
}

const channelHeader = "DAY\tPURPOSE\t>COUNT\t>YUAN\t>OWES"

func (c channelLine) cells(language.Language) []string {
	return []string{c.Day, c.Purpose, fmt.Sprint(c.Count), c.Fen.String(), c.Owes.String()}
}

func channelStatementCommand() *ffcli.Command {
	c := newCommand("channel statement", "--channel ID [--from DAY] [--to DAY]", "what a channel took, earned, paid in and owes, by clearing day",
		"Loads and what it got back for them, cash of sales, returned cards, what its bank paid in, and the commission that the\n"+
			"close of a day books by its contract; and how many orders have an invoice that was asked for, issued or red-lettered last\n"+
			"on the day. Amounts are in yuan, with --json in fen; above zero the channel owes more.")
	channel := c.flags.String("channel", "", "`ID` of the channel")
	of := everyDay()
	c.flags.Var(&of.from, "from", "first clearing `day` YYYYMMDD")
	c.flags.Var(&of.to, "to", "last clearing `day` YYYYMMDD")
	c.registerJSON(jsonLines)
	c.check = func() error {
		if *channel == "" {
			return language.Textf("--channel is missing: want the channel's ID")
		}
		return of.check()
	}
	return c.reads(func(ctx context.Context, b *books.Books) error {
		code := chart.Channel(*channel)
		accounts, err := b.Accounts(ctx)
		if err != nil {
			return err
		}
		if _, known := accounts.Account(code); !known {
			return service.Refuse("there is no channel %q", *channel).Todo("citycard registry show channels lists them")
		}
		before, err := shadow.SumsAsOf(ctx, b.Ledger, code, shadow.AsOf{Day: ledger.Day(of.from).Add(-1)})
		if err != nil {
			return err
		}
		owes := -before.CreditBalance()
		return list(c, channelHeader, channelLine.cells, func(add func(channelLine) error) error {
			return load.Statement(ctx, b.Ledger, *channel, ledger.Day(of.from), ledger.Day(of.to), func(l load.StatementLine) error {
				owes += l.Fen
				return add(channelLine{l.Day.String(), l.Purpose, l.Count, l.Fen, owes})
			})
		})
	})
}
