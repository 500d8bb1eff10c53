package main

import (
	"context"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/chart"
	"citycard/language"
	"citycard/ledger"
)

// yuanValue is a flag that holds an amount, which is given in yuan.
type yuanValue struct {
	fen ledger.Fen
	set bool
}

func (y *yuanValue) String() string {
	if !y.set {
		return ""
	}
	return y.fen.String()
}

func (y *yuanValue) Set(text string) error {
	fen, err := parseYuan(text)
	if err != nil {
		return language.Textf("want yuan such as 2000 or 2000.50, 0 or more")
	}
	y.fen, y.set = fen, true
	return nil
}

func accountLimitCommand() *ffcli.Command {
	p := newProposing("account limit", "--code CODE --cap YUAN [--alarm YUAN]", "propose another credit of an account",
		"For accounts whose debits must not exceed their credits, such as a top-up agent's. Once somebody else has approved it,\n"+
			"it holds for every batch that begins afterwards, in all processes, and is kept in the audit with what was used at\n"+
			"the time. Amounts are in yuan, in the answer of --json in fen.")
	code := p.flags.String("code", "", "`code` of the account")
	var limit, alarm yuanValue
	p.flags.Var(&limit, "cap", "what its debits may exceed its credits by, in `yuan`")
	p.flags.Var(&alarm, "alarm", "from how many `yuan` of it on to raise an alarm; empty: never")
	below := p.flags.Bool("below-used", false, "also where more is used already: then nothing more is allowed until it is paid back")
	p.check = func() error {
		if *code == "" || !limit.set {
			return language.Textf("want --code, and --cap in yuan from 0 on")
		}
		return nil
	}
	return proposes(p, chart.LimitName, func(context.Context) (chart.LimitRequest, error) {
		return chart.LimitRequest{Account: *code, Cap: limit.fen, Alarm: alarm.fen, BelowUsed: *below}, nil
	})
}
