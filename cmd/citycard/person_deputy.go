package main

import (
	"context"

	"github.com/peterbourgon/ff/v3/ffcli"

	staff "citycard/clearing/people"
	"citycard/clearing/people/api"
	"citycard/cmd/books"
	"citycard/language"
	"citycard/ledger"
)

func personDeputyCommand() *ffcli.Command {
	p := newProposing("person deputy", "--id ID --for ID (--from DAY --to DAY | --end)", "propose, as a keeper, that somebody stands in for a supervisor for a time",
		"The deputy is a clerk or a supervisor of the same unit. From the first day to the last, both included, they may do what\n"+
			"the supervisor may, in their own name and with their own key; they decide nothing that the supervisor has proposed.\n"+
			"--end ends it before.")
	id := p.flags.String("id", "", "`id` of the deputy")
	other := p.flags.String("for", "", "`id` of the supervisor")
	var from, to books.Day
	p.flags.Var(&from, "from", "first `day` YYYYMMDD, in the city's zone")
	p.flags.Var(&to, "to", "last `day` YYYYMMDD")
	end := p.flags.Bool("end", false, "it ends now")
	p.check = func() error {
		switch {
		case *id == "" || *other == "":
			return language.Textf("want --id of the deputy, and --for whom")
		case *end == (from != 0 || to != 0) || !*end && (from == 0 || to == 0):
			return language.Textf("want --from and --to, or --end")
		case to < from:
			return language.Textf("--to is before --from")
		}
		return p.complete()
	}
	return p.asks(true, p.key, func(ctx context.Context, client *api.Client) error {
		if *end {
			return propose(ctx, p, client, staff.ActEndDeputy, staff.EndDeputy{ID: *id, For: *other})
		}
		_, zone, err := booksOf(ctx, client)
		if err != nil {
			return err
		}
		return propose(ctx, p, client, staff.ActDeputy, staff.Deputy{
			ID: *id, For: *other, From: zone.text(ledger.Day(from).Time(zone.Location)), Until: zone.text(ledger.Day(to).Next().Time(zone.Location)),
		})
	})
}
