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

func accountLimitCommand() *ffcli.Command {
	l, flags := newLook("account limit")
	code := flags.String("code", "", "`code` of the account / 账户代码")
	limit := flags.Int64("cap", -1, "what its debits may exceed its credits by, in `fen` / 授信额度")
	alarm := flags.Int64("alarm", 0, "from how many `fen` of it on to raise an alarm; 0: never / 预警线")
	below := flags.Bool("below-used", false, "also where more is used already: then nothing more is allowed until it is paid back / 允许低于已用额度")
	first := flags.String("by", "", "`name` of who asks for it / 申请人")
	second := flags.String("and", "", "`name` of who agrees, somebody else / 批准人")
	reason := flags.String("reason", "", "`text` that is kept with it / 原因")
	return &ffcli.Command{
		Name: "limit", ShortUsage: "citycard account limit --code CODE --cap FEN [--alarm FEN] --by NAME --and NAME --reason TEXT [flags]",
		ShortHelp: "change an account's credit, by two people / 双人变更授信额度", FlagSet: flags,
		LongHelp: "For accounts whose debits must not exceed their credits, such as a top-up agent's. It holds for every batch that\n" +
			"begins afterwards, in all processes, and is kept in the audit with what was used at the time.",
		Exec: func(ctx context.Context, args []string) error {
			if *code == "" || *limit < 0 {
				return service.Exit(service.ExitUsage, errors.New("want --code, and --cap in fen from 0 on"))
			}
			return l.act(ctx, args, func(books *ledger.Ledger) error {
				wanted := ledger.Limit{Cap: ledger.Fen(*limit), Alarm: ledger.Fen(*alarm), BelowUsed: *below}
				change, err := books.ChangeLimit(ctx, *code, wanted, ledger.Approval{First: *first, Second: *second, Reason: *reason, At: time.Now()})
				if err != nil {
					return service.Fail("the limit of "+*code+" is not changed / 授信额度未变更",
						"give two names, a reason, a cap that is not below what is used (or --below-used), and an account with a limit", err)
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
