package main

import (
	"context"
	"errors"
	"os"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/service"
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
	c := newCommand("account limit", "--code CODE --cap YUAN [--alarm YUAN] --by NAME --and NAME --reason TEXT",
		"change an account's credit, by two people",
		"For accounts whose debits must not exceed their credits, such as a top-up agent's. It holds for every batch that\n"+
			"begins afterwards, in all processes, and is kept in the audit with what was used at the time. Amounts are in yuan,\n"+
			"in the answer of --json in fen.")
	c.registerJSON("print for machines")
	code := c.flags.String("code", "", "`code` of the account")
	var limit, alarm yuanValue
	c.flags.Var(&limit, "cap", "what its debits may exceed its credits by, in `yuan`")
	c.flags.Var(&alarm, "alarm", "from how many `yuan` of it on to raise an alarm; empty: never")
	below := c.flags.Bool("below-used", false, "also where more is used already: then nothing more is allowed until it is paid back")
	var by people
	by.register(c.flags)
	c.check = func() error {
		if *code == "" || !limit.set {
			return language.Textf("want --code, and --cap in yuan from 0 on")
		}
		return nil
	}
	return c.changes(func(ctx context.Context, b *books.Books) error {
		change, err := b.ChangeLimit(ctx, *code, ledger.Limit{Cap: limit.fen, Alarm: alarm.fen, BelowUsed: *below}, by.approval())
		if err != nil {
			return limitRefusal(*code, err)
		}
		if c.asJSON {
			return writeJSON(os.Stdout, change)
		}
		c.Print("%s: cap %v -> %v, alarm %v -> %v, used %v yuan", *code, change.OldCap, change.Cap, change.OldAlarm, change.Alarm, change.Used)
		return nil
	})
}

// limitRefusal says why a limit is not changed, and what may be done about just that.
func limitRefusal(code string, err error) error {
	var todo *language.Text
	var request *ledger.BatchError
	switch {
	case errors.Is(err, ledger.ErrLimit):
		todo = language.Textf("give a cap that is not below what is used, or --below-used")
	case errors.Is(err, ledger.ErrNoAccount):
		todo = language.Textf("citycard account lists them")
	case errors.As(err, &request):
		todo = language.Textf("correct what it names")
	default:
		return service.Fail("the limit of %s is not changed", code).Because(err)
	}
	return service.Refuse("the limit of %s is not changed", code).Todo("%w", todo).Because(err)
}
