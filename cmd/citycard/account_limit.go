package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/peterbourgon/ff/v3/ffcli"

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
	l, flags := newLook("account limit")
	code := flags.String("code", "", "`code` of the account / 账户代码")
	var limit, alarm yuanValue
	flags.Var(&limit, "cap", "what its debits may exceed its credits by, in `yuan` / 授信额度(元)")
	flags.Var(&alarm, "alarm", "from how many `yuan` of it on to raise an alarm; empty: never / 预警线(元)")
	below := flags.Bool("below-used", false, "also where more is used already: then nothing more is allowed until it is paid back / 允许低于已用额度")
	first := flags.String("by", "", "`name` of who asks for it / 申请人")
	second := flags.String("and", "", "`name` of who agrees, somebody else / 批准人")
	reason := flags.String("reason", "", "`text` that is kept with it / 原因")
	return &ffcli.Command{
		Name: "limit", ShortUsage: "citycard account limit --code CODE --cap YUAN [--alarm YUAN] --by NAME --and NAME --reason TEXT [flags]",
		ShortHelp: "change an account's credit, by two people / 双人变更授信额度", FlagSet: flags,
		LongHelp: "For accounts whose debits must not exceed their credits, such as a top-up agent's. It holds for every batch that\n" +
			"begins afterwards, in all processes, and is kept in the audit with what was used at the time. Amounts are in yuan,\n" +
			"in the answer of --json in fen.",
		Exec: func(ctx context.Context, args []string) error {
			if *code == "" || !limit.set {
				return service.Exit(service.ExitUsage, errors.New("want --code, and --cap in yuan from 0 on / 缺少账户或额度"))
			}
			return l.act(ctx, args, func(books *ledger.Ledger) error {
				wanted := ledger.Limit{Cap: limit.fen, Alarm: alarm.fen, BelowUsed: *below}
				change, err := books.ChangeLimit(ctx, *code, wanted, ledger.Approval{First: *first, Second: *second, Reason: *reason, At: time.Now()})
				if err != nil {
					return limitRefusal(*code, err)
				}
				if l.asJSON {
					return json.NewEncoder(os.Stdout).Encode(change)
				}
				fmt.Printf("%s: cap %v -> %v, alarm %v -> %v, used %v yuan / 授信额度已变更\n", *code, change.OldCap, change.Cap, change.OldAlarm, change.Alarm, change.Used)
				return nil
			})
		},
	}
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
