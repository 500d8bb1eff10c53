package main

import (
	"context"
	"errors"
	"os"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/cmd/books"
	"citycard/cmd/service"
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
		return errors.New("want yuan such as 2000 or 2000.50, 0 or more / 单位元")
	}
	y.fen, y.set = fen, true
	return nil
}

func accountLimitCommand() *ffcli.Command {
	c := newCommand("account limit", "--code CODE --cap YUAN [--alarm YUAN] --by NAME --and NAME --reason TEXT",
		"change an account's credit, by two people / 双人变更授信额度",
		"For accounts whose debits must not exceed their credits, such as a top-up agent's. It holds for every batch that\n"+
			"begins afterwards, in all processes, and is kept in the audit with what was used at the time. Amounts are in yuan,\n"+
			"in the answer of --json in fen.")
	c.registerJSON("print for machines")
	code := c.flags.String("code", "", "`code` of the account / 账户代码")
	var limit, alarm yuanValue
	c.flags.Var(&limit, "cap", "what its debits may exceed its credits by, in `yuan` / 授信额度(元)")
	c.flags.Var(&alarm, "alarm", "from how many `yuan` of it on to raise an alarm; empty: never / 预警线(元)")
	below := c.flags.Bool("below-used", false, "also where more is used already: then nothing more is allowed until it is paid back / 允许低于已用额度")
	var by people
	by.register(c.flags)
	c.check = func() error {
		if *code == "" || !limit.set {
			return errors.New("want --code, and --cap in yuan from 0 on / 缺少账户或额度")
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
		c.Print("%s: cap %v -> %v, alarm %v -> %v, used %v yuan / 授信额度已变更", *code, change.OldCap, change.Cap, change.OldAlarm, change.Alarm, change.Used)
		return nil
	})
}

// limitRefusal says why a limit is not changed, and what may be done about just that.
func limitRefusal(code string, err error) error {
	todo := ""
	var request *ledger.BatchError
	switch {
	case errors.Is(err, ledger.ErrLimit):
		todo = "give a cap that is not below what is used, or --below-used / 额度不得低于已用,除非 --below-used"
	case errors.Is(err, ledger.ErrNoAccount):
		todo = "citycard account lists them / 没有该账户"
	case errors.As(err, &request):
		todo = "correct what it names / 请更正"
	default:
		return service.Fail("the limit of "+code+" is not changed / 授信额度未变更", "", err)
	}
	return service.Refuse("the limit of "+code+" is not changed / 授信额度未变更", todo, err)
}
