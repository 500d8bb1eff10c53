package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/peterbourgon/ff/v3/ffcli"

	"citycard/clearing/dayclose"
	"citycard/clearing/release"
	"citycard/cmd/books"
	"citycard/cmd/service"
	"citycard/ledger"
)

// printUnpaid says what a close of a day left unpaid, and what is to be done about it.
func printUnpaid(result *dayclose.Result) {
	for _, u := range result.Unpaid {
		if held := (*dayclose.Held)(nil); errors.As(u.Err, &held) {
			fmt.Printf("HELD: %s yuan of %s (%v); look into its terminals, then two people: citycard day release --day %s --operator %s / 验证码错误率异常,暂缓付款,须双人放行\n",
				u.Fen.String(), u.Code, held, result.Day, held.Operator)
			continue
		}
		fmt.Printf("NOT PAID: %s yuan of %s (%v); reopen the day once its account may move / 未付款,账户恢复后请重开清算日\n", u.Fen.String(), u.Code, u.Err)
	}
}

func dayReleaseCommand() *ffcli.Command {
	flags := flag.NewFlagSet("citycard day release", flag.ContinueOnError)
	var d decision
	var held books.Day
	d.register(flags)
	flags.Var(&held, "day", "the clearing `day` YYYYMMDD that is not paid / 清算日")
	operator := flags.String("operator", "", "`ID` of the operator / 运营单位")
	return &ffcli.Command{
		Name:       "release",
		ShortUsage: "citycard day release --day DAY --operator ID --by NAME --and NAME --reason TEXT [flags]",
		ShortHelp:  "pay an operator what a close held, by two people / 双人放行暂缓付款",
		LongHelp: "A close does not pay an operator at whose terminals too many TACs of the day were wrong: somebody may be guessing\n" +
			"them. citycard tap find --reason bad_tac has the records. The payment is booked in the open day, once.",
		FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			if held == 0 || *operator == "" {
				return service.Exit(service.ExitUsage, errors.New("want --day YYYYMMDD and --operator ID / 缺少清算日或运营单位"))
			}
			p := release.Payout{Day: ledger.Day(held), Operator: *operator, By: d.approval()}
			return d.run(ctx, args, "day "+held.String()+" of operator "+*operator+" paid",
				func(office *release.Office) (release.Done, error) { return office.Payout(ctx, p) })
		},
	}
}

// heldLine is a held payout as it is printed.
type heldLine struct {
	Day      string     `json:"day"`
	Operator string     `json:"operator"`
	Fen      ledger.Fen `json:"fen"`
	Wrong    int64      `json:"wrong_tacs"`
	Verified int64      `json:"verified_tacs"`
	Rule     string     `json:"rule"`
	Released bool       `json:"released"`
}

func (h heldLine) text() string {
	state := "waits / 待放行"
	if h.Released {
		state = "released / 已放行"
	}
	return strings.Join([]string{h.Day, h.Operator, h.Fen.String(), fmt.Sprint(h.Wrong), fmt.Sprint(h.Verified), h.Rule, state}, "\t")
}

const heldHeader = "DAY 清算日\tOPERATOR 运营单位\tYUAN 元\tWRONG 错误\tVERIFIED 正确\tRULE 规则\tSTATE 状态"

func dayHeldCommand() *ffcli.Command {
	l, flags := newLook("day held")
	from, to := books.Day(19000101), books.Day(29991231)
	flags.Var(&from, "from", "first clearing `day` YYYYMMDD / 起始日")
	flags.Var(&to, "to", "last clearing `day` YYYYMMDD / 结束日")
	all := flags.Bool("all", false, "what was released, too / 包括已放行")
	return &ffcli.Command{
		Name: "held", ShortUsage: "citycard day held [--from DAY] [--to DAY] [--all] [flags]",
		ShortHelp: "payouts that closes held and that still wait / 暂缓付款", FlagSet: flags,
		Exec: func(ctx context.Context, args []string) error {
			return l.books(ctx, args, func(books *ledger.Ledger) error {
				out := newSheet(os.Stdout, l.asJSON, heldHeader, heldLine.text)
				err := dayclose.EachHeld(ctx, books, ledger.Day(from), ledger.Day(to), func(h dayclose.HeldPayout) error {
					if h.Released && !*all {
						return nil
					}
					return out.add(heldLine{h.Day.String(), h.Operator, h.Fen, h.Why.Wrong, h.Why.Verified, h.Why.Rule, h.Released})
				})
				return firstOf(err, out.close())
			})
		},
	}
}
