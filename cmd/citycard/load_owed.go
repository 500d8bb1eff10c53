package main

import (
	"context"
	"fmt"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/owed"
	"citycard/clearing/people/api"
	"citycard/cmd/books"
	"citycard/cmd/server"
	"citycard/language"
)

const owedHeader = "SINCE\tWHY\t>YUAN\tCARD\tPLACER\tORDER\t>SEQUENCE\tNEXT"

func owedWords(why owed.Why, l language.Language) string {
	return l.Coded(string(why), string(why), map[owed.Why]string{
		owed.Waits: "待圈存逾期", owed.Held: "待人工核实", owed.Ended: "卡已停用", owed.Unconfirmed: "已授权未确认", owed.Due: "应退", owed.Altered: "账册行已被改动",
	}[why])
}

func owedCells(o api.Owed, l language.Language) []string {
	sequence := ""
	if o.Sequence != nil {
		sequence = fmt.Sprint(*o.Sequence)
	}
	if o.Row != "" {
		return []string{o.Since.String(), owedWords(o.Why, l), "", "", string(o.Placer), o.Order, "", o.Row + "; " + o.Next}
	}
	return []string{o.Since.String(), owedWords(o.Why, l), o.Fen.String(), o.Card, string(o.Placer), o.Order, sequence, o.Next}
}

func loadOwedCommand() *ffcli.Command {
	c := newCommand("load owed", "", "what is owed to the holders of cards and who acts next, oldest first",
		"waits: a paid order waits for its card for longer than the rules say (refund_after_days); held: its card may have it;\n"+
			"ended: it waits for a card that is ended; unconfirmed: MAC2 was given out for so long, and the card has not said that it\n"+
			"has the load; due: a card was lost or handed in, and its balance and deposit may be paid since that day;\n"+
			"altered: a row of the books cannot be what the program wrote, and what is owed by it is not known.")
	c.registerJSON(jsonLines)
	return c.reads(func(ctx context.Context, b *books.Books) error {
		figures, err := server.Owed(ctx, b.Ledger)
		if err != nil {
			return err
		}
		return list(c, owedHeader, owedCells, func(add func(api.Owed) error) error {
			for after := ""; ; {
				lines, next, err := owed.List(ctx, b.Ledger, figures, after, waitingPage)
				if err != nil {
					return err
				}
				for i := range lines {
					if err := add(api.OwedOf(c.Language, &lines[i])); err != nil {
						return err
					}
				}
				if after = next; after == "" {
					return nil
				}
			}
		})
	})
}
