package main

import (
	"context"
	"slices"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/chart"
	"citycard/language"
)

func accountMarkCommand() *ffcli.Command {
	p := newProposing("account mark", "--code CODE --as open|frozen|closed", "propose to freeze, unfreeze or close an account",
		"Once somebody else has approved it, it holds for every batch that begins afterwards, in all processes. A frozen account\n"+
			"takes no transfer until it is open again; what must be booked to it waits, or is kept for a person. Only a frozen\n"+
			"account with nothing on it is closed, and stays so.")
	code := p.flags.String("code", "", "`code` of the account")
	as := p.flags.String("as", "", "`mark`: open, frozen or closed")
	p.check = func() error {
		if *code == "" || !slices.Contains(chart.Marks(), chart.Mark(*as)) {
			return language.Textf("want --code, and --as open, frozen or closed")
		}
		return nil
	}
	return proposes(p, chart.MarkName, func(context.Context) (chart.MarkRequest, error) {
		return chart.MarkRequest{Account: *code, As: chart.Mark(*as)}, nil
	})
}
